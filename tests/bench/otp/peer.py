"""A peer's sampler, or the producer of its backlog: `python -m tests.bench.otp.peer celery_peer sample`.

The peer is a module that has `send(phone)`, `give(phones)` and `waiting()`; it is known by one name here and in its
workers, which some of them insist on.
"""

from __future__ import annotations

import importlib
import sys

from tests.bench.otp.pace import restock, serve

if __name__ == "__main__":
    peer = importlib.import_module(f"tests.bench.otp.{sys.argv[1]}")
    if sys.argv[2] == "sample":
        serve(peer.send)
    else:
        restock(peer.waiting, peer.give, int(sys.argv[3]))
