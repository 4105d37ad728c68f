"""A ledger whose clock the test holds, and short words for what happens to a batch."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import redis as redis_py

from smsq.worker.domain.batch import MessageId, Ref, pack
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import BatchState, Status
from smsq.worker.ledger import Claim, Keys, Ledger, NewMessage, NoClaim, Plan
from smsq.worker.ledger.batches.asking import Probe
from smsq.worker.ledger.views import Views
from smsq.worker.scheduler.windows import Windows
from smsq.worker.sealing import Sealer

ONE, OTHER = "https://one", "https://other"
WINDOW_S, ARRIVAL_S = 300.0, 195.0
PHONE = 79990000000
BOTH_WAYS = pytest.mark.parametrize("way", ["functions", "scripts"], indirect=True)


class Desk:
    """An established ledger at a time of the test's choosing."""

    def __init__(self, client: redis_py.Redis, *, by_scripts: bool = False) -> None:
        self.now = 1_800_000_000.0
        self.redis: Any = client
        self.ledger = Ledger(client, Keys(), now=lambda: self.now)
        self.ledger.way.why_scripts = "the test wants it" if by_scripts else ""
        self.ledger.sealer = Sealer(["a secret of thirty-two characters"])
        self.ledger.establish("smsc.ru/demo")
        self.views = Views(self.ledger)

    def start_anew(self) -> None:
        self.redis.flushall()
        self.ledger._numbers = range(0)
        self.ledger.establish("smsc.ru/demo")

    # Bringing in ---------------------------------------------------------------------------------------------------

    def single(self, phone: int = PHONE, text: str = "Hi", **options: Any) -> Ref:
        return Ref(MessageId.parse(self.ledger.enrol(NewMessage(phone, text, **options)).id).batch)

    def plan(self, **options: Any) -> Plan:
        given: dict[str, Any] = {"name": "test", "digest": secrets.token_hex(8), "text": "Hello", "template": "Hello"}
        return Plan(**{**given, **options})

    def campaign(self, *sizes: int, close: bool = True, **options: Any) -> tuple[str, list[Ref]]:
        """A campaign with batches of these sizes, handed out."""
        opened = self.ledger.open_campaign(self.plan(**options))
        row, packed = 1, []
        for size in sizes:
            rows = list(range(row, row + size))
            packed.append(pack([PHONE + each for each in rows], None, rows, size))
            row += size
        self.ledger.enrol_range(opened.id, 1, packed, [], row - 1, on_doubt=options.get("on_doubt", "ask"))
        if close:
            self.ledger.close_campaign(opened.id)
        self.open_windows()
        return opened.id, self.ledger.feed(opened.id, len(sizes), 100)[0]

    def open_windows(self) -> None:
        """What the scheduler does for sending hours."""
        runtime: Any = SimpleNamespace(ledger=self.ledger, views=self.views)
        Windows(runtime).tick(self.now)

    # Sending -------------------------------------------------------------------------------------------------------

    def try_claim(self, ref: Ref, nonce: str = "", **options: Any) -> Claim | NoClaim:
        given: dict[str, Any] = {
            "owner": "bulk/host/1/a",
            "mirror": ONE,
            "lease_s": 45.0,
            "parallel": 10,
            "urgent_slots": 3,
            "slot_kept_s": 75.0,
            "credentials": "right",
        }
        return self.ledger.claim(ref, nonce or secrets.token_hex(8), **{**given, **options})

    def claim(self, ref: Ref, nonce: str = "", **options: Any) -> Claim:
        claim = self.try_claim(ref, nonce, **options)
        assert isinstance(claim, Claim), claim
        return claim

    def accept(self, claim: Claim, cost: str | None = "1.5") -> str:
        return self.ledger.settle_accepted(claim, 1, None if cost is None else Decimal(cost), 60.0)[0]

    def doubted(self, ref: Ref, **options: Any) -> Claim:
        claim = self.claim(ref)
        self.ledger.doubt(claim, "no_answer", 1.0, **options)
        return claim

    def settled(self, ref: Ref) -> Claim:
        claim = self.claim(ref)
        self.accept(claim)
        return claim

    def fact(self, gateway_id: int, phone: int = PHONE, status: Status = Status.DELIVERED, **more: Any) -> int:
        """What the gateway answers to a question, its cost told."""
        told = {"cost": Decimal("1.5"), "at": int(self.now), **more}
        return self.ledger.advance([Fact(gateway_id=gateway_id, recipient=phone, status=status, **told)])

    def call(self, gateway_id: int, phone: int = PHONE, status: Status = Status.DELIVERED, **more: Any) -> int:
        """What a callback says, its cost left out unless it is given."""
        told = {"at": int(self.now), "heard": True, **more}
        return self.ledger.advance([Fact(gateway_id=gateway_id, recipient=phone, status=status, **told)])

    # Asking --------------------------------------------------------------------------------------------------------

    def probe(
        self,
        ref: Ref,
        absent: Mapping[int, Sequence[int]],
        *,
        asked_s: float = WINDOW_S,
        known_s: float = WINDOW_S,
        mirrors: Sequence[str] = (ONE,),
        control_s: float | None = ARRIVAL_S + 1,
        wanting: bool = False,
        unseen: Sequence[int] = (),
        without_money: bool = False,
        patience_s: float = 72 * 3600.0,
        window_s: float = WINDOW_S,
        guard_s: float = 61.0,
        is_said: bool = False,
    ) -> tuple[str, str]:
        """Say what was seen `asked_s` after the newest claim, with a control accepted `control_s` after it."""
        claimed = self.view(ref).ids[-1].claimed_at
        self.now = max(self.now, claimed + asked_s)
        control = 0.0 if control_s is None else claimed + control_s
        return self.ledger.probe(
            ref,
            Probe(claimed + asked_s, known_s, mirrors, control, wanting, absent, unseen, without_money, is_said),
            window_s=window_s,
            arrival_s=ARRIVAL_S,
            next_ask_s=60.0,
            patience_s=patience_s,
            blind_patience_s=24 * 3600.0,
            resend_after_s=guard_s,
        )

    # Looking -------------------------------------------------------------------------------------------------------

    def view(self, ref: Ref) -> Any:
        batch = self.ledger.read([ref])[0]
        assert batch is not None
        return batch

    def state(self, ref: Ref) -> BatchState:
        return BatchState(self.view(ref).state)

    def statuses(self, ref: Ref) -> list[str]:
        found = [self.views.receipt(MessageId(ref.number, place)) for place in range(self.view(ref).count)]
        return [receipt.status for receipt in found if receipt is not None]

    def totals(self) -> dict[str, int]:
        return {name.decode(): int(value) for name, value in self.redis.hgetall("{smsq}:totals").items()}

    def motion(self) -> dict[str, int]:
        return {name: many for name, many in self.views.in_motion().items() if many}

    def everything(self) -> dict[bytes, Any]:
        """Every key of the ledger with its content."""
        readers = {
            b"hash": self.redis.hgetall,
            b"set": self.redis.smembers,
            b"string": self.redis.get,
            b"zset": lambda key: self.redis.zrange(key, 0, -1, withscores=True),
            b"list": lambda key: self.redis.lrange(key, 0, -1),
        }
        return {key: readers[self.redis.type(key)](key) for key in sorted(self.redis.keys("*"))}


@pytest.fixture
def way(request: pytest.FixtureRequest) -> str:
    """How verbs go to the server: as `functions`; a module whose tests should pass both ways asks with BOTH_WAYS."""
    return str(getattr(request, "param", "functions"))


@pytest.fixture
def desk(redis: redis_py.Redis, way: str) -> Desk:
    """An empty ledger, established."""
    return Desk(redis, by_scripts=way == "scripts")


@pytest.fixture
def make_desk() -> Callable[..., Desk]:
    """An empty ledger on a client of the test's own."""
    return Desk
