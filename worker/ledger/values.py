"""The values that the ledger's verbs take and return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from smsq.worker.domain.batch import PLAIN_CHANNEL, Options, Ref
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.piece import Piece
from smsq.worker.domain.policy import POLICIES as POLICIES
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.recurrence import Series
from smsq.worker.domain.row_words import NO_WORDS, RowWords

PLAIN = Options()


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message to enrol.

    `key` makes a repeat harmless: the same key and content replay the first answer. `on_doubt` is
    `ask`, `park` or `resend`, which needs a deadline; `deadline_s` counts from now, None for no deadline. `said` are
    the options as the caller gave them, if they are not `options`: a repeat a minute later says `+30` again, which has
    become another moment.
    """

    recipient: Recipient = field(repr=False)
    text: str = field(repr=False)
    lane: str = field(default="urgent", kw_only=True)
    key: str | None = field(default=None, kw_only=True)
    options: Options = field(default=PLAIN, kw_only=True)
    said: Options | None = field(default=None, kw_only=True)
    on_doubt: str = field(default="ask", kw_only=True)
    deadline_s: float | None = field(default=None, kw_only=True)
    deadline_at: float | None = field(default=None, kw_only=True)  # the same in Unix seconds by Redis' clock
    parts: int = field(default=1, kw_only=True)
    otp_id: str = field(default="", kw_only=True)  # the one-time code that this message carries
    why: str = field(default="", kw_only=True)  # it is a step of a code: why that is taken
    even_opted_out: bool = field(default=False, kw_only=True)  # it goes to a recipient who opted out too
    waited_for_s: float = field(default=0.0, kw_only=True)  # until that code's cascade is looked at


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The public id of an enrolled message; `created` is False if the key was known already.

    No hint is needed while every slot is taken by workers that claim the next message by themselves.
    """

    id: str
    created: bool
    is_hint_needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A campaign without its rows; `text` is None if every row has a text of its own."""

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
    weight: float = 1.0  # its share of what campaigns send together
    stop_if_bad: float | None = None  # percent of failures that pause it; 0 for never, None as the settings say
    auto_resume: bool = False  # whether it goes on by itself once the balance that paused it is back
    on_doubt: str = "ask"
    file: str = ""  # the path of its rows, for people; '' for rows that a program had at hand
    topic: str = ""  # what it is about, for opt-outs from a topic
    cap: str = ""  # of its own, as `Cap` is written
    screened: int = 0  # the number of the list of opt-outs by which all of its rows are screened, or a later one
    read_as: str = ""  # how its files were read, as `domain.read_as.ReadAs` writes it
    repeats: str = ""  # the decision about rows that were sent already: `only_new`, `again`, '' for none
    series: Series | None = None  # how it recurs; then none of its own messages leaves
    words: tuple[str, ...] = ()  # what its rows say beside their texts: `reference`, `key`, names of tags behind `tag_`
    saved_as: str = ""  # the saved template that its text is, such as `welcome@3`
    language: str = ""  # of plural forms and dates in it, '' if it has none
    plain_chars: bool = False  # whether characters that make a text dear are exchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A campaign that is being sent, as the scheduler sees it.

    `zones` are the time zones of its batches, () for a campaign without; `waiting` says how many batches of each are
    not handed out yet. `moment` is when the first of those comes due that have a moment of their own, in Unix seconds.
    `opened` tells for which window and zones openings are written down, and until when. The id '' stands for single
    messages that were paced.
    """

    id: str
    window: str
    is_fed: bool  # all of it is handed out, and nothing of it came back
    has_back: bool = False  # batches that came back since they were paced
    weight: float = 1.0  # its share
    parts: float = 1.0  # of a batch, on average
    zones: tuple[str, ...] = ()
    waiting: tuple[int, ...] = ()
    moment: float | None = None
    opened: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A campaign that takes rows; `ranges` of them are enrolled already."""

    id: str
    created: bool
    ranges: int
    batch_size: int
    state: str


class ClaimRefusal(StrEnum):
    """Why a claim was not granted."""

    NEVER = "never"  # no such batch was ever enrolled: an alarm
    GONE = "gone"  # purged
    TAKEN = "taken"  # not ready: another worker has it, or it is done
    SETTLED = "settled"  # ended here: late, cancelled, or decided by a fact
    PAUSED = "paused"
    HALTED = "halted"
    LATER = "later"
    PACED = "paced"  # held back by its campaign's rate, or its sender's
    CLOSED = "closed"  # outside the hours of its recipients
    SLOT = "slot"
    NONE = "none"  # nothing is ready
    MORE = "more"  # the batches looked at may not go now; there are more
    OVER = "over"  # this call was answered before, and the claim it got is over
    SEALED = "sealed"  # its text does not open with our secret key; the claim was given back


