"""Celery with what its documentation and most articles recommend for calls over the network.

Runs in an environment of its own: as `celery -A tests.bench.doubles.celery_tasks worker`, and by itself as the
producer that enqueues everything, waits, and prints what became of the tasks by Celery's own result backend.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from celery import Celery

from tests.bench.doubles.one_send import one_send, told

app = Celery("doubles", broker=os.environ["DOUBLES_BROKER"], backend=os.environ["DOUBLES_BROKER"])
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
LOOK_S = 0.2


# Jitter and three retries are defaults. Named, since the worker and the producer know this module by two names.
@app.task(name="send", autoretry_for=(Exception,), retry_backoff=True, acks_late=True)
def send(n: int) -> None:
    """Send one message; anything that goes wrong is tried again, later and later."""
    one_send(n)


def main() -> None:
    patience_s = float(os.environ["DOUBLES_PATIENCE_S"])
    results: list[Any] = [send.delay(n) for n in range(len(told["phones"]))]
    until = time.monotonic() + patience_s
    while time.monotonic() < until and not all(result.ready() for result in results):
        time.sleep(LOOK_S)
    states = [result.state for result in results]
    believed = {"sent": states.count("SUCCESS"), "failed": states.count("FAILURE")}
    print(json.dumps({**believed, "undecided": len(states) - sum(believed.values())}))


if __name__ == "__main__":
    main()
