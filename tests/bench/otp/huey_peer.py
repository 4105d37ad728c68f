"""huey on Redis, in an environment of its own: one queue, in which codes have priority.

Loaded by huey's own consumer, and by `peer`.
"""

from __future__ import annotations

import os

from huey import PriorityRedisHuey

from tests.bench.otp.pace import BULK_TEXT, TEXT
from tests.bench.otp.post import post

huey = PriorityRedisHuey("codes", results=False, url=os.environ["BENCH_BROKER"])


@huey.task(priority=100)
def code(phone: int) -> None:
    """Send one code."""
    post([f"+{phone}"], TEXT)


@huey.task(priority=0)
def bulk(phones: list[str]) -> None:
    """Send one text to a hundred phones."""
    post(phones, BULK_TEXT)


def send(phone: int) -> None:
    """Enqueue a code."""
    code(phone)


def give(phones: list[str]) -> None:
    """Enqueue a part of the backlog."""
    bulk(phones)


def waiting() -> int:
    """How many tasks wait, which are the backlog's but for a few."""
    return int(huey.pending_count())
