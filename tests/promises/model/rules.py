"""What each verb of the ledger does to a batch: the scripts of `worker/ledger/lua/`, rule by rule, without Redis.

`Ledger.off` names one rule that is left out; '' is production. Every change of state is looked up in production's
table of moves: one that is not there is a fault of the model or of the table.
"""

from __future__ import annotations

from smsq.worker.domain.status import BATCH_MOVES, STATUS_TABLE, BatchState, Status
from tests.promises.model.states import (
    ABSENT,
    ACCEPTED,
    ACCEPTED_ID,
    CANCELLED,
    CONCLUSIVE,
    DOUBTFUL,
    HELD_BACK,
    HIS_DROP,
    HIS_SETTLE,
    MAY_DOUBLE,
    OPEN,
    PARKED,
    PATIENCE,
    POISON,
    POLICY,
    READY,
    REFUSED,
    SENDING,
    SENT_AGAIN,
    SETTLED,
    TOO_MANY,
    UNDECIDED,
    Batch,
    Id,
    Inquiry,
    World,
)

Move = tuple[int, str, int]
TABLE: frozenset[Move] = frozenset((int(move.source), move.verb, int(move.target)) for move in BATCH_MOVES)
RANK = [STATUS_TABLE[status].rank for status in sorted(Status)]
FINAL = [STATUS_TABLE[status].is_final for status in sorted(Status)]
PROVES = [STATUS_TABLE[status].proves_acceptance for status in sorted(Status)]
FAILURES = {int(Status.EXPIRED), int(Status.UNDELIVERABLE), int(Status.REFUSED)}


class MoveUnknown(Exception):
    """A verb moved a batch along an arrow that production's table does not have."""


