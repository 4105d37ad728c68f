"""A code from its first message to its end, with the worker's part played by the test and a clock that it moves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from smsq.producers.api import Smsq
from smsq.producers.otp import CodeShown, OneTimeCode
from smsq.worker.actors.otp_steps import StepTaker
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim

PHONE = "+79991234567"
CHANNELS = "sms:20s,tg:30s,call"


@dataclass
class Story:
    """One installation without workers whose clock the test moves."""

    smsq: Smsq
    ahead_s: float = 0.0
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runtime = self.smsq.runtime
        self.ledger = self.runtime.ledger
        began = float(int(self.ledger.time()))
        self.ledger._now = lambda: began + self.ahead_s
        self.taker = StepTaker(self.runtime)

    def send(self, **more: Any) -> OneTimeCode:
        return self.smsq.otp.send(PHONE, **{"channels": CHANNELS, "locale": "en", **more})

    def claim(self, message_id: str) -> Claim:
        """The worker's claim of a step, and what it would say."""
        claim = self.ledger.claim(
            Ref(MessageId.parse(message_id).batch), message_id, owner="urgent/h/1/a", mirror="https://one",
            lease_s=45.0, parallel=10, urgent_slots=3, slot_kept_s=1.0, credentials="right",
        )  # fmt: skip
        assert isinstance(claim, Claim), claim
        self.texts.append(claim.text or "")
        return claim

    def accept(self, message_id: str, cost: str = "3.8") -> Claim:
        claim = self.claim(message_id)
        self.ledger.settle_accepted(claim, 1, Decimal(cost), 60.0)
        what = claim.recipients[0], claim.options.channel, Decimal(cost)
        self.runtime.shield.learn(*what, known_as=claim.known_as, enrolled_at=claim.enrolled_at)
        return claim

    def report(self, claim: Claim, status: Status) -> None:
        self.ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=claim.recipients[0], status=status, at=1)])

    def due(self) -> list[str]:
        return self.ledger.due_otps(10)

    def look(self, code: OneTimeCode) -> Any:
        return self.taker.look(code.id)

    def shown(self, code: OneTimeCode) -> CodeShown:
        return self.smsq.otp.show(code.id)

    def step(self, code: OneTimeCode) -> str:
        """The newest message."""
        return self.shown(code).steps[-1].message_id

    def taken(self, code: OneTimeCode) -> list[tuple[str, str]]:
        return [(step.channel, step.why) for step in self.shown(code).steps]

    def live(self) -> int:
        return int(self.ledger.redis.zcard(self.ledger.key("cascade")))

    def counted(self) -> dict[str, int]:
        raw = self.ledger.redis.hgetall(self.ledger.key("totals"))
        return {
            name.decode().removeprefix("code_steps:"): int(many)
            for name, many in raw.items()
            if name.startswith(b"code_steps:")
        }


def digits(text: str) -> str:
    return "".join(re.findall(r"\d", text))
