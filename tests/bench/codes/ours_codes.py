"""Our sampler: `smsq.send` in the urgent lane, from a program of its own, as a web application would call it."""

from __future__ import annotations

from producers import Smsq
from tests.bench.codes.pace import TEXT, serve

if __name__ == "__main__":
    with Smsq() as smsq:
        serve(lambda phone: smsq.send(phone, TEXT, lane="urgent"))
