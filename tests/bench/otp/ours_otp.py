"""Our sampler: an urgent message from a program of its own, as a web application would send it.

With the argument `otp` it is a code of `smsq.otp.send`, else a text of the caller's by `smsq.send`.
"""

from __future__ import annotations

import sys

from smsq import Smsq
from tests.bench.otp.pace import TEXT, serve

if __name__ == "__main__":
    with Smsq() as smsq:
        serve(smsq.otp.send if "otp" in sys.argv else lambda phone: smsq.send(phone, TEXT, lane="urgent"))
