"""What answers prove, without any dialect: of a send, of a question about messages, of a page of history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from smsq.worker.domain.fact import Fact
from smsq.worker.domain.piece import Piece
from smsq.worker.domain.recipient import Recipient


class Outcome(Enum):
    """What an answer to a send proves, and so what happens next. If nothing was sent at all, `Unreachable` is raised.

    HANDED_OVER is the good answer of a wire without receipts (a mail server accepted a letter). It only proves that the
    request is over, so the messages are asked about, as a doubt whose first question comes early. A letter may wait in
    a queue for hours, so `probe.lua` takes nothing for absent that left by such a wire (`HELD_BACK_AT` names its
    mirrors), whatever the answer was: it parks what the gateway does not show. UNKNOWN is anything else, and is asked
    about.
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
    """The outcome of one send.

    `parts` counts the parts of all phones together, 0 if unknown; `cost` is for all of them. `code` is the gateway's
    error, `delay_s` how long the login is to pause if `outcome` is LATER. `is_complete` says that a whole answer came,
    `is_over` that nothing of the request is running at the gateway any more. `spoken` is the code that a call says, if
    the gateway made it up. `pieces` has one for each message, if the wire answers for each by itself; then `outcome`
    sums them up.
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
    spoken: str = field(default="", repr=False)
    pieces: tuple[Piece, ...] = ()

    @property
    def is_well_formed(self) -> bool:
        """Whether the answer is the gateway's own, even with an unknown error code."""
        return self.outcome is not Outcome.UNKNOWN or self.code is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAnswer:
    """What an answer proves about the pairs that were asked for; a pair in no list was not answered.

    `no_money` holds pairs at status 24, which proves neither acceptance nor absence.
    """

    facts: list[Fact] = field(default_factory=list)
    absent: list[tuple[int, Recipient]] = field(default_factory=list)
    no_money: list[tuple[int, Recipient]] = field(default_factory=list)
    error: int | None = None
    sentence: str = ""

    @property
    def is_well_formed(self) -> bool:
        """Whether the gateway itself spoke: rows about our pairs, or one of its error codes."""
        return self.error is not None or self.is_about_messages

    @property
    def is_about_messages(self) -> bool:
        """Whether it said something of one of our pairs."""
        return bool(self.facts or self.absent or self.no_money)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One message of the account's history; `int_id` is the gateway's own, global number for it."""

    gateway_id: int
    recipient: Recipient
    fact: Fact | None  # None if its status proves no acceptance (24)
    int_id: int
    region: str = ""  # where its phone is from, in the gateway's words


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A message that somebody sent to the account: the gateway's id of it, from whom, what it says."""

    id: int
    recipient: Recipient = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersPage:
    """Incoming messages; `error` or `sentence` say why there are none, if the gateway did not say so itself."""

    replies: Sequence[Reply] = field(default=(), repr=False)
    last_id: int = 0
    error: int | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryAnswer:
    """A page of history. `count` is how many rows the page had, ours or not; `last_int_id` leads to the next.

    `broken` of them cannot be read. A page that was none is told by `error` or `sentence`, and is no last page.
    """

    rows: list[HistoryRow] = field(default_factory=list)
    count: int = 0
    last_int_id: int | None = None
    broken: int = 0
    error: int | None = None
    sentence: str = ""

    @property
    def is_page(self) -> bool:
        """Whether the gateway gave a page, be it an empty one."""
        return self.error is None and not self.sentence