class Ledger:
    """The verbs; `made` collects the moves that happened."""

    def __init__(self, world: World, off: str = "") -> None:
        self.world = world
        self.off = off
        self.made: set[Move] = set()
        self.everyone = (1 << world.phones) - 1

    # Sending ----------------------------------------------------------------------------------------------------

    def claim(self, b: Batch, gid: int, mirror: int, ended: int = 0) -> tuple[Batch, int]:
        """The batch afterwards and the messages that were granted, 0 for none."""
        if b.state != READY and self.off != "claim does not compare":
            return b, 0
        rest = undecided(b)
        if not rest and self.off != "what was found meanwhile is sent again":
            return self._settle_batch(b, "claim"), 0
        if ended and self.off != "a second copy leaves after the end":
            return self._end(b, rest, ended, "claim"), 0
        members = rest & -rest if b.solo else rest
        if self.off in ("decided messages are claimed again", "what was found meanwhile is sent again"):
            members = self.everyone
        older = () if self.off == "the rest does not inherit its ids" else b.ids
        fence = b.fence if self.off == "claim does not raise the fence" else b.fence + 1
        new = Id(gid, OPEN, mirror, members, 0)
        return self._moved(b, "claim", SENDING)._replace(fence=fence, ids=(*older, new)), members

    def settle_accepted(self, b: Batch, fence: int, gid: int) -> Batch:
        place = place_of(b, gid)
        if not place:
            return b
        current = b.state == SENDING and b.fence == fence
        for index in bits(b.ids[place - 1].members):
            b = self._merged(b, index, place, ACCEPTED)
        b = with_id(b, place, state=ACCEPTED_ID)
        return self._after_answer(b, current)

    def settle_refused(self, b: Batch, fence: int, gid: int, in_force: bool = True) -> Batch:
        place = place_of(b, gid)
        current = b.state == SENDING and b.fence == fence
        if not place or (not current and self.off != "settle is not fenced"):
            return b
        if not in_force and self.off != "refused under a run that is not in force":
            return self._moved(with_id(b, place, state=ABSENT), "settle", DOUBTFUL)
        if has_open_id(b, undecided(b), gid) and self.off != "refused while an id is open":
            return self._moved(with_id(b, place, state=ABSENT), "settle", DOUBTFUL)
        for index in bits(b.ids[place - 1].members):
            if b.statuses[index] == UNDECIDED:
                b = self._merged(b, index, place, REFUSED)
        if b.ids[place - 1].state == OPEN:
            b = with_id(b, place, state=ABSENT)
        return self._after_answer(b, current)

    def _after_answer(self, b: Batch, current: bool) -> Batch:
        if not current:
            return self._concluded(b, "settle")
        if not undecided(b):
            return self._settle_batch(b, "settle")
        return self._moved(b, "settle", READY)

    def release(self, b: Batch, fence: int, gid: int) -> Batch:
        place = place_of(b, gid)
        fits = b.state == SENDING and b.fence == fence and 0 < place == len(b.ids)
        if self.off == "settle is not fenced":
            fits = b.state == SENDING
        elif fits:
            fits = b.ids[place - 1].state == OPEN
        if not fits or not place:
            return b
        if self._is_proved(b, place):
            b = with_id(b, place, state=ACCEPTED_ID)
        else:
            b = b._replace(ids=b.ids[: place - 1] + b.ids[place:])
        return self._moved(b, "release", READY)

    def doubt(self, b: Batch, fence: int, solo: bool = False) -> Batch:
        if b.state != SENDING or (b.fence != fence and self.off != "settle is not fenced"):
            return b
        if solo:
            b = b._replace(solo=1)
        return self._concluded(self._doubted(b, "doubt"), "doubt")

    def expire(self, b: Batch) -> Batch:
        if b.state != SENDING:
            return b
        b = b._replace(deaths=min(b.deaths + 1, self.world.poison))
        if self.off == "expiry makes ready":
            return self._moved(b, "expire", READY)
        return self._concluded(self._doubted(b, "expire"), "expire")

    def _doubted(self, b: Batch, verb: str) -> Batch:
        if self.world.parks and self.off == "park at once":
            return self._moved(b, verb, PARKED)._replace(why=POLICY)
        # Facts may have come for everyone: then the same stroke settles it, and this is no move of its own.
        return self._moved(b, verb, DOUBTFUL) if undecided(b) else b._replace(state=DOUBTFUL)

    # Facts ------------------------------------------------------------------------------------------------------

    def learn(self, b: Batch, gid: int, index: int, status: int) -> Batch:
        """One fact under one id: merged in every state, from anyone."""
        place = place_of(b, gid)
        if not place and self.off == "a fact under another batch's id":
            place = len(b.ids)
        if not place or not b.ids[place - 1].members >> index & 1:
            return b
        known = b.ids[place - 1]
        before = b
        for each in bits(known.members) if self.off == "one found phone proves all" else (index,):
            b = self._merged(b, each, place, status)
        state = ACCEPTED_ID if known.state == ABSENT or self.world.phones == 1 else known.state
        b = with_id(b, place, state=state, absents=known.absents & ~(1 << index))
        if self.off == "found ends sending" and before.state == SENDING and b != before:
            b = self._moved(b, "advance", READY)
        return self._concluded(b, "advance")

    def _merged(self, b: Batch, index: int, place: int, status: int) -> Batch:
        old = b.statuses[index]
        if status in FAILURES and self._another_may_live(b, place, index) and self.off != "a failure ends at once":
            status = ACCEPTED
        if RANK[status] <= RANK[old] and self.off != "statuses go backwards":
            return b
        statuses = (*b.statuses[:index], status, *b.statuses[index + 1 :])
        places = (*b.places[:index], min(place, self.world.most_ids), *b.places[index + 1 :])
        return b._replace(statuses=statuses, places=places)

    def _another_may_live(self, b: Batch, place: int, index: int) -> bool:
        return any(
            other != place and known.state != ABSENT and known.members & ~known.absents & 1 << index
            for other, known in enumerate(b.ids, 1)
        )

    def _is_proved(self, b: Batch, place: int) -> bool:
        """Whether some receipt names the id at this place."""
        nibble = min(place, self.world.most_ids)
        if place < nibble or self.off == "a full nibble names every later id":
            return nibble in b.places
        return any(named == nibble and self._place_named(b, index) == place for index, named in enumerate(b.places))

    def _place_named(self, b: Batch, index: int) -> int:
        """Which id a receipt means: from the last nibble on it is the newest that carried the message."""
        nibble = b.places[index]
        if nibble < self.world.most_ids:
            return nibble
        for place in range(len(b.ids), nibble - 1, -1):
            if b.ids[place - 1].state != ABSENT and b.ids[place - 1].members >> index & 1:
                return place
        return 0

    def _concluded(self, b: Batch, verb: str) -> Batch:
        """After facts: a found phone does not end `sending`."""
        if b.state in (SENDING, SETTLED) or undecided(b):
            return b
        if b.state == READY and self.off == "what was found meanwhile is sent again":
            return b
        for place, known in enumerate(b.ids, 1):
            if known.state == OPEN and self._is_proved(b, place):
                b = with_id(b, place, state=ACCEPTED_ID)
        return self._settle_batch(b, verb)

    # Absence ----------------------------------------------------------------------------------------------------

    def probe(
        self, b: Batch, seen: Inquiry, ended: int, patient: bool = True, in_force: bool = True, age: int = 0
    ) -> Batch:
        """What asking showed; `patient` False where it was undecided for three days, `age` since the newest claim."""
        if b.state != DOUBTFUL:
            return b
        rest = undecided(b)
        newest = b.ids[-1]
        is_letter = self.world.is_letter(newest.mirror)
        trusted = in_force and bool(is_letter or seen.mirrors >> newest.mirror & 1) and seen.control > 0
        if self.off == "absence from a mirror that did not carry it":
            trusted = in_force and seen.control > 0
        trusted = trusted and seen.asked >= self._window(seen.control) and seen.known >= self._window(seen.control)
        is_missing = trusted and self._are_missing(b, rest, seen)
        if is_letter and self.off != "the absence of a letter is trusted":
            trusted = False
        if trusted:
            for gid, gone in seen.absent:
                place = place_of(b, gid)
                if place and b.ids[place - 1].state == OPEN and not self._may_be_held_back(b.ids[place - 1]):
                    b = with_id(b, place, absents=b.ids[place - 1].absents | gone)
        is_free = in_force and not carried_by_open(b, rest)
        if not (trusted and self._all_absent(b, rest)) and not is_free:
            if in_force and age >= self.world.guard and self._may_be_sent_again(b, seen, ended):
                return self._sent_again(b)
            if is_missing:
                return self._moved(b, "probe", PARKED)._replace(why=HELD_BACK)
            return b if patient else self._moved(b, "probe", PARKED)._replace(why=PATIENCE)
        for place, known in enumerate(b.ids, 1):
            if known.state == OPEN:
                b = with_id(b, place, state=ACCEPTED_ID if self._is_proved(b, place) else ABSENT)
        if ended:
            return self._settle_batch(self._decided(b, ended), "probe")
        if self.world.parks:
            return self._moved(b, "probe", PARKED)._replace(why=POLICY)
        if b.deaths >= self.world.poison:
            return self._moved(b, "probe", PARKED)._replace(why=POISON)
        if len(b.ids) >= self.world.most_ids:
            return self._moved(b, "probe", PARKED)._replace(why=TOO_MANY)
        return self._moved(b, "probe", READY)

    def _may_be_held_back(self, known: Id) -> bool:
        """A letter may arrive after any window, so nothing proves that it will not."""
        if self.off in ("the absence of a letter is trusted", "the absence of an older letter is trusted"):
            return False
        return self.world.is_letter(known.mirror)

    def _are_missing(self, b: Batch, rest: int, seen: Inquiry) -> bool:
        """The gateway showed nothing undecided under any id that may hold it."""
        gone = dict(seen.absent)
        may_hold = (known.members & ~known.absents & ~gone.get(known.gid, 0) for known in b.ids if known.state == OPEN)
        return not any(rest & members for members in may_hold)

    def _may_be_sent_again(self, b: Batch, seen: Inquiry, ended: int) -> bool:
        """Its sender accepts a second copy: of what was asked about and not shown, under the one id that may live."""
        if not self.world.resends and self.off != "a second copy that nobody chose":
            return False
        if (ended and self.off != "a second copy leaves after the end") or len(b.ids) >= self.world.most_ids:
            return False
        unseen = {gid for gid, gone in seen.absent if gone}
        living = [known.gid for known in b.ids if known.state == OPEN]
        if self.off == "a second copy is followed by a third":
            return unseen >= set(living)
        return not b.label and len(living) == 1 and unseen >= set(living) and b.deaths < self.world.poison

    def _sent_again(self, b: Batch) -> Batch:
        label = b.label if self.off == "a second copy is not labelled" else b.label | SENT_AGAIN
        return self._moved(b, "probe", READY)._replace(label=label)

    def _window(self, control: int) -> int:
        window = self.world.window
        if self.off == "the window is one tick short":
            window -= 1
        if self.off == "the window leaves out the peer's close":
            window -= self.world.close
        return window if control == CONCLUSIVE or self.off == "an older control is enough" else 2 * window

    def _all_absent(self, b: Batch, rest: int) -> bool:
        if self.off == "absence of one phone is enough":
            rest &= -rest
        ids = b.ids[-1:] if self.off == "asked under the newest id only" else b.ids
        return all(known.state != OPEN or not rest & known.members & ~known.absents for known in ids)

    # Ends of ours -----------------------------------------------------------------------------------------------

    def drop(self, b: Batch, ended: int) -> Batch:
        if b.state != READY or not ended:
            return b
        return self._end(b, undecided(b), ended, "drop")

    def resolve(self, b: Batch, fence: int, decision: str) -> Batch:
        """An operator's word about a parked or doubtful batch."""
        if b.state not in (PARKED, DOUBTFUL) or b.fence != fence:
            return b
        rest = undecided(b)
        if decision == "release":
            label = b.label | (MAY_DOUBLE if has_open_id(b, rest) else 0)
            return self._moved(b, "resolve", READY)._replace(label=label, why=0)
        settles = decision == "settle"
        b = self._decided(b, ACCEPTED if settles else CANCELLED)
        for place, known in enumerate(b.ids, 1):
            if known.state == OPEN:
                b = with_id(b, place, state=ACCEPTED_ID if settles else ABSENT)
        label = b.label | (HIS_SETTLE if settles else HIS_DROP)
        return self._settle_batch(b, "resolve")._replace(label=label)

    def _end(self, b: Batch, rest: int, ended: int, verb: str) -> Batch:
        if has_open_id(b, rest) and self.off != "late while an id is open":
            return self._moved(b, verb, DOUBTFUL)
        return self._settle_batch(self._decided(b, ended), verb)

    def _decided(self, b: Batch, status: int) -> Batch:
        return b._replace(statuses=tuple(status if known == UNDECIDED else known for known in b.statuses))

    def _settle_batch(self, b: Batch, verb: str) -> Batch:
        return self._moved(b, verb, SETTLED)._replace(solo=0, deaths=0, why=0)

    def _moved(self, b: Batch, verb: str, target: int) -> Batch:
        source = b.state
        if source == DOUBTFUL and verb in ("doubt", "expire"):
            source = SENDING  # one stroke: doubted, and settled by facts that had come before
        if source != target:
            move = (source, verb, target)
            if move not in TABLE and not self.off:
                raise MoveUnknown(f"{BatchState(source).name} {verb} {BatchState(target).name}")
            self.made.add(move)
        return b._replace(state=target)


