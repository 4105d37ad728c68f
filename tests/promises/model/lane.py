"""A world of its own: a lane whose awake workers claim the next ready batch from the ledger by themselves.

A hint only wakes a worker. A worker that has an answer settles it and claims the next batch in one round trip; it
names no batch, the ledger picks. Replies get lost and are asked for again, copies of a request come late, one half of
a round trip is carried out and the other is not, workers die, stop and stand before a closed line, Redis restarts.
A caller leaves its hint out while every slot is taken, none by a request that hangs, and claims were made lately.
In some worlds it need give none at all: enrolling rings a bell of the ledger, and who hears it claims what is next.

Time is left to the other worlds: absence may be recorded once no line is open that a claim was made over. What may
go wrong in secret here is not only a double: a claim that nobody hears of costs a window, and a batch that nobody was
told of waits for the sweep. Neither may happen unless something has died or was lost (`State.faults`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from smsq.worker.domain.status import BatchState
from tests.promises.model.promises import DOUBLED
from tests.promises.model.rules import Ledger, undecided
from tests.promises.model.states import (
    CONCLUSIVE,
    DOUBTFUL,
    OPEN,
    PARKED,
    READY,
    SENDING,
    SETTLED,
    Batch,
    Inquiry,
    World,
)

Step = tuple[str, "State"]

UNHEARD = "a claim that nobody hears of"
UNTOLD = "ready, and nobody will look before the sweep"
SLOW = "waits for an answer although a worker sleeps and a slot is free"

# What a worker's thread does: sleeps at the bell, has asked the ledger, holds a claim, waits for the gateway, has its
# answer, waits for a slot, is about to leave what is ready to others, has stopped.
ASLEEP, CALLS, CLAIMED, WAITS, ANSWERED, NO_SLOT, LEAVES, GONE = range(8)
NAMES = ("asleep", "calls", "claimed", "waits", "answered", "no slot", "leaves", "gone")
NEXT = -1  # instead of a batch: whichever is next
# Who knows of a ready batch: nobody, a hint in the queue, the sweep alone, its caller who is about to hint, the bell.
NOBODY, HINTED, SWEEPS, TO_HINT, RUNG = range(5)
# What a claim is answered, if not with a claim.
NONE, SLOT, HALTED, OVER = "none", "slot", "halted", "over"


class Sent(NamedTuple):
    """A granted claim: whose batch, under which id, fence and run."""

    batch: int
    gid: int
    fence: int
    run: int


class Thread(NamedTuple):
    """One thread of a worker."""

    phase: int
    seq: int = 0  # of its calls; a call that is repeated keeps it, as it keeps its nonce
    tries: int = 0
    names: int = NEXT  # the batch that its call names
    is_open: bool = False  # the line that was opened before the call
    claim: Sent | None = None
    owes: Sent | None = None  # what was answered and is not settled
    stops: bool = False


class Head(NamedTuple):
    """What the ledger remembers of a thread: the newest call that it repeated, and what that was given."""

    seq: int
    claim: Sent | None


class Copy(NamedTuple):
    """A request on its way that nobody waits for any more."""

    thread: int
    seq: int
    names: int
    again: bool
    owes: Sent | None


class State(NamedTuple):
    """All of it."""

    batches: tuple[Batch | None, ...]  # None: not enrolled yet
    order: tuple[int, ...]  # the ready ones, in the order of their set
    told: tuple[int, ...]
    not_yet: int  # ready ones that may not go yet: a pace, the gateway's minute
    threads: tuple[Thread, ...]
    heads: tuple[Head | None, ...]
    nonces: tuple[tuple[int, int, int] | None, ...]  # of each batch's newest claim: thread, call and run
    slots: tuple[tuple[int, int], ...]  # batch and fence
    mark: bool  # a claim was made lately, and no request hung
    copies: tuple[Copy, ...]
    flying: tuple[Sent, ...]
    accepted: tuple[tuple[int, int], ...]  # batch and id
    run: int
    current: int  # the run in force
    follows: int  # what the host's journals follow
    lines: tuple[int, ...]  # ids in its journals
    unsaid: tuple[int, ...] | None  # ids that the roll call is about to free
    saw_mark: bool  # a caller looked at the mark before it enrolled
    rings: int  # at the bell, that nobody has heard yet
    gid: int
    claims: int
    budgets: tuple[int, int, int, int, int, int]  # losses, failed halves, deaths, stops, falls and freezes to come
    faults: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How far the walk goes."""

    batches: int = 2
    threads: int = 2
    slots: int = 1
    most_claims: int = 2
    tries: int = 2
    losses: int = 0
    halves: int = 0
    deaths: int = 0
    stops: int = 0
    falls: int = 0
    freezes: int = 0
    not_yet: int = 0  # mask of batches that may not go at first
    rings: int = 0  # that the bell holds; 0: there is none, and callers give hints
    is_first_rung: bool = False  # the first batch, which has a hint otherwise


