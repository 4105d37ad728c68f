"""A runtime whose duties the test calls itself, and what they told the workers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py

from smsq.worker.domain.batch import MessageId, Ref, pack
from smsq.worker.ledger import Claim, NewMessage, NoClaim, Plan
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.redis_client import connect
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings

PHONE = 79990000000


@dataclass
class Office:
    """The scheduler's side of an installation without workers; `ahead_s` moves the ledger's clock."""

    runtime: Runtime
    broker: Any
    ahead_s: float = 0.0

    def __post_init__(self) -> None:
        self.ledger = self.runtime.ledger
        self.views = self.runtime.views
        self.redis: Any = self.ledger.redis
        self.ledger._now = lambda: self.runtime.clock.now() + self.ahead_s
        self.ledger.establish(self.runtime.settings.account)

    @property
    def now(self) -> float:
        return self.ledger.time()

    def campaign(self, batches: int, **options: Any) -> str:
        given: dict[str, Any] = {"name": "c", "digest": secrets.token_hex(8), "text": "Hello", "template": "Hello"}
        opened = self.ledger.open_campaign(Plan(**{**given, **options}))
        packed = [pack([PHONE + n], None, [n + 1], 1) for n in range(batches)]
        self.ledger.enrol_range(opened.id, 1, packed, [], batches)
        self.ledger.close_campaign(opened.id)
        return opened.id

    def single(self, n: int = 0, **options: Any) -> Ref:
        return Ref(MessageId.parse(self.ledger.enrol(NewMessage(PHONE + n, "Hi", **options)).id).batch)

    def try_claim(self, ref: Ref) -> Claim | NoClaim:
        return self.ledger.claim(
            ref, secrets.token_hex(8), owner="bulk/h/1/a", mirror="https://one", lease_s=45.0, parallel=50,
            urgent_slots=3, slot_kept_s=75.0, credentials="right",
        )  # fmt: skip

    def claim(self, ref: Ref) -> Claim:
        claim = self.try_claim(ref)
        assert isinstance(claim, Claim), claim
        return claim

    def settled(self, ref: Ref) -> Claim:
        claim = self.claim(ref)
        self.ledger.settle_accepted(claim, 1, Decimal(1), 60.0)
        return claim

    def hinted(self, lane: str) -> list[Any]:
        """Arguments of every message that waits in a lane, oldest first; they are taken out."""
        ids = self.broker.lrange(f"smsq:{lane}", 0, -1)
        found = [msgspec.json.decode(self.broker.hget(f"smsq:{lane}.msgs", each)) for each in ids]
        self.broker.delete(f"smsq:{lane}", f"smsq:{lane}.msgs")
        return [(message["actor_name"], *message["args"]) for message in found]


@pytest.fixture
def office(redis: redis_py.Redis, redis_server: EmbeddedRedis, home: Path) -> Iterator[Office]:
    """An established installation; days are kept for four, texts for an hour."""
    environ = {
        "SMSQ_HOME": str(home),
        "SMSQ_REDIS_URL": redis_server.url,
        "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": "demo",
        "SMSQ_KEEP_DAYS": "4",
        "SMSQ_KEEP_TEXTS": "1 h",
        "SMSQ_STOP_IF_BAD_OF": "20",
    }
    runtime = Runtime.build(Settings.load(environ))
    broker = connect(redis_server.broker_url)
    yield Office(runtime, broker)
    broker.close()
    runtime.ledger.redis.close()
    runtime.journal.close()
