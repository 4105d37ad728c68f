"""A world of its own: a ledger that restarts or falls back to a copy, its hosts with their journals, the roll call.

Time is left to the other worlds: here absence may be recorded once nothing can arrive any more under the ids that the
ledger knows. What it does not know is what this world is about.

Where hosts come and go (`Falls.leaves`) a host that stops in order signs off, and one that has that very sign-off in
its journal excuses it. A note of a sign-off is void once its host has not looked for so long that nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from smsq.worker.domain.status import BatchState, Status
from tests.promises.model.promises import DOUBLED, FALSE_END
from tests.promises.model.quick import quick
from tests.promises.model.rules import Ledger, undecided
from tests.promises.model.states import (
    ACCEPTED,
    ALL,
    CLAIMED,
    CONCLUSIVE,
    DOUBTFUL,
    FLYING,
    LATE,
    NO,
    NOBODY,
    OPEN,
    OVER,
    PARKED,
    READY,
    REFUSED,
    SENDING,
    SETTLED,
    SILENCE,
    UNDECIDED,
    UNSAID,
    WAITS,
    Batch,
    Inquiry,
    World,
)

Step = tuple[str, "State"]

PRESENT, AWAY, RETURNING = 0, 1, 2


@quick
class Books(NamedTuple):
    """What lies in Redis, and in a copy of it."""

    batch: Batch
    gid: int  # the counter of gateway ids
    ids: tuple[int, ...]  # every id given so far
    counts: tuple[int, ...]  # the last n of each run
    current: int  # the run in force
    hosts: int  # who must report
    fell: int
    signed: tuple[int, ...]  # per host the sign-off that is in force, 0 for none
    may: tuple[int, ...]  # per host whose sign-offs it may have noted under this run


@quick
class Host(NamedTuple):
    """One host: the run it follows, the lines of its journals, the hosts it has seen, what it is about to free.

    Its note of sign-offs is good for one roll call: that for the first run it follows after the one it was made under.
    """

    follows: int
    lines: tuple[tuple[int, int, int], ...]  # run, n, gateway id
    knows: int
    unsaid: tuple[int, ...] | None
    place: int = 0  # PRESENT, AWAY or RETURNING
    read: tuple[int, ...] = ()  # sign-offs as of a look that is not written down yet
    noted: tuple[int, ...] = ()  # those that are
    noted_in: int = -1  # the run under which


@quick
class Send(NamedTuple):
    """One granted claim."""

    gid: int
    fence: int
    host: int
    run: int
    n: int
    holder: int
    phase: int
    accepted: int
    answer: int


@quick
class Report(NamedTuple):
    """What a host said in the roll call."""

    gid: int
    counts: tuple[tuple[int, int], ...]
    ids: tuple[int, ...]
    hosts: int
    noted: tuple[int, ...]


@quick
class State(NamedTuple):
    """All of it."""

    run: int  # the life of the server that answers now
    books: Books
    copy: Books | None
    reports: tuple[Report | None, ...]
    hosts: tuple[Host, ...]
    sends: tuple[Send, ...]
    late: int
    falls: int  # still to come
    claims: int
    leaves: int = 0  # sign-offs so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Falls:
    """How far the walk goes."""

    hosts: int = 1
    joined: int = 1  # hosts that are there at the beginning
    falls: int = 1
    most_claims: int = 2
    workers: int = 1  # of each host
    leaves: int = 0  # how often a host stops in order
    leavers: int = 1  # how many hosts may, from the last
    outcomes: bool = False  # of the gateway, doubt and expiry, where hosts leave; else every send is accepted
    late: bool = False


class FallingLedger:
    """The world as something to walk; `off` is the rule that is left out."""

    def __init__(self, falls: Falls, off: str = "", only: str = "") -> None:
        self.falls = falls
        self.off = off
        self.only = only
        self.ledger = Ledger(World(most_claims=falls.most_claims), off)

    def first(self) -> State:
        joined = (1 << self.falls.joined) - 1
        batch = World().first().batch
        none = (0,) * self.falls.hosts
        books = Books(batch, 0, (), (0,), 0, joined, 0, none, none)
        hosts = (Host(0, (), joined, None),) * self.falls.hosts
        return State(0, books, None, (None,) * self.falls.hosts, hosts, (), 0, self.falls.falls, 0)

    def steps(self, s: State) -> list[Step]:
        is_short = self.falls.leaves and not self.falls.outcomes
        steps = [*self._server(s), *(() if is_short else self._duties(s))]
        for host in range(self.falls.hosts):
            if s.hosts[host].place == PRESENT:
                steps += self._master(s, host)
                steps += self._claims(s, host)
            if self.falls.leaves:
                steps += self._comes_and_goes(s, host)
        for place, send in enumerate(s.sends):
            if is_short:
                steps += self._said_at_once(s, place, send)
                continue
            steps += self._worker(s, place, send)
            steps += self._gateway(s, place, send)
        return [(what, _tidy(t)) for what, t in steps if t != s]

    # The server -------------------------------------------------------------------------------------------------

    def _server(self, s: State) -> Iterator[Step]:
        if not s.falls:
            return
        if s.copy is None:
            yield "a copy of the ledger is made", s._replace(copy=s.books)
        lives = [("restarts", s.books), *([("falls back to the copy", s.copy)] if s.copy is not None else [])]
        for what, books in lives:
            if self.off == "an acknowledged write is forgotten":
                run, forgotten = s.run, books
            else:
                run, forgotten = s.run + 1, books._replace(counts=_counted(books.counts, s.run + 1, 0))
            if self.off == "no roll call":
                forgotten = forgotten._replace(current=run)
            forgotten = forgotten._replace(may=(0,) * self.falls.hosts)  # kept by run
            none = (None,) * self.falls.hosts
            copy = s.copy if self.falls.leaves else None  # restored twice, it matters to those who come and go
            yield f"the server {what}", s._replace(run=run, books=forgotten, copy=copy, reports=none, falls=s.falls - 1)

    def _in_force(self, s: State) -> bool:
        return s.books.current == s.run

    # Hosts ------------------------------------------------------------------------------------------------------

    def _master(self, s: State, host: int) -> Iterator[Step]:
        me = s.hosts[host]
        bit = 1 << host
        if not s.books.hosts & bit and self._in_force(s):
            # The others read of it within a second; a copy from before is taken to be restored later than that.
            hosts = tuple(each._replace(knows=each.knows | bit) for each in s.hosts)
            if self.off == "nobody remembers the hosts":
                hosts = s.hosts
            joined = s.books._replace(hosts=s.books.hosts | bit)
            yield f"host {host} joins", s._replace(books=joined, hosts=hosts)
            return
        if me.follows < s.run:
            yield f"host {host} follows run {s.run}", _with_host(s, host, self._followed(me, s.run))
        if not self._in_force(s) and (me.follows == s.run or self.off == "a report before its workers noticed"):
            yield from self._reports(s, host)
        if me.unsaid is not None:
            yield f"host {host} frees what was never said", self._freed(s, host)
            yield f"host {host}'s master dies", _with_host(s, host, me._replace(unsaid=None))

    def _reports(self, s: State, host: int) -> Iterator[Step]:
        me, b = s.hosts[host], s.books
        counts = tuple(sorted({run: n for run, n, _ in sorted(me.lines)}.items()))
        ids = tuple(sorted(gid for _, _, gid in me.lines))
        noted = me.noted if me.noted_in != s.run else ()
        report = Report(max(ids, default=0), counts, ids, me.knows | 1 << host, noted)
        reports = (*s.reports[:host], report, *s.reports[host + 1 :])
        wanted = b.hosts | 1 << host
        for each in reports:
            wanted |= each.hosts if each is not None else 0
        wanted &= ~self._excused(b, reports)
        signed = b.signed if self.off == "a report leaves the sign-off standing" else _put(b.signed, host, 0)
        b = b._replace(hosts=b.hosts | 1 << host, signed=signed)
        if any(wanted >> each & 1 and reports[each] is None for each in range(self.falls.hosts)):
            yield f"host {host} reports and waits", s._replace(books=b, reports=reports)
        elif any(each is not None and _is_missing(each, b) for each in reports):
            yield f"host {host} reports: the ledger fell back", s._replace(books=b._replace(fell=1), reports=reports)
        else:
            said = {gid for each in reports if each is not None for gid in each.ids}
            newest = b.batch.ids[-1].gid if b.batch.state == SENDING else 0
            unsaid = (newest,) if newest and newest not in said else ()
            if self.off == "the unsaid are looked for afterwards":
                unsaid = (0,)
            # Who joined by this roll call is known to the others within a second, as above.
            knows = 0 if self.off == "nobody remembers the hosts" else wanted
            hosts = tuple(each._replace(knows=each.knows | knows) for each in s.hosts)
            me = hosts[host]
            cleared = s._replace(books=b._replace(current=s.run, fell=0), reports=reports, hosts=hosts)
            yield f"host {host} reports: cleared", _with_host(cleared, host, me._replace(unsaid=unsaid or None))

    # Hosts that stop in order ----------------------------------------------------------------------------------------

    def _followed(self, me: Host, run: int) -> Host:
        if me.noted_in != me.follows and self.off != "a note is good for every roll call":
            me = me._replace(noted=(), noted_in=-1)
        return me._replace(follows=run, read=())

    def _excused(self, b: Books, reports: tuple[Report | None, ...]) -> int:
        """Hosts that signed off, if one that reports has noted this very sign-off."""
        excused = 0
        for host, signed in enumerate(b.signed):
            noted = {each.noted[host] for each in reports if each is not None and each.noted}
            is_enough = self.off == "any sign-off is as good as the last" and any(noted)
            if is_enough or self.off == "who signed off is never waited for":
                noted = {signed}
            if signed and signed in noted:
                excused |= 1 << host
        return excused

    def _comes_and_goes(self, s: State, host: int) -> Iterator[Step]:
        me, b, bit = s.hosts[host], s.books, 1 << host
        is_member, in_force = b.hosts & bit, self._in_force(s) and not b.fell
        if me.place == PRESENT:
            if host >= self.falls.hosts - self.falls.leavers and is_member and s.leaves < self.falls.leaves:
                away = me._replace(place=AWAY, unsaid=None, read=())
                if self.off != "a host that signs off keeps its notes":
                    away = away._replace(noted=(), noted_in=-1)
                yield f"host {host} stops", _with_host(s, host, away)._replace(leaves=s.leaves + 1)
            if is_member and in_force and me.follows == s.run:
                kept = 0 if self.off == "a look hides what was noted before" else _bits(me.noted)
                may = _put(b.may, host, _bits(b.signed) | kept)
                looked = s._replace(books=b._replace(may=may))
                if me.noted_in != s.run or (me.read or me.noted) != b.signed or may != b.may:
                    yield f"host {host} looks", _with_host(looked, host, me._replace(read=b.signed))
            if me.read:
                noted = me._replace(read=(), noted=me.read, noted_in=me.follows)
                yield f"host {host} notes what it saw", _with_host(s, host, noted)
        elif me.place == AWAY:
            if not b.signed[host] and in_force and self._may_sign(s, host):
                books = b._replace(signed=_put(b.signed, host, s.leaves), may=_put(b.may, host, 0))
                yield f"host {host} signs off", s._replace(books=books)
            yield f"host {host} starts again", _with_host(s, host, me._replace(place=RETURNING))
        else:
            if me.unsaid is not None:
                yield f"host {host} frees what was never said", self._freed(s, host)
            if not self._in_force(s):
                yield from self._reports(s, host)
            elif in_force and b.signed[host]:
                yield f"host {host} says it is back", s._replace(books=b._replace(signed=_put(b.signed, host, 0)))
            if in_force and (not b.signed[host] or self.off == "a host that returns leaves its sign-off standing"):
                hosts = list(s.hosts)
                for each in range(self.falls.hosts):
                    if b.may[each] & bit and self.off != "a host that returns waits for nobody":
                        hosts[each] = hosts[each]._replace(read=(), noted=(), noted_in=-1)  # too long ago by now
                hosts[host] = me._replace(place=PRESENT, follows=s.run)
                yield f"host {host} is back", s._replace(hosts=tuple(hosts))

    def _may_sign(self, s: State, host: int) -> bool:
        """The ledger contains what it knows, and no claim of it is being sent."""
        me, b = s.hosts[host], s.books
        counts = tuple(sorted({run: n for run, n, _ in sorted(me.lines)}.items()))
        ids = tuple(sorted(gid for _, _, gid in me.lines))
        if _is_missing(Report(max(ids, default=0), counts, ids, 0, ()), b):
            return False
        is_sent = b.batch.state == SENDING and b.batch.ids[-1].gid in ids
        return not is_sent or self.off == "signs off while its claim is being sent"

    def _writes(self, me: Host) -> bool:
        """Whether claims of the run it follows are written down, by a process that outlived the stop too."""
        return me.place == PRESENT or self.off == "a line is written after the stop"

    def _said_at_once(self, s: State, place: int, send: Send) -> Iterator[Step]:
        """Where hosts come and go the gateway accepts whatever it is told: the other worlds know the rest."""
        me = s.hosts[send.host]
        if send.holder == CLAIMED:
            yield f"the worker of id {send.gid} dies", _with_send(s, place, send._replace(holder=NOBODY))
            if me.follows == send.run and self._writes(me):
                lines = tuple(sorted((*me.lines, (send.run, send.n, send.gid))))
                said = send._replace(holder=NOBODY, phase=OVER, accepted=1, answer=ALL)
                after = _with_host(_with_send(s, place, said), send.host, me._replace(lines=lines))
                yield f"id {send.gid} is journalled, said and accepted", after
                batch = self.ledger.settle_accepted(s.books.batch, send.fence, send.gid)
                yield f"id {send.gid} is journalled, said, accepted and settled", _with_batch(after, batch)

    def _freed(self, s: State, host: int) -> State:
        b, me = s.books.batch, s.hosts[host]
        unsaid = me.unsaid or ()
        if self.off == "the unsaid are looked for afterwards" and b.state == SENDING:
            said = {gid for each in s.reports if each is not None for gid in each.ids}
            unsaid = tuple({b.ids[-1].gid} - said)
        for gid in unsaid:
            if b.state == SENDING and b.ids[-1].gid == gid:
                b = self.ledger.release(b, b.fence, gid)
        return _with_host(s._replace(books=s.books._replace(batch=b)), host, me._replace(unsaid=None))

    # Workers ----------------------------------------------------------------------------------------------------

    def _claims(self, s: State, host: int) -> Iterator[Step]:
        b = s.books
        joined = b.hosts >> host & 1 or s.hosts[host].lines
        busy = sum(send.host == host and send.holder in (CLAIMED, WAITS) for send in s.sends)
        if (
            busy >= self.falls.workers
            or s.hosts[host].place != PRESENT
            or not joined
            or not self._in_force(s)
            or b.fell
            or s.claims >= self.falls.most_claims
        ):
            return
        gid = b.gid + 1
        batch, members = self.ledger.claim(b.batch, gid, 0, LATE if s.late else 0)
        if not members:
            yield "a claim ends the batch", s._replace(books=b._replace(batch=batch))
            return
        n = b.counts[s.run] + 1
        books = b._replace(batch=batch, gid=gid, ids=(*b.ids, gid), counts=_counted(b.counts, s.run, n))
        send = Send(gid, batch.fence, host, s.run, n, CLAIMED, UNSAID, 0, SILENCE)
        yield f"host {host} claims id {gid}", s._replace(books=books, sends=(*s.sends, send), claims=s.claims + 1)

    def _worker(self, s: State, place: int, send: Send) -> Iterator[Step]:
        me = s.hosts[send.host]
        if send.holder == CLAIMED:
            yield f"the worker of id {send.gid} dies", _with_send(s, place, send._replace(holder=NOBODY))
            if self.off == "a claim is answered again under another run" and send.run != s.run:
                batch = s.books.batch
                if batch.state == SENDING and batch.ids[-1].gid == send.gid:
                    yield f"id {send.gid} is granted again", _with_send(s, place, send._replace(run=s.run))
            said = _with_send(s, place, send._replace(holder=WAITS, phase=FLYING))
            if self.off == "said without a line in the journal":
                yield f"id {send.gid} is said", said
            elif me.follows == send.run and self._writes(me):
                lines = tuple(sorted((*me.lines, (send.run, send.n, send.gid))))
                yield f"id {send.gid} is journalled and said", _with_host(said, send.host, me._replace(lines=lines))
            elif self.off == "a line is written whatever run is followed":
                yield f"id {send.gid} is journalled and said", said
        elif send.holder == WAITS:
            gone = _with_send(s, place, send._replace(holder=NOBODY))
            yield f"the worker of id {send.gid} dies waiting", gone
            b, in_force = s.books.batch, self._in_force(s)
            yield f"id {send.gid}: no answer, doubt", _with_batch(gone, self.ledger.doubt(b, send.fence))
            if send.answer == ALL:
                after = self.ledger.settle_accepted(b, send.fence, send.gid)
                yield f"id {send.gid}: settled as accepted", _with_batch(gone, after)
            elif send.answer == NO:
                after = self.ledger.settle_refused(b, send.fence, send.gid, in_force)
                yield f"id {send.gid}: settled as refused", _with_batch(gone, after)

    def _gateway(self, s: State, place: int, send: Send) -> Iterator[Step]:
        if send.phase == UNSAID and send.holder != CLAIMED:
            return
        if send.phase == UNSAID:
            yield self._closed(s, place, send)
        elif send.phase == FLYING:
            over = send._replace(phase=OVER)
            yield f"the gateway drops id {send.gid}", _with_send(s, place, over)
            yield f"the gateway accepts id {send.gid}", _with_send(s, place, over._replace(accepted=1, answer=ALL))
            yield f"the gateway refuses id {send.gid}", _with_send(s, place, over._replace(answer=NO))
        elif send.accepted and send.gid in s.books.ids:
            after = self.ledger.learn(s.books.batch, send.gid, 0, ACCEPTED)
            yield f"a callback about id {send.gid}", _with_batch(s, after)

    def _closed(self, s: State, place: int, send: Send) -> Step:
        """The gateway closed the line before a word: released once a journal knows of it, else left alone."""
        me = s.hosts[send.host]
        after = _with_send(s, place, send._replace(holder=NOBODY))
        if self.off != "released before a line in the journal":
            if me.follows != send.run or not self._writes(me):
                return f"the line of id {send.gid} is closed, and its run is over", after
            lines = tuple(sorted((*me.lines, (send.run, send.n, send.gid))))
            after = _with_host(after, send.host, me._replace(lines=lines))
        batch = self.ledger.release(s.books.batch, send.fence, send.gid)
        return f"the line of id {send.gid} is closed: release", _with_batch(after, batch)

    def _duties(self, s: State) -> Iterator[Step]:
        b, in_force = s.books.batch, self._in_force(s)
        if self.falls.late and not s.late:
            yield "the deadline passes", s._replace(late=1)
        if b.state == SENDING:
            yield "the claim expires", _with_batch(s, self.ledger.expire(b))
        if s.late and (in_force or self.off == "late under a run that is not in force"):
            yield "what is late is dropped", _with_batch(s, self.ledger.drop(b, LATE))
        if b.state == DOUBTFUL:
            in_force = in_force or self.off == "absence under a run that is not in force"
            mine = [send for send in s.sends if any(known.gid == send.gid for known in b.ids)]
            if any(send.phase == FLYING or send.holder == CLAIMED for send in mine):
                return
            absent = []
            for known in b.ids:
                if known.state == OPEN and not any(send.gid == known.gid and send.accepted for send in mine):
                    absent.append((known.gid, undecided(b)))
            window = self.ledger.world.window
            seen = Inquiry(window, window, 1, CONCLUSIVE, tuple(absent))
            after = self.ledger.probe(b, seen, LATE if s.late else 0, in_force=in_force)
            yield "absence is recorded", _with_batch(s, after)

    # Promises ---------------------------------------------------------------------------------------------------

    def broken(self, s: State) -> str:
        """A double, or a verdict of ours about a message that was accepted."""
        accepted = sum(send.accepted for send in s.sends)
        found = ""
        if accepted > 1:
            found = DOUBLED
        elif accepted and s.books.batch.statuses[0] in (LATE, REFUSED):
            found = FALSE_END
        return found if self.only in ("", found) else ""

    def worse(self, s: State, t: State) -> str:
        """Nothing holds from step to step here: a copy is older in everything."""
        return ""

    def is_end(self, s: State) -> bool:
        """Final, parked, out of claims, or halted with the operator told."""
        state = s.books.batch.state
        if self.falls.leaves:  # the roll call comes to its end
            return bool(s.books.fell) or (not s.falls and self._in_force(s))
        spent = state == READY and s.claims >= self.falls.most_claims
        return state in (SETTLED, PARKED) or spent or bool(s.books.fell)

    def tell(self, s: State) -> str:
        b = s.books.batch
        status = "" if b.statuses[0] == UNDECIDED else f" {Status(b.statuses[0]).name.lower()}"
        force = "" if self._in_force(s) else f", run {s.run} not in force"
        accepted = [send.gid for send in s.sends if send.accepted]
        told = f"{BatchState(b.state).name.lower()}{status} ids {[known.gid for known in b.ids]}{force}"
        return told + (f"; the gateway accepted {accepted}" if accepted else "")


def _is_missing(report: Report, books: Books) -> bool:
    """Whether a host knows more than the ledger."""
    counted = dict(enumerate(books.counts))
    return (
        report.gid > books.gid
        or any(n > counted.get(run, 0) for run, n in report.counts)
        or any(gid not in books.ids for gid in report.ids)
    )


def _counted(counts: tuple[int, ...], run: int, n: int) -> tuple[int, ...]:
    longer = counts + (0,) * (run + 1 - len(counts))
    return (*longer[:run], n, *longer[run + 1 :])


def _bits(row: tuple[int, ...]) -> int:
    return sum(1 << place for place, what in enumerate(row) if what)


def _put(row: tuple[int, ...], place: int, what: int) -> tuple[int, ...]:
    return (*row[:place], what, *row[place + 1 :])


def _with_batch(s: State, batch: Batch) -> State:
    return s._replace(books=s.books._replace(batch=batch))


def _with_host(s: State, host: int, changed: Host) -> State:
    return s._replace(hosts=(*s.hosts[:host], changed, *s.hosts[host + 1 :]))


def _with_send(s: State, place: int, send: Send) -> State:
    return s._replace(sends=(*s.sends[:place], send, *s.sends[place + 1 :]))


def _tidy(s: State) -> State:
    """Without what can no longer matter."""
    sends = []
    for send in s.sends:
        if send.holder == NOBODY:
            if send.phase == UNSAID or (send.phase == OVER and not send.accepted):
                continue
            send = send._replace(fence=0, answer=SILENCE, host=0, run=0, n=0)
        sends.append(send)
    copy = s.copy if s.falls else None
    return s._replace(sends=tuple(sends), copy=copy)