@dataclass(frozen=True, slots=True, kw_only=True)
class NoClaim:
    """A claim that was not granted; try again after `wait_s`, if given; `left` is as in `Claim`."""

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
    recipients: Sequence[Recipient] = field(repr=False)
    text: str | None = field(repr=False)  # one text for all messages, or None
    texts: Sequence[str] = field(repr=False)  # one for each message, if `text` is None
    options: Options
    deadline: float  # Unix seconds, 0 for none
    enrolled_at: float
    attempt: int
    nonce: str = ""  # of the execution that holds it
    known_as: str = ""  # by its enrolment key or its place in a file; what a journal writes down
    left: int = 0  # how many batches are ready that may have no hint
    channel: str = PLAIN_CHANNEL  # as metrics name it: that of its options, or `simulated`


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The terms of a claim.

    `credentials` is a fingerprint: a login halted for bad credentials stays halted for these only.
    """

    owner: str
    mirror: str
    lease_s: float
    parallel: int
    urgent_slots: int
    slot_kept_s: float
    credentials: str
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Settling:
    """How a claim was answered, and with what to settle it; `spoken` is the code that a call says."""

    claim: Claim
    how: str  # accepted | refused
    code: int
    parts: bytes | int
    cost: Decimal | None
    first_ask_s: float
    spoken: str = field(default="", repr=False)
    pieces: Sequence[Piece] = ()  # one for each message of the claim, if the wire answers for each
    is_over: bool = True  # nothing of the request runs any more
    first_doubt_s: float = 5.0  # to the first question, if it becomes doubtful


@dataclass(frozen=True, slots=True)
class Named:
    """What is known of a message under a name of the gateway's; its own id is not known to the wire that brought it."""

    name: str
    fact: Fact = field(repr=False)  # its gateway id is 0


class Settled(NamedTuple):
    """The result of a settling (`settled`, `again`, `stale`, …), when the batch was enrolled, how many are left."""

    word: str
    enrolled_at: float
    left: int = 0
    early: Sequence[Named] = ()  # receipts that came before the names of their messages


@dataclass(frozen=True, slots=True)
class ClaimCall:
    """One call for a claim: whose it is, its number, its lane, and whether it is a repeat.

    The calls of one thread are numbered, so that the ledger can tell a late copy of an old call from a new one.
    """

    who: str
    number: int
    lane: str
    is_repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownId:
    """One gateway id of a batch, with what is needed to ask about it."""

    gateway_id: int
    state: int
    mirror: str
    claimed_at: float  # Unix seconds
    members: str
    absents: str
    money: bool = False

    @property
    def is_by_comment(self) -> bool:
        """Whether the gateway knows what it carried by our id in its comment only (`lua/include/wires.lua`)."""
        return self.mirror.startswith("smpp")

    def lacks(self, index: int) -> bool:
        """Whether it is known that the message at `index` did not arrive under this id."""
        return self.absents != "" and self.absents[index + 1] == "1"

    def holds(self, index: int) -> bool:
        """Whether this id carried the message at `index`."""
        return self.members == "" or self.members[index + 1] == "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is known of one message beside its receipt; `parts` 0 if the receipt has room for them."""

    parts: int = 0
    result: Mapping[str, str] = field(default_factory=dict, repr=False)


NOTHING = Beside()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch as it was read: its state, ids, recipients and packed receipts."""

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
    recipients: Sequence[Recipient] = field(repr=False)
    receipts: bytes = field(repr=False)
    rows: bytes = b""
    since: float = 0.0  # Unix seconds: when its doubt began
    resent_by: str = ""  # `operator` or `sender`: who had it sent again before it was certain to be lost
    on_doubt: str = "ask"
    deadline: float = 0.0  # Unix seconds, 0 for none
    untold: str = ""  # marks of messages that left and of which the gateway did not tell all when asked; '' for none
    odd_errors: Mapping[int, int] = field(default_factory=dict)  # index: a delivery error too large for its receipt
    options: str = ""  # of a single message, as `Options.written`; '' for a campaign's batch
    channel: str = PLAIN_CHANNEL
    sealed_code: bytes = field(default=b"", repr=False)  # that a call said
    has_beside: bool = False  # whether there is something beside its receipts: see `ledger/beside.py`
    beside: Mapping[int, Beside] = field(default_factory=dict)  # the same by index, if it was read
    words: Sequence[RowWords] = field(default=(), repr=False)  # of its rows, if they have some and they were read

    def words_of(self, index: int) -> RowWords:
        """The words of one row, if they were read."""
        return self.words[index] if self.words else NO_WORDS

    def is_untold(self, index: int) -> bool:
        """Whether the gateway has this message and never said what it cost, or what a probe found."""
        return self.untold[index + 1 : index + 2] == "1"

    def waiting(self) -> list[int]:
        """Places of messages that have no verdict yet."""
        return [place for place in range(self.count) if not self.status(place)]

    def status(self, index: int) -> int:
        """The stored status byte of one message, 0 while it has no verdict."""
        return self.receipts[index * 11] if self.receipts else 0
