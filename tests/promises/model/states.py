"""What a state of the model holds: the batch as the ledger has it, each attempt as gateway and worker have it.

Everything is a tuple of small numbers, so that states compare and hash quickly. Sets of phones and of mirrors are
bit masks. States and statuses are those of production.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from smsq.worker.domain.status import BatchState, IdState, Status
from tests.promises.model.quick import quick

READY, SENDING, DOUBTFUL, PARKED, SETTLED = (int(state) for state in BatchState)
OPEN, ABSENT, ACCEPTED_ID = (int(state) for state in IdState)
UNDECIDED, ACCEPTED, DELIVERED = int(Status.UNDECIDED), int(Status.ACCEPTED), int(Status.DELIVERED)
UNDELIVERABLE, REFUSED = int(Status.UNDELIVERABLE), int(Status.REFUSED)
CANCELLED, LATE = int(Status.CANCELLED), int(Status.LATE)

# Why a batch is parked.
POLICY, POISON, PATIENCE, TOO_MANY, HELD_BACK = 1, 2, 3, 4, 5
# What an operator has said of a batch: then a double, or a verdict without proof, is his.
MAY_DOUBLE, HIS_SETTLE, HIS_DROP = 1, 2, 4
# That its second copy left, or may, as its sender chose.
SENT_AGAIN = 8
# What holds an attempt: nobody any more, a worker that has not spoken yet, one that waits for the answer. From
# LINGERS on nobody, but a copy of the command that ended it is still on its way to the ledger.
NOBODY, CLAIMED, WAITS, LINGERS = 0, 1, 2, 3
# The request itself.
UNSAID, FLYING, OVER = 0, 1, 2
# What the gateway answered, if anything.
SILENCE, ALL, PART, NO, LATER, NO_WHO, DUPLICATE = 0, 1, 2, 3, 4, 5, 6
# What a mirror shows of other messages known to be accepted.
NO_CONTROL, OLDER, CONCLUSIVE = 0, 1, 2


@quick
class Id(NamedTuple):
    """One gateway id of a batch."""

    gid: int
    state: int
    mirror: int
    members: int
    absents: int


@quick
class Batch(NamedTuple):
    """The batch in the ledger."""

    state: int
    fence: int
    ids: tuple[Id, ...]
    statuses: tuple[int, ...]
    places: tuple[int, ...]  # which id spoke, for each phone: the nibble of a receipt
    solo: int
    deaths: int
    why: int
    label: int


@quick
class Attempt(NamedTuple):
    """One granted claim and the request it leads to."""

    gid: int
    fence: int
    mirror: int
    carried: int
    holder: int
    phase: int
    timer: int  # since the claim, then since it was said, then since it was accepted
    accepted: int
    shown: int  # mirrors that show it
    answer: int


@quick
class Inquiry(NamedTuple):
    """What an asker has seen and not yet recorded."""

    asked: int  # by Redis' clock, counted from the newest claim
    known: int  # by the asker's own, since it first saw the newest id
    mirrors: int
    control: int
    absent: tuple[tuple[int, int], ...]
    to_read: tuple[tuple[int, int], ...] = ()  # pages of a list to come: mirror, whose row


END = 0  # instead of an id: the answer without rows, which alone says that a list is over


@quick
class State(NamedTuple):
    """All of it."""

    batch: Batch
    attempts: tuple[Attempt, ...]
    age: int  # of the newest claim, by Redis' clock
    known: int  # for how long the asker has known it, by its own; 0 for not at all, else one more
    inquiry: Inquiry | None
    ended: int  # CANCELLED or LATE once the campaign was cancelled or the deadline passed
    hint: int
    frozen: int  # mirrors whose view stands still
    controls: tuple[int, ...]  # what each mirror shows of others
    budgets: tuple[int, int, int]  # clock jumps, operator's orders and freezes that are still to come
    claims: int


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How far a walk goes: everything that may happen in it, and how often."""

    phones: int = 1
    mirrors: int = 1
    workers: int = 2
    most_claims: int = 3
    most_ids: int = 15
    poison: int = 3
    parks: bool = False  # the policy `park`
    resends: bool = False  # the policy `resend`
    lingers: bool = False  # a copy of every command may come once more
    ends: bool = False  # a deadline may pass, a campaign be cancelled
    letters: int = 0  # mirrors that are mail servers: they hold back for as long as they like, and show nothing
    queue: bool = False  # hints matter: they get lost and come twice
    views: bool = False  # mirrors lag apart, and controls matter
    lists: bool = False  # the asker reads whole lists of history, page by page, instead of asking about each message
    blind: bool = False  # nothing was ever accepted at the beginning: there is no control
    strangers: bool = False  # callbacks under ids of other batches
    jumps: int = 0
    orders: int = 0
    freezes: int = 0
    facts: tuple[int, ...] = (ACCEPTED,)
    close: int = 1  # ticks until the gateway closes a silent line
    arrival: int = 1  # ticks within which a request that was said is accepted or not
    visible: int = 1  # ticks until a message shows where it was accepted
    guard: int = 1  # ticks from a claim until a second copy may leave

    def is_letter(self, mirror: int) -> bool:
        """Whether what leaves by this mirror is a letter."""
        return bool(self.letters >> mirror & 1)

    @property
    def everywhere(self) -> int:
        """The mirrors that can be asked."""
        return ((1 << self.mirrors) - 1) & ~self.letters

    @property
    def window(self) -> int:
        """The first tick after everything above is over."""
        return self.close + self.arrival + self.visible + 1

    @property
    def cap(self) -> int:
        """Where clocks stop: nothing more depends on them."""
        return 2 * self.window if self.views else self.window

    def first(self) -> State:
        """Enrolled and nothing more."""
        batch = Batch(READY, 0, (), (UNDECIDED,) * self.phones, (0,) * self.phones, 0, 0, 0, 0)
        controls = ((NO_CONTROL if self.blind else OLDER) if self.views else CONCLUSIVE,) * self.mirrors
        budgets = (self.jumps, self.orders, self.freezes)
        return State(batch, (), self.cap, 0, None, 0, 0, 0, controls, budgets, 0)
