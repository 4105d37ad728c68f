"""A shield at a time of the test's choosing, and phones to ask it about."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import redis as redis_py

from smsq.worker.domain.limits import Limits, with_written
from smsq.worker.domain.shield import Decision
from smsq.worker.ledger import Keys, Ledger
from smsq.worker.ledger.otp.shield import Shield
from smsq.worker.ledger.otp.shield_admin import ShieldAdmin

PHONE = 79161234567
ELSEWHERE = 79271234567  # another block, another wide block, the same country
HOUR = 3600
NONE = dict.fromkeys(("phone", "block", "wide", "client"), "none") | {"hold_after": "0,0,0"}


class Gate:
    """A shield at a time of the test's choosing; every code has a token of its own."""

    def __init__(self, redis: redis_py.Redis, **told: str) -> None:
        self.now = 1_800_000_000.0
        self.redis: Any = redis
        self.ledger = Ledger(redis, Keys(), now=lambda: self.now)
        self.tokens = (f"code/{number}/1" for number in itertools.count())
        self.set(**told)

    def set(self, **told: str) -> None:
        self.shield = Shield(self.ledger, with_written(Limits(), told), lambda: b"pepper")
        self.desk = ShieldAdmin(self.shield)

    def ask(self, phone: int = PHONE, **how: Any) -> Decision:
        return self.shield.admit(phone, token=how.pop("token", None) or next(self.tokens), **how)

    def codes(self, phones: Sequence[int], **how: Any) -> list[str]:
        return [self.ask(phone, **how).code for phone in phones]

    def verify(self, phone: int) -> int:
        return self.shield.verified(phone, next(self.tokens))

    def stored(self) -> dict[bytes, Any]:
        readers: dict[bytes, Callable[[bytes], Any]] = {
            b"string": self.redis.get,
            b"hash": self.redis.hgetall,
            b"zset": lambda key: self.redis.zrange(key, 0, -1, withscores=True),
        }
        return {key: readers[self.redis.type(key)](key) for key in self.redis.keys("*")}


def block(number: int, many: int, first: int = 0) -> list[int]:
    """Numbers of one block of ten thousand, a block that no other has."""
    return [79000000000 + number * 10_000 + first + each for each in range(many)]
