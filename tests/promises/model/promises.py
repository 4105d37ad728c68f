"""What must hold: in every state, at every step, and that every state can still come to an end."""

from __future__ import annotations

from collections.abc import Iterator

from smsq.worker.domain.status import BatchState, IdState, Status
from tests.promises.model.rules import FAILURES, RANK, Ledger, has_open_id, undecided
from tests.promises.model.states import (
    ABSENT,
    CANCELLED,
    HIS_DROP,
    HIS_SETTLE,
    LATE,
    MAY_DOUBLE,
    PARKED,
    POISON,
    POLICY,
    READY,
    REFUSED,
    SENDING,
    SENT_AGAIN,
    SETTLED,
    UNDECIDED,
    State,
    World,
)
from tests.promises.model.steps import Steps

DOUBLED = "accepted twice"
TOO_OFTEN = "accepted more often than its sender chose"
LATE_COPY = "a second copy left after its end"
FOUND_COPY = "sent although it was found"
FALSE_END = "reported late, cancelled or refused, and accepted"
FALSE_ACCEPT = "reported accepted, and never was"
FALSE_FAILURE = "ended as failed while another id may live"
READY_WHILE_OPEN = "ready while an id is open"
PARKED_WHILE_OPEN = "parked by rule while an id is open"
NO_VERDICT = "settled without a verdict"
FENCE_FELL = "the fence did not rise"
BACKWARDS = "a status went backwards"
STUCK = "stuck: no end can be reached"


class OneBatch:
    """One batch of one or two messages, as something to walk; `only` looks at one promise alone."""

    def __init__(self, world: World, off: str = "", only: str = "") -> None:
        self.world = world
        self.only = only
        self.ledger = Ledger(world, off)
        self._steps = Steps(self.ledger)

    def first(self) -> State:
        return self.world.first()

    def steps(self, s: State) -> list[tuple[str, State]]:
        return self._steps.of(s)

    def broken(self, s: State) -> str:
        """Which promise a state breaks."""
        return next((broken for broken in self._all_broken(s) if self.only in ("", broken)), "")

    def _all_broken(self, s: State) -> Iterator[str]:
        b = s.batch
        once = twice = thrice = 0
        for a in s.attempts:
            thrice |= twice & a.accepted
            twice |= once & a.accepted
            once |= a.accepted
        is_chosen = b.label & MAY_DOUBLE or (b.label & SENT_AGAIN and self.world.resends)
        if twice and not is_chosen:
            yield DOUBLED
        if thrice and not b.label & MAY_DOUBLE:
            yield TOO_OFTEN
        for index, status in enumerate(b.statuses):
            if status == UNDECIDED:
                continue
            if status in (CANCELLED, LATE, REFUSED):
                if once >> index & 1 and not (status == CANCELLED and b.label & HIS_DROP):
                    yield FALSE_END
            elif not once >> index & 1 and not b.label & HIS_SETTLE:
                yield FALSE_ACCEPT
            if status in FAILURES and status != REFUSED and self._another_lives(s, index):
                yield FALSE_FAILURE
        if b.state == SETTLED and UNDECIDED in b.statuses:
            yield NO_VERDICT
        if b.state in (READY, PARKED) and b.ids and has_open_id(b, undecided(b)):
            if b.state == READY and not is_chosen:
                yield READY_WHILE_OPEN
            if b.state == PARKED and b.why in (POLICY, POISON):
                yield PARKED_WHILE_OPEN

    def _another_lives(self, s: State, index: int) -> bool:
        """Some other id of a failed message is open or accepted (an operator's word aside)."""
        place = s.batch.places[index]
        return any(
            other != place and known.state != ABSENT and known.members & ~known.absents & 1 << index
            for other, known in enumerate(s.batch.ids, 1)
        )

    def worse(self, s: State, t: State) -> str:
        """Which promise a step breaks."""
        b, c = s.batch, t.batch
        if b is c:
            return ""
        if (b.state, c.state) == (READY, SENDING):
            if not c.ids[-1].members & undecided(b):
                return FOUND_COPY if self.only in ("", FOUND_COPY) else ""
            if s.ended and has_open_id(b, undecided(b)):
                return LATE_COPY if self.only in ("", LATE_COPY) else ""
        if self.only not in ("", FENCE_FELL, BACKWARDS):
            return ""
        if c.fence < b.fence or (len(c.ids) > len(b.ids) and c.fence <= b.fence):
            return FENCE_FELL
        if any(RANK[after] < RANK[before] for before, after in zip(b.statuses, c.statuses, strict=True)):
            return BACKWARDS
        return ""

    def is_end(self, s: State) -> bool:
        """Final, parked, or out of the claims that this world has."""
        state = s.batch.state
        return state in (SETTLED, PARKED) or (state == READY and s.claims >= self.world.most_claims)

    def tell(self, s: State) -> str:
        b = s.batch
        ids = ", ".join(f"{known.gid} {IdState(known.state).name.lower()}" for known in b.ids)
        statuses = " ".join(Status(status).name.lower() for status in b.statuses)
        accepted = ", ".join(f"{a.gid} for {bin(a.accepted)[2:]}" for a in s.attempts if a.accepted)
        told = f"{BatchState(b.state).name.lower()} [{statuses}] fence {b.fence}"
        return told + (f" ids {ids}" if ids else "") + (f"; the gateway accepted {accepted}" if accepted else "")