def bits(mask: int) -> tuple[int, ...]:
    """The members of a mask."""
    return _BITS[mask]


_BITS = [tuple(index for index in range(4) if mask >> index & 1) for mask in range(16)]


def undecided(b: Batch) -> int:
    """The messages without a verdict."""
    mask = 0
    for index, status in enumerate(b.statuses):
        if status == UNDECIDED:
            mask |= 1 << index
    return mask


def place_of(b: Batch, gid: int) -> int:
    """Where an id stands among the batch's, from 1; 0 for nowhere."""
    for place, known in enumerate(b.ids, 1):
        if known.gid == gid:
            return place
    return 0


def with_id(b: Batch, place: int, **changes: int) -> Batch:
    """The batch with one id changed."""
    known = b.ids[place - 1]._replace(**changes)
    return b._replace(ids=(*b.ids[: place - 1], known, *b.ids[place:]))


def has_open_id(b: Batch, rest: int, besides: int = 0) -> bool:
    """Whether one of these messages may live under an id that is open."""
    return any(
        known.state == OPEN and known.gid != besides and rest & known.members & ~known.absents for known in b.ids
    )


def carried_by_open(b: Batch, rest: int) -> bool:
    """Whether one of these messages was sent under an id that is open, whatever was seen of it."""
    return any(known.state == OPEN and known.members & rest for known in b.ids)
