"""What a span costs the thread that sends: `python -m tests.bench.traces`. Its collector is away."""

from __future__ import annotations

import logging
import os
import sys
import time
from types import SimpleNamespace
from typing import Any

from smsq.worker.domain.batch import Ref

SPANS, ROUNDS = 400, 5  # less than the queue of the library holds


def main() -> int:
    """Print the time of the import, and the processor time of a span: the least of some rounds."""
    logging.disable()
    began = time.perf_counter()
    from smsq.worker.traces import Traces

    imported_s = time.perf_counter() - began
    traces = Traces("http://127.0.0.1:1/v1/traces")
    options = SimpleNamespace(channel="sms")
    told: dict[str, Any] = {"lane": "bulk", "gateway_id": 1_234_567_890, "attempt": 1, "recipients": range(100)}
    claim: Any = SimpleNamespace(ref=Ref(4711, "k7xm2"), options=options, **told)
    took = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(SPANS):
            traces.sent(claim, "smsc.ru", "accepted", 0.05)
        took.append((time.thread_time() - began) / SPANS)
    print(f"import {imported_s:.2f} s, a span {min(took) * 1e6:.0f} µs")
    sys.stdout.flush()
    os._exit(0)  # without a last try to reach the collector


if __name__ == "__main__":
    sys.exit(main())