class Lane:
    """The world as something to walk; `off` is the rule that is left out."""

    def __init__(self, traffic: Traffic, off: str = "", only: str = "") -> None:
        self.traffic = traffic
        self.off = off
        self.only = only
        self.ledger = Ledger(World(most_claims=traffic.most_claims, poison=9), off)

    def first(self) -> State:
        """The first batch is enrolled and hinted, or rung for, the others come."""
        t = self.traffic
        none = (None,) * (t.batches - 1)
        return State(
            batches=(World().first().batch, *none),
            order=(0,),
            told=(RUNG if t.is_first_rung else HINTED, *(NOBODY for _ in none)),
            not_yet=t.not_yet,
            threads=(Thread(ASLEEP),) * t.threads,
            heads=(None,) * t.threads,
            nonces=(None,) * t.batches,
            slots=(),
            mark=False,
            copies=(),
            flying=(),
            accepted=(),
            run=0,
            current=0,
            follows=0,
            lines=(),
            unsaid=None,
            saw_mark=False,
            rings=int(t.is_first_rung),
            gid=0,
            claims=0,
            budgets=(t.losses, t.halves, t.deaths, t.stops, t.falls, t.freezes),
            faults=0,
        )

    def steps(self, s: State) -> list[Step]:
        steps = [*self._caller(s), *self._duties(s), *self._gateway(s), *self._server(s)]
        for place, thread in enumerate(s.threads):
            steps += self._thread(s, place, thread)
        for place, copy in enumerate(s.copies):
            rest = s._replace(copies=s.copies[:place] + s.copies[place + 1 :])
            if copy.owes is not None:
                rest = self._settled(rest, copy.owes)
            after, _ = self._claim(rest, copy.thread, copy.seq, copy.names, copy.again)
            steps.append((f"a copy of call {copy.seq} of thread {copy.thread} comes late", after))
        return [(what, self._tidy(t)) for what, t in steps if t != s]

    # Callers and the sweep ------------------------------------------------------------------------------------------

    def _caller(self, s: State) -> Iterator[Step]:
        coming = next((place for place, batch in enumerate(s.batches) if batch is None), None)
        if coming is not None and s.run == s.current:
            is_awake = self._is_awake(s)
            if self.off == "the mark is read before the message is enrolled":
                if is_awake and not s.saw_mark:
                    yield "a caller sees that the lane is awake", s._replace(saw_mark=True)
                is_awake = s.saw_mark
            told = NOBODY if is_awake else TO_HINT
            enrolled = self._ready(s, coming, World().first().batch, told)._replace(saw_mark=False)
            yield f"batch {coming} is enrolled{', no hint' if is_awake else ''}", enrolled
            if self.off == "it rings before the message is there" and not s.saw_mark:
                yield f"the bell rings for batch {coming}", s._replace(rings=1, saw_mark=True)
            elif self.traffic.rings and not is_awake:  # while a worker is known to listen
                yield f"batch {coming} is enrolled, the bell rings", self._rung(s, coming)
        if s.rings and s.budgets[0]:
            yield "a ring is lost", self._spend(s, 0)._replace(rings=s.rings - 1, faults=1)
        for place, told in enumerate(s.told):
            if told == TO_HINT:
                yield f"batch {place} is hinted", s._replace(told=_put(s.told, place, HINTED))
                if s.budgets[0]:
                    lost = self._spend(s, 0)._replace(faults=1)
                    yield f"the hint of batch {place} is lost", lost._replace(told=_put(s.told, place, NOBODY))

    def _is_awake(self, s: State) -> bool:
        """Whether a hint is of no use: no slot is free, and those who have them claimed lately, so that they live."""
        is_full = len(s.slots) >= self.traffic.slots or self.off == "the mark alone is trusted"
        return is_full and s.mark

    def _rung(self, s: State, coming: int) -> State:
        """Enrolled with a ring; if the bell is full, left to those whom its rings will wake."""
        is_full = s.rings == self.traffic.rings
        told = NOBODY if is_full and self.off != "a full bell is left silent" else RUNG
        enrolled = self._ready(s, coming, World().first().batch, told)._replace(saw_mark=False)
        has_rung = is_full or self.off == "it rings before the message is there"
        return enrolled if has_rung else enrolled._replace(rings=s.rings + 1)

    def _hangs(self, s: State, slot: tuple[int, int]) -> bool:
        """Whether nobody waits any more for the request that has this slot: it ends by time, which wakes nobody."""
        batch = s.batches[slot[0]]
        return batch is None or batch.state != SENDING or batch.fence != slot[1]

    def _duties(self, s: State) -> Iterator[Step]:
        for place, batch in enumerate(s.batches):
            if batch is None:
                continue
            is_due = batch.state == READY and s.told[place] in (NOBODY, SWEEPS, RUNG) and not s.not_yet >> place & 1
            if is_due and self.off != "no sweeper":
                yield f"the sweeper hints batch {place}", s._replace(told=_put(s.told, place, HINTED))
            if batch.state == READY and s.not_yet >> place & 1:
                told = _put(s.told, place, SWEEPS)
                yield f"batch {place} may go now", s._replace(not_yet=s.not_yet & ~(1 << place), told=told)
            if batch.state == SENDING:
                is_held = self._is_held(s, place, batch)
                if not is_held or s.budgets[5]:  # its worker is dead, or frozen
                    silent = self._spend(s, 5) if is_held else s
                    expired = self._with(silent, place, self.ledger.expire(batch)._replace(deaths=0))
                    yield f"the claim of batch {place} expires", expired._replace(faults=1)
            if batch.state == DOUBTFUL:
                yield from self._asked(s, place, batch)
        for slot in s.slots:
            if not any(self._is_used(s, place, slot) for place in range(len(s.batches))):
                yield f"the slot of batch {slot[0]} runs out", self._freed(s, *slot)

    def _is_used(self, s: State, place: int, slot: tuple[int, int]) -> bool:
        batch = s.batches[place]
        is_sent = batch is not None and batch.state == SENDING and (place, batch.fence) == slot
        return is_sent or any((sent.batch, sent.fence) == slot for sent in s.flying)

    def _asked(self, s: State, place: int, batch: Batch) -> Iterator[Step]:
        """Found, or absent: once nothing can be said any more under its ids, so that their lines are closed by then."""
        gids = {known.gid for known in batch.ids if known.state == OPEN}
        for gid in gids:
            if (place, gid) in s.accepted:
                yield f"id {gid} is found", self._with(s, place, self.ledger.learn(batch, gid, 0, 1))
        if any(sent.gid in gids for sent in s.flying) or s.run != s.current:
            return
        held = {thread.claim.gid for thread in s.threads if thread.claim is not None and thread.phase == CLAIMED}
        opened_before = [
            thread._replace(is_open=False) if self._over(s, number, thread) & gids else thread
            for number, thread in enumerate(s.threads)
        ]
        if any(gid in held for gid in gids) and any(
            thread.phase == CLAIMED and thread.is_open and thread.claim and thread.claim.gid in gids
            for thread in s.threads
        ):
            return
        absent = tuple((gid, undecided(batch)) for gid in gids if (place, gid) not in s.accepted)
        window = self.ledger.world.window
        after = self.ledger.probe(batch, Inquiry(window, window, 1, CONCLUSIVE, absent), 0)
        asked = self._with(s, place, after)._replace(threads=tuple(opened_before))
        if after.state == READY:
            asked = self._in_order(asked, place, HINTED)
        yield f"absence of batch {place} is recorded", asked

    def _over(self, s: State, number: int, thread: Thread) -> set[int]:
        """The ids of claims that were made over this thread's line and of which it has not heard."""
        if thread.phase != CALLS:
            return set()
        return {
            batch.ids[-1].gid
            for batch, nonce in zip(s.batches, s.nonces, strict=True)
            if batch is not None and batch.ids and nonce is not None and nonce[:2] == (number, thread.seq)
        }

    # Threads --------------------------------------------------------------------------------------------------------

    def _thread(self, s: State, n: int, me: Thread) -> Iterator[Step]:
        if me.phase not in (ASLEEP, GONE) and s.budgets[2]:
            dead = self._spend(s, 2)._replace(faults=1)
            yield f"thread {n} dies", self._set(dead, n, Thread(ASLEEP, me.seq))
        if me.phase in (WAITS, ANSWERED) and not me.stops and s.budgets[3]:
            yield f"thread {n} is told to stop", self._set(self._spend(s, 3), n, me._replace(stops=True))
        if me.phase in (CALLS, CLAIMED) and me.is_open:
            yield f"the line of thread {n} closes", self._set(s, n, me._replace(is_open=False))
        if me.phase == ASLEEP:
            for place, told in enumerate(s.told):
                if told == HINTED:
                    woken = s._replace(told=_put(s.told, place, NOBODY))
                    yield f"thread {n} is woken for batch {place}", self._calls(woken, n, me, place)
            if s.rings:
                yield f"thread {n} hears the bell", self._calls(s._replace(rings=s.rings - 1), n, me, NEXT)
        elif me.phase == CALLS:
            yield from self._asks(s, n, me)
        elif me.phase == CLAIMED:
            yield from self._holds(s, n, me)
        elif me.phase == WAITS and me.claim is not None:
            doubted = self._with(s, me.claim.batch, self.ledger.doubt(s.batches[me.claim.batch], me.claim.fence))  # type: ignore[arg-type]
            if self.off not in ("the mark has no end", "requests that hang are counted"):
                # An answer is waited for longer than a mark lasts, and newer claims leave none while a request hangs.
                doubted = doubted._replace(mark=False)
            yield f"thread {n} hears nothing and doubts", self._calls(doubted, n, me, NEXT)
        elif me.phase == ANSWERED:
            yield from self._settles(s, n, me)
        elif me.phase == NO_SLOT:
            if len(s.slots) < self.traffic.slots:
                yield f"thread {n} hears of a slot", self._calls(s, n, me, NEXT)
            swept = tuple(
                SWEEPS if told == RUNG else told for told in s.told
            )  # it waited for longer than the sweep does
            left = self._set(s._replace(told=swept), n, me._replace(phase=LEAVES))
            yield f"thread {n} has no more patience", left
        elif me.phase == LEAVES:
            gone = self._set(s, n, Thread(GONE if me.stops else ASLEEP, me.seq))
            ready = next((place for place in s.order if self._is_left(s) and not s.not_yet >> place & 1), None)
            if ready is not None and self.off != "who leaves tells nobody":
                gone = gone._replace(told=_put(gone.told, ready, HINTED))
            yield f"thread {n} leaves", gone

    def _calls(self, s: State, n: int, me: Thread, names: int, owes: Sent | None = None) -> State:
        """A new call with a nonce of its own, over a line that is open."""
        called = Thread(CALLS, me.seq + 1, self.traffic.tries, names, True, None, owes, me.stops)
        return self._set(s, n, called)

    def _asks(self, s: State, n: int, me: Thread) -> Iterator[Step]:
        """The call is carried out and heard of, or one of the two is lost, or only its first half is carried out."""
        again = me.tries < self.traffic.tries
        settled = self._settled(s, me.owes) if me.owes is not None else s
        done, answer = self._claim(settled, n, me.seq, me.names, again)
        yield f"thread {n} is answered {_said(answer)}", self._heard(done, n, me._replace(owes=None), answer)
        if s.budgets[0]:
            fewer = me._replace(tries=me.tries - 1)
            for what, after in (
                ("and its reply is lost", done),
                *([("by half, and its reply is lost", settled)] if me.owes is not None else ()),
                ("too late for it", s._replace(copies=(*s.copies, Copy(n, me.seq, me.names, again, me.owes)))),
            ):
                lost = self._spend(after, 0)
                yield f"call {me.seq} of thread {n} is carried out {what}", self._lost(lost, n, fewer)
        if me.owes is not None and s.budgets[1]:
            done, answer = self._claim(self._spend(s, 1), n, me.seq, me.names, again)
            forgets = self.off == "a settling that failed is forgotten when the claim came"
            kept = me._replace(owes=None if forgets else me.owes)
            what = f"its settling fails, thread {n} is answered {_said(answer)}"
            if self.off == "a claim that came with a failed settling is dropped" and isinstance(answer, Sent):
                yield what, self._calls(done, n, me, NEXT, me.owes)
            else:
                yield what, self._heard(done, n, kept, answer)

    def _lost(self, s: State, n: int, me: Thread) -> State:
        if not me.tries:
            return self._set(s, n, Thread(GONE if me.stops else ASLEEP, me.seq))._replace(faults=1)
        if self.off == "a repeated call draws a nonce of its own":
            me = me._replace(seq=me.seq + 1)
        return self._set(s, n, me)

    def _heard(self, s: State, n: int, me: Thread, answer: Sent | str) -> State:
        if isinstance(answer, Sent):
            return self._set(s, n, me._replace(phase=CLAIMED, claim=answer, tries=0))
        if me.owes is not None:  # its settling failed: it is done again before anything else
            return self._calls(s, n, me, NEXT, me.owes)
        if answer == SLOT:
            return self._set(s, n, me._replace(phase=NO_SLOT, tries=0, is_open=False))
        looks_on = me.names != NEXT and self.traffic.rings and self.off != "who finds its batch taken looks no further"
        if answer == OVER and (self._is_left(s) or looks_on):
            return self._calls(s, n, me, NEXT)
        return self._set(s, n, Thread(ASLEEP, me.seq))._replace(faults=1 if answer == HALTED else s.faults)

    def _holds(self, s: State, n: int, me: Thread) -> Iterator[Step]:
        """Settle what is still owed, look at the line, write it down, say it."""
        claim = me.claim
        assert claim is not None
        if me.owes is not None:
            paid = self._set(self._settled(s, me.owes), n, me._replace(owes=None))
            yield f"thread {n} settles what it owes", paid
            return
        if claim.run != s.follows:
            yield f"the run of thread {n}'s claim is over", self._set(s, n, Thread(ASLEEP, me.seq))._replace(faults=1)
            return
        written = s._replace(lines=tuple(sorted({*s.lines, claim.gid})))
        if not me.is_open and self.off != "the line is opened after the claim":
            batch = s.batches[claim.batch]
            assert batch is not None
            after = self.ledger.release(batch, claim.fence, claim.gid)
            released = self._with(written, claim.batch, after)
            if after is not batch:
                released = self._in_order(self._freed(released, claim.batch, claim.fence), claim.batch, NOBODY)
            yield f"thread {n} finds its line closed: release", self._calls(released, n, me, NEXT)
            return
        said = written._replace(flying=(*s.flying, claim))
        yield f"thread {n} says id {claim.gid}", self._set(said, n, me._replace(phase=WAITS))

    def _settles(self, s: State, n: int, me: Thread) -> Iterator[Step]:
        """With the next claim, or alone: where it knows of nothing else, or is to stop."""
        assert me.claim is not None
        if not me.stops:
            yield f"thread {n} settles and claims the next", self._calls(s, n, me, NEXT, me.claim)
        alone = self._settled(s, me.claim)
        is_more = self._is_left(alone)
        if me.stops:
            after = self._set(alone, n, me._replace(phase=LEAVES if is_more else GONE, claim=None))
        else:
            after = self._calls(alone, n, me, NEXT) if is_more else self._set(alone, n, Thread(ASLEEP, me.seq))
        yield f"thread {n} settles", after

    def _is_left(self, s: State) -> bool:
        """Whether some batch may go of which no hint was given."""
        return any(s.told[place] == NOBODY and not s.not_yet >> place & 1 for place in s.order)

    # The ledger -----------------------------------------------------------------------------------------------------

    def _claim(self, s: State, n: int, seq: int, names: int, again: bool) -> tuple[State, Sent | str]:
        """Claim the batch that is named, or whichever is next; what was repeated is written down with its answer."""
        head = s.heads[n]
        if head is not None and head.seq > seq and self.off != "a call from before the last is granted":
            return s, OVER
        if head is not None and head.seq == seq:
            return s, self._again(s, head.claim)
        after, answer = self._granted_before(s, n, seq) if again else (s, None)
        if answer is None:
            after, answer = self._granted_now(s, n, seq, names)
        written = isinstance(answer, Sent) or self.off != "a repeated call that got nothing is not written down"
        if again and written and self.off != "no repeated call is written down":
            claim = answer if isinstance(answer, Sent) else None
            after = after._replace(heads=_put(after.heads, n, Head(seq, claim)))
        return after, answer

    def _granted_before(self, s: State, n: int, seq: int) -> tuple[State, Sent | str | None]:
        """What an earlier try was given, if it is still being sent: found by its nonce."""
        if self.off == "what an earlier try was given is not looked for":
            return s, None
        for place, nonce in enumerate(s.nonces):
            batch = s.batches[place]
            if nonce is not None and nonce[:2] == (n, seq) and batch is not None and batch.state == SENDING:
                claim = Sent(place, batch.ids[-1].gid, batch.fence, s.run)
                if nonce[2] == s.run or self.off == "a call is answered again under another run":
                    return s, claim
        return s, None

    def _again(self, s: State, claim: Sent | None) -> Sent | str:
        """The same answer once more, for as long as that claim is being sent under the same run."""
        batch = s.batches[claim.batch] if claim is not None else None
        if claim is None or batch is None or batch.state != SENDING:
            return OVER
        return claim if batch.ids[-1].gid == claim.gid and claim.run == s.run else OVER

    def _granted_now(self, s: State, n: int, seq: int, names: int) -> tuple[State, Sent | str]:
        batch = s.batches[names] if names != NEXT else None
        if names != NEXT and (batch is None or batch.state != READY):
            return s, OVER
        if s.run != s.current:
            return s, HALTED
        for place in (names,) if names != NEXT else s.order:
            if s.not_yet >> place & 1 and names == NEXT:
                if self.off == "a batch that may not go yet ends the look":
                    return s, NONE
                continue
            if len(s.slots) >= self.traffic.slots:
                return s, SLOT
            if s.claims < self.traffic.most_claims:
                return self._granted(s, n, seq, place)
        return s, NONE

    def _granted(self, s: State, n: int, seq: int, place: int) -> tuple[State, Sent | str]:
        batch = s.batches[place]
        assert batch is not None
        gid = s.gid + 1
        after, members = self.ledger.claim(batch, gid, 0)
        order = tuple(each for each in s.order if each != place)
        if not members:  # a fact came for it meanwhile
            return self._with(s, place, after)._replace(order=order), OVER
        is_marked = not any(self._hangs(s, slot) for slot in s.slots) or self.off == "requests that hang are counted"
        granted = self._with(s, place, after)._replace(
            order=order,
            nonces=_put(s.nonces, place, (n, seq, s.run)),
            slots=(*s.slots, (place, after.fence)),
            mark=is_marked or s.mark,
            gid=gid,
            claims=s.claims + 1,
        )
        return granted, Sent(place, gid, after.fence, s.run)

    def _settled(self, s: State, sent: Sent) -> State:
        batch = s.batches[sent.batch]
        assert batch is not None
        after = self.ledger.settle_accepted(batch, sent.fence, sent.gid)
        return self._freed(self._with(s, sent.batch, after), sent.batch, sent.fence)

    # The gateway and the server -------------------------------------------------------------------------------------

    def _gateway(self, s: State) -> Iterator[Step]:
        for sent in s.flying:
            rest = s._replace(flying=tuple(each for each in s.flying if each != sent))
            taken = rest._replace(accepted=tuple(sorted((*rest.accepted, (sent.batch, sent.gid)))))
            yield f"the gateway drops id {sent.gid}", rest
            yield f"the gateway accepts id {sent.gid} in silence", taken
            for n, thread in enumerate(s.threads):
                if thread.phase == WAITS and thread.claim == sent:
                    answered = self._set(taken, n, thread._replace(phase=ANSWERED))
                    yield f"the gateway accepts id {sent.gid} and says so", answered
        if s.mark and self.off != "the mark has no end":
            yield "the mark lapses", s._replace(mark=False)

    def _server(self, s: State) -> Iterator[Step]:
        if s.budgets[4]:
            begun = self._spend(s, 4)._replace(run=s.run + 1, faults=1)
            yield "the server restarts", begun
        if s.follows < s.run:
            yield "the host follows the new run", s._replace(follows=s.run)
        elif s.run != s.current:
            sending = [batch.ids[-1].gid for batch in s.batches if batch is not None and batch.state == SENDING]
            unsaid = tuple(gid for gid in sending if gid not in s.lines)
            yield "the roll call is over", s._replace(current=s.run, unsaid=unsaid or None)
        if s.unsaid is not None:
            after = s._replace(unsaid=None)
            for place, batch in enumerate(s.batches):
                if batch is not None and batch.state == SENDING and batch.ids[-1].gid in s.unsaid:
                    fence = batch.fence
                    after = self._with(after, place, self.ledger.release(batch, fence, batch.ids[-1].gid))
                    after = self._in_order(self._freed(after, place, fence), place, HINTED)
            yield "what was never said is freed", after

    # Small changes --------------------------------------------------------------------------------------------------

    def _ready(self, s: State, place: int, batch: Batch, told: int) -> State:
        return self._in_order(self._with(s, place, batch), place, told)

    def _in_order(self, s: State, place: int, told: int) -> State:
        order = (*(each for each in s.order if each != place), place)
        return s._replace(order=order, told=_put(s.told, place, told))

    def _with(self, s: State, place: int, batch: Batch) -> State:
        return s._replace(batches=_put(s.batches, place, batch))

    def _set(self, s: State, n: int, thread: Thread) -> State:
        return s._replace(threads=_put(s.threads, n, thread))

    def _freed(self, s: State, place: int, fence: int) -> State:
        return s._replace(slots=tuple(slot for slot in s.slots if slot != (place, fence)))

    def _spend(self, s: State, which: int) -> State:
        return s._replace(budgets=_put(s.budgets, which, s.budgets[which] - 1))

    def _tidy(self, s: State) -> State:
        """Without what can no longer matter."""
        for n in range(len(s.threads)):
            s = self._renumbered(s, n)
        for place, batch in enumerate(s.batches):
            wakes = s.told[place] == HINTED and self.traffic.rings  # who is woken by that hint looks further
            if s.told[place] and not wakes and batch is not None and batch.state in (SETTLED, PARKED):
                s = s._replace(told=_put(s.told, place, NOBODY))  # that hint wakes somebody for nothing
            if batch is not None and batch.state in (SETTLED, PARKED) and batch.ids:
                s = self._forgotten(s, place, batch)
        if s.lines and s.run == s.current and not s.budgets[4] and s.unsaid is None:
            s = s._replace(lines=())
        if s.mark and None not in s.batches:
            s = s._replace(mark=False)
        if not s.copies and not any(s.nonces):  # threads are alike
            pairs = sorted(zip(s.threads, s.heads, strict=True), key=hash)
            s = s._replace(threads=tuple(pair[0] for pair in pairs), heads=tuple(pair[1] for pair in pairs))
        return s

    def _forgotten(self, s: State, place: int, batch: Batch) -> State:
        """Of a batch that is over, once nobody holds an id of it, nothing matters any more but a double."""
        owed = (*(t.claim for t in s.threads), *(t.owes for t in s.threads), *(copy.owes for copy in s.copies))
        granted = (head.claim for head in s.heads if head is not None)
        if any(sent is not None and sent.batch == place for sent in (*owed, *granted, *s.flying)):
            return s
        if sum(accepted == place for accepted, _ in s.accepted) > 1:
            return s
        accepted = tuple(each for each in s.accepted if each[0] != place)
        return self._with(s, place, Batch(batch.state, 0, (), (), (), 0, 0, 0, 0))._replace(accepted=accepted)

    def _renumbered(self, s: State, n: int) -> State:
        """Of a thread's calls only the order matters, and of those that are over only what is still on its way."""
        me, head = s.threads[n], s.heads[n]
        if me.phase != CALLS:  # what its call named, and its line once it has spoken
            me = me._replace(names=NEXT, is_open=me.is_open and me.phase == CLAIMED)
        mine = [copy.seq for copy in s.copies if copy.thread == n]
        if me.phase != CALLS and not mine:
            nonces = tuple(None if nonce is not None and nonce[0] == n else nonce for nonce in s.nonces)
            heads = _put(s.heads, n, None)
            return self._set(s, n, me._replace(seq=0))._replace(heads=heads, nonces=nonces)
        if head is not None and head.seq < min((*mine, me.seq)):
            s, head = s._replace(heads=_put(s.heads, n, None)), None
        known = {me.seq, *mine, *((head.seq,) if head is not None else ())}
        nonces = tuple(
            None if nonce is not None and nonce[0] == n and nonce[1] not in known else nonce for nonce in s.nonces
        )
        rank = {seq: place for place, seq in enumerate(sorted(known), 1)}
        return self._set(s, n, me._replace(seq=rank[me.seq]))._replace(
            heads=_put(s.heads, n, head and head._replace(seq=rank[head.seq])),
            nonces=tuple(
                (n, rank[nonce[1]], nonce[2]) if nonce is not None and nonce[0] == n else nonce for nonce in nonces
            ),
            copies=tuple(copy._replace(seq=rank[copy.seq]) if copy.thread == n else copy for copy in s.copies),
        )

    # Promises -------------------------------------------------------------------------------------------------------

    def broken(self, s: State) -> str:
        return next((broken for broken in self._all_broken(s) if self.only in ("", broken)), "")

    def _all_broken(self, s: State) -> Iterator[str]:
        for place in range(len(s.batches)):
            if sum(batch == place for batch, _ in s.accepted) > 1:
                yield DOUBLED
        if s.faults:
            return
        for place, batch in enumerate(s.batches):
            if batch is not None and batch.state == SENDING and not self._is_held(s, place, batch):
                yield UNHEARD
            is_known = s.told[place] not in (NOBODY, RUNG) or s.not_yet >> place & 1
            if batch is None or batch.state != READY or is_known:
                continue
            is_told = s.rings or any(told in (HINTED, TO_HINT) for told in s.told)
            if s.claims >= self.traffic.most_claims or is_told:
                continue
            if all(thread.phase in (ASLEEP, GONE) for thread in s.threads):
                yield UNTOLD
            phases = {thread.phase for thread in s.threads}
            is_free = len(s.slots) < self.traffic.slots
            if is_free and ASLEEP in phases and not phases & {CALLS, CLAIMED, ANSWERED, LEAVES, NO_SLOT}:
                yield SLOW

    def _is_held(self, s: State, place: int, batch: Batch) -> bool:
        gid = batch.ids[-1].gid
        nonce = s.nonces[place]
        for n, thread in enumerate(s.threads):
            if thread.claim is not None and thread.claim.gid == gid and thread.claim.batch == place:
                return True
            if thread.owes is not None and thread.owes.gid == gid:
                return True
            if thread.phase == CALLS and nonce is not None and nonce[:2] == (n, thread.seq):
                return True
        return False

    def worse(self, s: State, t: State) -> str:
        """Nothing more from step to step than the other worlds look at."""
        return ""

    def is_end(self, s: State) -> bool:
        """Every batch is over, or out of the claims that this world has."""
        spent = s.claims >= self.traffic.most_claims
        return all(
            batch is not None and (batch.state in (SETTLED, PARKED) or (batch.state == READY and spent))
            for batch in s.batches
        )

    def tell(self, s: State) -> str:
        parts = []
        for place, batch in enumerate(s.batches):
            if batch is not None:
                ids = [known.gid for known in batch.ids]
                told = ("", " hinted", " left to the sweep", " to be hinted", " rung for")[s.told[place]]
                parts.append(f"{place} {BatchState(batch.state).name.lower()}{told} {ids or ''}".strip())
        threads = ", ".join(NAMES[thread.phase] for thread in s.threads)
        told = f"batches {'; '.join(parts)} | threads {threads} | {len(s.slots)} slots taken"
        return told + (f"; the gateway accepted {list(s.accepted)}" if s.accepted else "")


def _put(row: tuple, place: int, what: object) -> tuple:  # type: ignore[type-arg]
    return (*row[:place], what, *row[place + 1 :])


def _said(answer: Sent | str) -> str:
    return f"with id {answer.gid}" if isinstance(answer, Sent) else f"'{answer}'"
