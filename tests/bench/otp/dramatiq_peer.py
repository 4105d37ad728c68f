"""Stock dramatiq: its Redis broker and default middleware; an actor makes the request with `requests`.

Loaded by dramatiq's own command line, and by `peer`. A queue that had a
message just now is looked at more often, so codes go round many queues alike and find each as idle as in life.
"""

from __future__ import annotations

import os

import dramatiq
import redis
import requests
from dramatiq.brokers.redis import RedisBroker
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from tests.bench.otp.pace import BULK_TEXT, TEXT
from tests.bench.otp.post import post

QUEUES = int(os.environ.get("BENCH_QUEUES", "1"))
WITH_TENACITY = os.environ.get("BENCH_TENACITY") == "1"

broker = RedisBroker(url=os.environ["BENCH_BROKER"])  # type: ignore[no-untyped-call]
dramatiq.set_broker(broker)
client = redis.Redis.from_url(os.environ["BENCH_BROKER"])


def send_code(phone: int) -> None:
    """Send one code."""
    post([f"+{phone}"], TEXT)


persistently = retry(
    retry=retry_if_exception_type(requests.RequestException),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=1, max=10),
    reraise=True,
)(send_code)

codes = [
    dramatiq.actor(
        persistently if WITH_TENACITY else send_code, actor_name=f"code_{n}", queue_name=f"codes_{n}", priority=0
    )
    for n in range(QUEUES)
]


@dramatiq.actor(queue_name="bulk", priority=100)
def bulk(phones: list[str]) -> None:
    """Send one text to a hundred phones, after any code that waits in this process."""
    post(phones, BULK_TEXT)


def send(phone: int) -> None:
    """Enqueue a code."""
    codes[phone % QUEUES].send(phone)


def give(phones: list[str]) -> None:
    """Enqueue a part of the backlog."""
    bulk.send(phones)


def waiting() -> int:
    """How many messages of the backlog wait."""
    return int(client.llen("dramatiq:bulk"))  # type: ignore[arg-type]
