"""What goes into the ledger's verbs and comes out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from smsq.worker.domain.batch import Options, Ref
from smsq.worker.domain.policy import POLICIES as POLICIES

PLAIN = Options()


@dataclass(frozen=True, slots=True)
class Order:
    """One message to enrol.

    `key` makes a repeat harmless: same key and content replays the first answer. `on_doubt` is
    `ask`, `park` or `resend`, which needs a deadline; `deadline_s` counts from now, None for none.
    """

    phone: int
    text: str = field(repr=False)
    lane: str = field(default="urgent", kw_only=True)
    key: str | None = field(default=None, kw_only=True)
    options: Options = field(default=PLAIN, kw_only=True)
    on_doubt: str = field(default="ask", kw_only=True)
    deadline_s: float | None = field(default=None, kw_only=True)
    deadline_at: float | None = field(default=None, kw_only=True)  # Unix seconds by Redis' clock, instead
    parts: int = field(default=1, kw_only=True)
    code_id: str = field(default="", kw_only=True)  # the one-time code that this is a message of
    why: str = field(default="", kw_only=True)  # it is a step of a code: why that is taken
    waited_for_s: float = field(default=0.0, kw_only=True)  # until that code's cascade is looked at


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The public id of an enrolled message; `created` is False if the key was known already.

    A hint is not needed while every slot is taken by workers who claim the next message by themselves.
    """

    id: str
    created: bool
    is_hint_needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A campaign before its rows: `text` None if every row has a text of its own."""

    name: str
    digest: str
    text: str | None
    template: str
    options: Options = PLAIN
    batch_size: int = 100
    rate: float | None = None  # segments per second
    budget: Decimal | None = None
    part_price: Decimal = Decimal(0)  # what a part was quoted at, for the budget's guard
    start_at: float | None = None  # Unix seconds
    window: str | None = None  # hours of the day in local time, "9-21"
    on_doubt: str = "ask"
    file: str = ""  # where its rows came from, for people; '' for rows that a program had at hand
    repeats: str = ""  # what was decided about rows that were sent already: `only_new`, `again`, '' for none


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A campaign that takes rows: `ranges` are in already, go on with the next."""

    id: str
    created: bool
    ranges: int
    batch_size: int
    state: str


class ClaimRefusal(StrEnum):
    """Why a claim was not granted."""

    NEVER = "never"  # no such batch was ever enrolled: an alarm
    GONE = "gone"  # purged
    TAKEN = "taken"  # not ready: somebody else has it, or it is done
    SETTLED = "settled"  # late, cancelled, or a fact came first
    PAUSED = "paused"
    HALTED = "halted"
    LATER = "later"
    PACED = "paced"  # its campaign's own pace or sending hours
    SLOT = "slot"
    NONE = "none"  # nothing is ready
    MORE = "more"  # what was looked at may not go, and there is more
    OVER = "over"  # this call was answered before, and that claim is over
    SEALED = "sealed"  # its text does not open with our secret key; the claim was given back


@dataclass(frozen=True, slots=True, kw_only=True)
class NoClaim:
    """A claim that was not granted; `wait_s` if trying again makes sense, `left` is how many are ready in the lane."""

    refusal: ClaimRefusal
    why: str = ""
    wait_s: float = 0.0
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A granted claim: what to send, under which id, until when, and by which run of the ledger."""

    ref: Ref
    gateway_id: int
    fence: int
    lease_until: float  # Unix seconds by Redis' clock
    run: str
    n: int
    lane: str
    phones: Sequence[int] = field(repr=False)
    text: str | None = field(repr=False)  # one text for all, or
    texts: Sequence[str] = field(repr=False)  # one each
    options: Options
    deadline: float  # Unix seconds, 0 for none
    enrolled_at: float
    attempt: int
    nonce: str = ""  # of the execution that holds it
    known_as: str = ""  # by its enrolment key or its place in a file; what a journal writes down
    left: int = 0  # how many more are ready in the lane


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Under what a claim is made.

    `credentials` is a fingerprint: a login halted for bad credentials stays halted for these only. `hour` is that of
    the day where campaigns' sending hours are meant, `next_hour_s` the time until it ends.
    """

    owner: str
    mirror: str
    lease_s: float
    parallel: int
    urgent_slots: int
    slot_kept_s: float
    credentials: str
    rate: float | None = None
    hour: int = 12
    next_hour_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Settling:
    """What is known of a claim that was answered: how, and what it is settled with."""

    claim: Claim
    how: str  # accepted | refused
    code: int
    parts: bytes | int
    cost: Decimal | None
    first_ask_s: float


class Settled(NamedTuple):
    """What became of a settling (`settled`, `again`, `stale`, …), when the batch was enrolled, how many are ready."""

    word: str
    enrolled_at: float
    left: int = 0


@dataclass(frozen=True, slots=True)
class ClaimCall:
    """One call for a claim: whose, which of theirs, and for which lane; what repeats it is marked so.

    The calls of one thread are numbered, so that a copy of an old one that comes late is told from a new one.
    """

    who: str
    number: int
    lane: str
    is_repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownId:
    """One gateway id of a batch as an asker needs it."""

    gateway_id: int
    state: int
    mirror: str
    claimed_at: float  # Unix seconds
    members: str
    absents: str
    money: bool = False

    def lacks(self, index: int) -> bool:
        """Whether it is known already that the message at `index` did not arrive under this id."""
        return self.absents != "" and self.absents[index + 1] == "1"

    def holds(self, index: int) -> bool:
        """Whether this id carried the message at `index`."""
        return self.members == "" or self.members[index + 1] == "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch as it stands: its ids, phones and packed receipts."""

    ref: Ref
    state: int
    lane: str
    count: int
    first_row: int
    fence: int
    claims: int
    deaths: int
    parts: int
    enrolled_at: float
    why: str
    asked: int
    ids: Sequence[KnownId]
    phones: Sequence[int] = field(repr=False)
    receipts: bytes = field(repr=False)
    rows: bytes = b""
    since: float = 0.0  # Unix seconds: when its doubt began
    resent_by: str = ""  # `operator` or `sender`: sent again before it was certain that it had not arrived
    on_doubt: str = "ask"
    deadline: float = 0.0  # Unix seconds, 0 for none
    untold: str = ""  # marks of messages that left and whose cost the gateway did not tell when asked; '' for none
    odd_errors: Mapping[int, int] = field(default_factory=dict)  # index: a delivery error too large for its receipt

    def is_untold(self, index: int) -> bool:
        """Whether the gateway never said what this message cost, though it has it."""
        return self.untold[index + 1 : index + 2] == "1"

    def waiting(self) -> list[int]:
        """Places of messages that have no verdict yet."""
        return [place for place in range(self.count) if not self.status(place)]

    def status(self, index: int) -> int:
        """The stored status byte of one message, 0 while it has no verdict."""
        return self.receipts[index * 11] if self.receipts else 0
