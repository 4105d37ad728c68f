"""What answers of the gateway prove, in words of no dialect."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class Outcome(Enum):
    """What an answer to a send proves, and so what happens next. ELSEWHERE is the transport's `Unreachable`."""

    ACCEPTED = "accepted"
    ACCEPTED_IN_PART = "accepted in part"
    LATER = "later"
    BAD_LOGIN = "bad log-in"
    NO_MONEY = "no money"
    REFUSED = "refused"
    REFUSED_WHO = "refused, but who?"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAnswer:
    """What an answer to a send proves.

    `parts` counts the parts of all phones together, 0 where unknown; `cost` is for all of them.
    `delay_s` is how long the login should rest where `outcome` is LATER.
    """

    outcome: Outcome
    sentence: str
    code: int | None = None
    parts: int = 0
    cost: Decimal | None = None
    balance: Decimal | None = None
    delay_s: float = 0.0
