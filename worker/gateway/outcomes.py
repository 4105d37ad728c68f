"""What became of a send, in words of no dialect: every transport answers in these, and the sender acts on them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class Outcome(Enum):
    """What an answer to a send proves, and so what happens next. That nothing was sent at all is `Unreachable`.

    HANDED_OVER is the good answer of a wire that gives no receipts (a letter taken by a mail server): proof of nothing
    but that the request is over. It is settled by asking, as a doubt whose first question comes early. A letter may
    wait in a queue for hours, so a transport that answers so comes with a rule in `probe.lua`: absence parks it.
    UNKNOWN is anything else, and is asked about.
    """

    ACCEPTED = "accepted"
    ACCEPTED_IN_PART = "accepted in part"
    HANDED_OVER = "handed over"
    LATER = "later"
    BAD_LOGIN = "bad log-in"
    NO_MONEY = "no money"
    REFUSED = "refused"
    REFUSED_WHO = "refused, but who?"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAnswer:
    """What became of one send.

    `parts` counts the parts of all phones together, 0 if unknown; `cost` is for all of them. `code` is the gateway's
    error, `delay_s` how long the login is to pause if `outcome` is LATER. `is_complete` says that a whole answer came,
    `is_over` that nothing of the request is running at the gateway any more.
    """

    outcome: Outcome
    sentence: str
    code: int | None = None
    parts: int = 0
    cost: Decimal | None = None
    balance: Decimal | None = None
    delay_s: float = 0.0
    is_complete: bool = True
    is_over: bool = True

    @property
    def is_well_formed(self) -> bool:
        """Whether the gateway itself spoke, be it to give an error that we do not know."""
        return self.outcome is not Outcome.UNKNOWN or self.code is not None
