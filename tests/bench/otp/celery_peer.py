"""Celery on Redis, in an environment of its own: codes have a queue and a worker of their own, as its users advise.

Loaded by celery's own command line, and by `peer`.
"""

from __future__ import annotations

import os

import redis
from celery import Celery

from tests.bench.otp.pace import BULK_TEXT, TEXT
from tests.bench.otp.post import post

URL = os.environ["BENCH_BROKER"]
client = redis.Redis.from_url(URL)

app = Celery("codes", broker=f"redis+socket://{URL.removeprefix('unix://').partition('?')[0]}")
app.conf.update(
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_routes={"code": "codes", "bulk": "bulk"},
)


@app.task(name="code")
def code(phone: int) -> None:
    """Send one code."""
    post([f"+{phone}"], TEXT)


@app.task(name="bulk")
def bulk(phones: list[str]) -> None:
    """Send one text to a hundred phones."""
    post(phones, BULK_TEXT)


def send(phone: int) -> None:
    """Enqueue a code."""
    code.delay(phone)


def give(phones: list[str]) -> None:
    """Enqueue a part of the backlog."""
    bulk.delay(phones)


def waiting() -> int:
    """How many tasks of the backlog wait."""
    return int(client.llen("bulk"))  # type: ignore[arg-type]
