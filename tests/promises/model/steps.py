"""Every next step of a state: workers claim, speak and die, an asker asks, operators decide, time passes.

Workers are alike, so a state knows only how many attempts are held. Pauses are steps that are not taken; a killed
worker is an attempt that nobody holds; a command that is redelivered is a copy that lingers behind its attempt.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.promises.model import gateway
from tests.promises.model.rules import Ledger, bits, carried_by_open, undecided
from tests.promises.model.states import (
    ALL,
    CANCELLED,
    CLAIMED,
    CONCLUSIVE,
    DOUBTFUL,
    DUPLICATE,
    END,
    FLYING,
    LATE,
    LATER,
    LINGERS,
    NO,
    NO_WHO,
    NOBODY,
    OLDER,
    OPEN,
    PARKED,
    READY,
    SENDING,
    SILENCE,
    UNSAID,
    WAITS,
    Attempt,
    Batch,
    Inquiry,
    State,
)

Step = tuple[str, State]
# A command of a worker, as a copy of it lingers: LINGERS + its place here.
COMMANDS = ("settle as accepted", "settle as refused", "release", "doubt", "doubt, alone")
SETTLE, REFUSE, RELEASE, DOUBT, ALONE = range(len(COMMANDS))
BY_ANSWER = {ALL: SETTLE, NO: REFUSE, LATER: RELEASE, DUPLICATE: DOUBT, NO_WHO: ALONE}
STRANGER = 99  # an id of another batch


class Steps:
    """The steps of one world under one set of rules."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.world = ledger.world
        self.off = ledger.off
        self.everywhere = self.world.everywhere

    def of(self, s: State) -> list[Step]:
        """Every next step, each with the state it leads to."""
        steps = list(self._workers(s))
        steps += self._duties(s)
        steps += self._asker(s)
        for place, a in enumerate(s.attempts):
            if a.phase == FLYING:
                arrivals = gateway.arrives(a, self.world)
                steps += [(f"{what} (id {a.gid})", self._with(s, place, to)) for what, to in arrivals]
        steps += gateway.shows(s, self.world)
        steps += self._facts(s)
        steps += self._people(s)
        later = gateway.tick(s, self.world)
        if later is not None:
            steps.append(("a tick passes", later))
        return [(what, self._tidied(s, t)) for what, t in steps if t != s]

    def _tidied(self, s: State, t: State) -> State:
        """Without what can no longer matter; nothing of it is in `s`."""
        if t.attempts is s.attempts:
            return t
        kept = gateway.tidy(t.attempts, self.everywhere)
        return t if kept == t.attempts else t._replace(attempts=kept)

    # Workers ----------------------------------------------------------------------------------------------------

    def _workers(self, s: State) -> Iterator[Step]:
        busy = sum(a.holder in (CLAIMED, WAITS) for a in s.attempts)
        if busy < self.world.workers and (s.hint or not self.world.queue):
            yield from self._claims(s)
        for place, a in enumerate(s.attempts):
            if a.holder == CLAIMED:
                yield f"worker of id {a.gid} dies unheard", self._with(s, place, a._replace(holder=NOBODY))
                yield from self._says(s, place, a)
            elif a.holder == WAITS:
                yield f"worker of id {a.gid} dies waiting", self._with(s, place, a._replace(holder=NOBODY))
                yield from self._hears(s, place, a)
            elif a.holder >= LINGERS:
                command = a.holder - LINGERS
                after = s._replace(batch=self._run(s.batch, a, command))
                yield f"a copy comes: {COMMANDS[command]} id {a.gid}", self._with(after, place, a._replace(holder=0))

    def _claims(self, s: State) -> Iterator[Step]:
        if s.claims >= self.world.most_claims:
            return
        b = s.batch
        if self.off == "the nonce is used again" and b.state == SENDING and b.ids:
            known = b.ids[-1]
            twin = Attempt(known.gid, b.fence, known.mirror, known.members, CLAIMED, UNSAID, 0, 0, 0, 0)
            yield (
                "another worker claims with the same nonce",
                s._replace(attempts=(*s.attempts, twin), claims=s.claims + 1),
            )
        gid = s.claims + 1
        # Nothing tells mirrors apart before the first claim, unless one is a mail server.
        alike = 1 if not s.claims and not self.world.letters else self.world.mirrors
        for mirror in range(alike):
            after, members = self.ledger.claim(b, gid, mirror, s.ended)
            if members:
                new = Attempt(gid, after.fence, mirror, members, CLAIMED, UNSAID, 0, 0, 0, 0)
                yield f"a worker claims id {gid} for mirror {mirror}", self._claimed(s, after, new)
            elif after is not b:
                yield "a worker's claim ends the batch", s._replace(batch=after)

    def _claimed(self, s: State, after: Batch, new: Attempt) -> State:
        inquiry = s.inquiry
        if inquiry is not None:  # its time counts from the newest claim, which is another one now
            asked = self.world.cap if s.age < 0 else max(-1, inquiry.asked - s.age)
            inquiry = inquiry._replace(asked=asked)
        controls = tuple(min(control, OLDER) if self.world.views else control for control in s.controls)
        return s._replace(
            batch=after, attempts=(*s.attempts, new), age=0, known=0, inquiry=inquiry, controls=controls, claims=new.gid
        )

    def _says(self, s: State, place: int, a: Attempt) -> Iterator[Step]:
        yield from self._command(s, place, a, RELEASE, "the line closed before a word")
        if gateway.is_line_open(a, self.world) or self.off == "a worker reconnects under a claim":
            said = a._replace(holder=WAITS, phase=FLYING, timer=0)
            yield f"worker says id {a.gid}", self._with(s, place, said)
            if self.off == "a write error is taken for nothing sent":
                yield from self._command(s, place, said, RELEASE, "a write error, though bytes were sent")

    def _hears(self, s: State, place: int, a: Attempt) -> Iterator[Step]:
        command, why = DOUBT, "no answer in time"
        if self.off == "a timeout is taken for nothing sent":
            command = RELEASE
        if self.off == "doubt is taken for sent":
            command = SETTLE
        yield from self._command(s, place, a, command, why)
        if a.answer != SILENCE:
            command = BY_ANSWER.get(a.answer, DOUBT)
            if a.answer == DUPLICATE and self.off == "error 9 'duplicate' is taken for a refusal":
                command = REFUSE
            yield from self._command(s, place, a, command, "the answer is read")

    def _command(self, s: State, place: int, a: Attempt, command: int, why: str) -> Iterator[Step]:
        after = s._replace(batch=self._run(s.batch, a, command))
        what = f"worker of id {a.gid}: {why}, {COMMANDS[command]}"
        yield what, self._with(after, place, a._replace(holder=NOBODY))
        if self.world.lingers:
            yield f"{what}, and a copy lingers", self._with(after, place, a._replace(holder=LINGERS + command))

    def _run(self, b: Batch, a: Attempt, command: int) -> Batch:
        if command == SETTLE:
            return self.ledger.settle_accepted(b, a.fence, a.gid)
        if command == REFUSE:
            return self.ledger.settle_refused(b, a.fence, a.gid)
        if command == RELEASE:
            return self.ledger.release(b, a.fence, a.gid)
        return self.ledger.doubt(b, a.fence, solo=command == ALONE)

    # Duties and the asker -----------------------------------------------------------------------------------------

    def _duties(self, s: State) -> Iterator[Step]:
        b = s.batch
        if b.state == SENDING and self.off != "claims do not expire":
            yield "the claim expires", s._replace(batch=self.ledger.expire(b))
        if self.world.queue:
            if b.state == READY and not s.hint and self.off != "no sweeper":
                yield "the sweeper hints again", s._replace(hint=1)
            if s.hint:
                yield "the hint is lost or used up", s._replace(hint=0)
        if s.ended:
            yield "what is over is dropped", s._replace(batch=self.ledger.drop(b, s.ended))

    def _asker(self, s: State) -> Iterator[Step]:
        b, seen = s.batch, s.inquiry
        if self.off == "nothing left to ask is nothing to record" and not carried_by_open(b, undecided(b)):
            return
        if b.state == DOUBTFUL and seen is None:
            if not s.known and self.world.jumps:
                yield "the asker sees the newest id", s._replace(known=1)
            else:
                yield from self._begins_a_list(s) if self.world.lists else self._asks(s)
        if b.state == DOUBTFUL and s.age >= self.world.cap:
            nothing = Inquiry(0, 0, 0, 0, ())
            after = self.ledger.probe(b, nothing, s.ended, patient=False)
            yield "undecided for three days", s._replace(batch=after)
        if seen is not None and seen.to_read:
            yield from self._reads_on(s, seen)
            yield "the asker dies, or a page is broken", s._replace(inquiry=None)
            if self.off == "a broken page ends a list":
                yield "a page is broken", s._replace(inquiry=seen._replace(to_read=()))
        elif seen is not None:
            if self.off == "absence is dated when recorded":
                seen = seen._replace(asked=s.age)
            after = s._replace(batch=self.ledger.probe(b, seen, s.ended, age=s.age))
            yield "the asker records what it saw", after._replace(inquiry=None)
            if self.world.lingers:
                yield "the asker records, and a copy lingers", after
            yield "the asker dies, or has nothing to record", s._replace(inquiry=None)

    def _asks(self, s: State) -> Iterator[Step]:
        """Every open id and undecided phone, on the mirror of the newest attempt and another that is up."""
        carrier = 1 << s.batch.ids[-1].mirror & self.everywhere or self.everywhere
        choices = {carrier, self.everywhere}
        if self.off == "absence from a mirror that did not carry it":
            choices = {self.everywhere & ~carrier}
        for mirrors in choices:
            controls = [s.controls[mirror] for mirror in bits(mirrors)]
            control = min(controls)
            if self.off == "control from another mirror":
                control = max(s.controls)
            if self.off == "no control is needed":
                control = CONCLUSIVE
            if not control:
                continue
            b, absent = s.batch, []
            for known in s.batch.ids[-1:] if self.off == "asked under the newest id only" else s.batch.ids:
                rest = known.members & undecided(s.batch)
                if self.off == "absence of one phone is enough":
                    rest &= -rest
                if known.state == OPEN and rest:
                    found = self._found(s, known.gid, mirrors) & rest
                    for index in bits(found):
                        b = self.ledger.learn(b, known.gid, index, 1)
                    absent.append((known.gid, rest & ~found))
            known_for = s.known - 1 if self.world.jumps and self.off != "only Redis' clock counts" else self.world.cap
            seen = Inquiry(s.age, known_for, mirrors, control, tuple(absent))
            yield f"the asker asks mirrors {list(bits(mirrors))}", s._replace(batch=b, inquiry=seen)

    def _begins_a_list(self, s: State) -> Iterator[Step]:
        """What every open id may have left there is absent unless one of the pages to come shows it."""
        absent = tuple(
            (known.gid, rest)
            for known in s.batch.ids
            if known.state == OPEN and (rest := known.members & undecided(s.batch))
        )
        carrier = 1 << s.batch.ids[-1].mirror
        for mirrors in {carrier, self.everywhere}:
            control = min(s.controls[mirror] for mirror in bits(mirrors))
            if self.off == "a list's control is looked for behind it":
                control = CONCLUSIVE
            if not control:
                continue
            covered = absent[-1:] if self.off == "a list begins after an older attempt" else absent
            pages = tuple((mirror, gid) for mirror in bits(mirrors) for gid in (*(gid for gid, _ in covered), END))
            known_for = s.known - 1 if self.world.jumps else self.world.cap
            seen = Inquiry(s.age, known_for, mirrors, control, absent, pages)
            yield f"the asker begins a list on mirrors {list(bits(mirrors))}", s._replace(inquiry=seen)

    def _reads_on(self, s: State, seen: Inquiry) -> Iterator[Step]:
        """The next page, in either order; the end of a mirror's list comes after all of it."""
        for page in seen.to_read:
            mirror, gid = page
            if gid == END and any(other[0] == mirror and other != page for other in seen.to_read):
                continue
            rest = tuple(other for other in seen.to_read if other != page)
            b, absent = s.batch, seen.absent
            if gid != END:
                found = self._found(s, gid, 1 << mirror)
                for index in bits(found):
                    b = self.ledger.learn(b, gid, index, 1)
                absent = tuple((each, gone & ~found if each == gid else gone) for each, gone in absent)
            after = seen._replace(absent=absent, to_read=rest)
            if not rest and self.off == "a list counts from its last page":
                after = after._replace(asked=s.age)
            if not rest and self.off == "a list's control is looked for behind it":
                after = after._replace(control=min(s.controls[each] for each in bits(seen.mirrors)))
            what = "the end of the list" if gid == END else f"the page of id {gid}"
            yield f"the asker reads {what} on mirror {mirror}", s._replace(batch=b, inquiry=after)

    def _found(self, s: State, gid: int, mirrors: int) -> int:
        found = 0
        for a in s.attempts:
            if a.gid == gid and a.shown & mirrors:
                found |= a.accepted
        return found

    # Facts, people, clocks ----------------------------------------------------------------------------------------

    def _facts(self, s: State) -> Iterator[Step]:
        """A callback or a page of history: at any time once it was accepted."""
        for a in s.attempts:
            for index in bits(a.accepted):
                for status in self.world.facts:
                    after = self.ledger.learn(s.batch, a.gid, index, status)
                    if after != s.batch:
                        yield f"a callback: phone {index}, id {a.gid}, status {status}", s._replace(batch=after)
        if self.world.strangers and s.batch.ids:
            after = self.ledger.learn(s.batch, STRANGER, 0, 1)
            yield "a callback under an id of another batch", s._replace(batch=after)

    def _people(self, s: State) -> Iterator[Step]:
        if self.world.ends and not s.ended:
            yield "the campaign is cancelled", s._replace(ended=CANCELLED)
            yield "the deadline passes", s._replace(ended=LATE)
        jumps, orders, freezes = s.budgets
        if jumps and s.claims:
            left = s._replace(budgets=(jumps - 1, orders, freezes))
            yield "Redis' clock jumps forward", left._replace(age=self.world.cap)
            yield "Redis' clock jumps back", left._replace(age=-1)
        if orders and s.batch.state in (DOUBTFUL, PARKED):
            left = s._replace(budgets=(jumps, orders - 1, freezes))
            for decision in ("settle", "drop", "release"):
                after = self.ledger.resolve(s.batch, s.batch.fence, decision)
                yield f"an operator's {decision}", left._replace(batch=after)

    def _with(self, s: State, place: int, a: Attempt) -> State:
        return s._replace(attempts=(*s.attempts[:place], a, *s.attempts[place + 1 :]))
