"""Send a batch: open, claim, journal, send, settle, in that order. Not a word of any dialect.

A claim is granted only over an open, silent line, and no part of it is repeated. After the first byte there are four
endings: settled; released, because the gateway said so; doubtful; or a lease that runs out and makes it doubtful, if
this process dies or Redis stays away. A wire without receipts leaves a doubt too, which is asked about early.
No `finally` touches the ledger: an interruption between the write and the settling is treated as a crash.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from smsq.worker.actors.attachments import Attachments, pause_s
from smsq.worker.actors.claims import SLOT_PATIENCE_S, Claims, outgoing_of, settling_of
from smsq.worker.actors.measures import Measures
from smsq.worker.actors.pieces import counts, tells_apart
from smsq.worker.actors.simulation import Simulation
from smsq.worker.actors.turns import Run, Turn
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import BadInput, JournalTrouble, LedgerTrouble, Unreachable
from smsq.worker.domain.files import Attached
from smsq.worker.domain.lane import LANES, SENDING
from smsq.worker.domain.sick import Sick
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.ledger import Claim, ClaimRefusal, NoClaim, Settled, Settling
from smsq.worker.runtime import Runtime
from smsq.worker.transports import Line
from smsq.worker.transports.retry import attempt_in_turn

log = logging.getLogger(__name__)

HURRY_S = 1.5  # a code's first try of a mirror, if there are others: time to repeat one lost packet
OPEN_BUDGET_S = 2.0  # of rounds over the mirrors while none can be reached; then the batch waits for the sweep
LOOK_AGAIN_S = 1.0  # while the log-in is slowed: the rate may be changed meanwhile
FIRST_HANDED_OVER_S = 1.0  # to the first question, if the wire gives no receipts
THROTTLED_S = 2.0  # of pause after "too many concurrent requests"; doubles while it goes on
ERROR_SPAN_MINUTES = 10.0  # the gateway blocks an address for a hundred erroneous sends in ten minutes (its FAQ)
BAD_PARAMETERS = 1  # the gateway's code for a request with wrong fields
RUN_S = 1.0  # a thread claims the next batch by itself for so long, then takes a hint again
HALT_LOOK_S = 1.0  # for so long a refusal that holds for all processes is remembered

T = TypeVar("T")


class Sender:
    """Sends batches for one worker process."""

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self._rt = runtime
        self._owner = owner
        runtime.ledger.prepare_to_send()
        self._lane = owner.partition("/")[0]  # whose slots it waits for
        self._paused_until = 0.0
        self._was_throttled = False  # the next accepted send ends the gateway's pause in the ledger
        self._claims = Claims(runtime, owner, self._lane)
        self._attachments = Attachments(runtime)
        self._simulation = Simulation(runtime)
        self._measures = Measures(runtime)

    def send_batches(self, refs: Sequence[str]) -> None:
        """The actor: send these batches if they are still to be sent, then others of the lane that are ready.

        Without any, the ledger has rung for one that is ready. Batches that this process cannot send go back to the
        queue; so does a hint for any that it leaves.
        """
        run = Run(self._rt.clock.monotonic() + RUN_S)
        named = [Ref.parse(ref) for ref in refs]
        for place, ref in enumerate(named or [None]):
            if self._rt.clock.monotonic() < self._paused_until:
                return
            if not self._is_for_us(ref, run):
                self._give_back(named[place:])
                return
        if run.left and self._rt.clock.monotonic() >= self._paused_until:
            self._wake_another(named[-1:])

    def _is_for_us(self, ref: Ref | None, run: Run) -> bool:
        """Send a batch if it can be sent, and those after it; False if this process cannot, and another may."""
        if self._rt.stopping.is_set() or not self._rt.health.may_claim(self._lane):
            return False
        try:
            return self._go_on(ref, run) is not Turn.SICK
        except Unreachable as error:
            log.warning("no mirror reachable batch=%s why=%s", ref, error.sentence)
            self._say_cut_off()
            return False
        except LedgerTrouble as error:
            log.warning("ledger in trouble batch=%s why=%s", ref, error.sentence)
            self._pause(HALT_LOOK_S)
            return True

    def _give_back(self, refs: Sequence[Ref]) -> None:
        """Give hints back for another process; this one takes none until it can send again."""
        self._rt.health.changed.set()
        self._wake_another(refs)

    def _wake_another(self, refs: Sequence[Ref]) -> None:
        """Give a hint of these batches, or ring for what is ready if we were told of none."""
        if refs:
            self._rt.hints.batches(self._lane, refs, each=len(refs))
        else:
            self._rt.ledger.ring_ready()

    def _say_cut_off(self) -> None:
        """Note in the ledger that no mirror can be reached; trouble with the ledger is logged elsewhere."""
        if self._rt.send_mirrors.is_cut_off():
            with contextlib.suppress(LedgerTrouble):
                self._rt.ledger.unreached()

    def _go_on(self, ref: Ref | None, run: Run) -> Turn:
        """Send the hinted batch, then the next ready ones, while there are any and this thread may go on."""
        turn = self._go_round(ref, run)
        while turn is Turn.OVER and self._may_go_on(run):
            turn = self._go_round(None, run)
        return turn

    def _may_go_on(self, run: Run) -> bool:
        """Whether this thread claims the next batch by itself."""
        now = self._rt.clock.monotonic()
        return (
            run.left > 0
            and self._paused_until <= now < run.until
            and not self._rt.stopping.is_set()
            and self._rt.health.may_claim(self._lane)
        )

    def _go_round(self, ref: Ref | None, run: Run) -> Turn:
        """Attempt a batch at one mirror, at the next if that cannot be reached, and again while some of it is left."""
        patience = self._rt.clock.monotonic() + SLOT_PATIENCE_S
        hurried: set[str] = set()
        while not self._rt.stopping.is_set():
            turn = attempt_in_turn(
                lambda mirror: self._attempt(ref, mirror, patience, hurried, run),
                self._rt.send_mirrors,
                budget_s=OPEN_BUDGET_S,
                clock=self._rt.clock,
                stop=self._rt.stopping,
                is_hopeless=self._rt.health.is_cut_off,
            )
            if turn is not Turn.AGAIN:
                return turn
        return Turn.BACK_OFF

    def _attempt(self, ref: Ref | None, mirror: str, patience: float, hurried: set[str], run: Run) -> Turn:
        """Open, claim, journal, send, settle; then the same on this line for each claim made with the settling."""
        if not self._rt.journal.is_writable():
            return self._sick(Sick.JOURNAL)
        line = self._open(mirror, hurried)
        claim = self._claims.over(line, ref, patience)
        found = self._carry_out(claim, line, run, patience, ref)
        while isinstance(found, Claim | NoClaim):
            try:
                found = self._carry_out(found, line, run, patience)
            except Unreachable:  # the batch is ready again: try it over a new line to any mirror
                return Turn.OVER
            if found is Turn.AGAIN:
                return Turn.OVER
        return found

    def _carry_out(
        self, claim: Claim | NoClaim, line: Line, run: Run, patience: float, ref: Ref | None = None
    ) -> Turn | Claim | NoClaim:
        """Carry out a claim, or act on its refusal; return what is to be done then, or the next claim."""
        run.left = claim.left
        if isinstance(claim, NoClaim):
            line.done(keep=True)
            return self._not_granted(ref, claim, patience, run)
        run.left = max(1, run.left)  # until the ledger says that nothing is: batches may come without a hint
        files = self._attachments.of(claim)
        if files is None:
            line.done(keep=True)
            self._persist(claim, lambda: self._rt.ledger.release(claim, unwritten=True, delay_s=pause_s(claim)))
            return Turn.OVER
        if (turn := self._journal(claim, line)) is not None:
            return turn
        # Not before: a ledger that fell back may give id and fence of an unjournalled claim to another worker.
        if not line.is_quiet():  # it closed while we claimed: nothing was written
            self._release_unsaid(claim, line)
            raise Unreachable(f"{line.mirror} closed the line before anything was written")
        if self._simulation.ends(claim, self._persist):  # a line that nothing is said on is as it was
            line.done(keep=True)
            return Turn.OVER
        return self._send_once(claim, files, line, run)

    def _open(self, mirror: str, hurried: set[str]) -> Line:
        """Open a line; for a code each mirror has a short time at first, since another may take the code at once."""
        if self._lane != "urgent" or mirror in hurried or len(self._rt.send_mirrors.bases) == 1:
            return self._rt.transport.open(mirror)
        hurried.add(mirror)
        return self._rt.transport.open(mirror, HURRY_S)

    def _journal(self, claim: Claim, line: Line) -> Turn | None:
        """Write the claim into the journal before its first byte; return what to do instead if that fails."""
        try:
            may_begin = self._rt.journal.claim(
                claim.run, claim.n, claim.gateway_id, claim.ref, line.mirror, claim.known_as
            )
        except JournalTrouble as error:  # with the nonce, the release cannot free another claim
            self._release_unsaid(claim, line)
            log.error("sending paused why=%s batch=%s id=%d", error.sentence, claim.ref, claim.gateway_id)
            return self._sick(Sick.JOURNAL)
        if not may_begin:
            line.done(keep=False)  # this host follows another run by now: the roll call frees the claim
            return Turn.BACK_OFF
        return None

    def _release_unsaid(self, claim: Claim, line: Line) -> None:
        """Release a claim of which no byte was written; its line is closed."""
        line.done(keep=False)
        self._persist(claim, lambda: self._rt.ledger.release(claim, unwritten=True))

    def _not_granted(self, ref: Ref | None, refusal: NoClaim, patience: float, run: Run) -> Turn:
        match refusal.refusal:
            case ClaimRefusal.NONE:
                run.left = 0
            case ClaimRefusal.MORE:
                run.left = max(1, run.left)
            case ClaimRefusal.SLOT:
                return Turn.AGAIN if self._rt.clock.monotonic() < patience else Turn.OVER
            case ClaimRefusal.HALTED:
                log.warning("sending halted why=%s", refusal.why)
                if refusal.why == "login":  # of this process alone: others may have the new password
                    return self._sick(Sick.LOGIN)
                self._pause(HALT_LOOK_S)
                return Turn.BACK_OFF
            case ClaimRefusal.LATER:
                if refusal.wait_s <= SLOT_PATIENCE_S:
                    self._rt.clock.wait(min(refusal.wait_s, LOOK_AGAIN_S), self._rt.stopping)
                    return Turn.AGAIN
                self._pause(min(refusal.wait_s, LOOK_AGAIN_S))
                return Turn.BACK_OFF
            case ClaimRefusal.PACED:  # the feed brings it back in time; other batches need not wait
                return Turn.OVER
            case ClaimRefusal.SEALED:
                why = "it was sealed with a secret key that is not ours"
                log.error("text does not open batch=%s why=%s", ref or refusal.why, why)
                run.left = 1  # the next may
                if not refusal.wait_s:
                    return self._sick(Sick.KEY)
            case ClaimRefusal.NEVER:
                log.error("hint for a batch that never was batch=%s", ref)
            case ClaimRefusal.TAKEN | ClaimRefusal.SETTLED if ref is not None and LANES[self._lane].hears_the_ledger:
                run.left = max(1, run.left)  # who took it may have been rung for another, which waits for us now
        return Turn.OVER

    def _sick(self, why: Sick) -> Turn:
        self._rt.health.fell(why)
        return Turn.SICK

    def _pause(self, seconds: float) -> None:
        self._paused_until = self._rt.clock.monotonic() + seconds

    def _send_once(self, claim: Claim, files: Sequence[Attached], line: Line, run: Run) -> Turn | Claim | NoClaim:
        """Send over the line, whatever its dialect, and act on the outcome."""
        began = self._rt.clock.monotonic()
        try:
            with self._owing(line):
                answer = line.send(outgoing_of(claim, files), self._rt.settings.read_timeout_s)
        except BadInput as error:  # enrolled by an older version, which accepted such options; nothing was sent
            line.done(keep=True)
            log.error("refused batch=%s why=%s", claim.ref, error.sentence)
            done = self._persist(claim, lambda: self._rt.ledger.settle_refused(claim, BAD_PARAMETERS))
            return Turn.AGAIN if done and done[0] == "again" else Turn.OVER
        except Unreachable:  # the line had closed before the first write: nothing was sent
            self._release_unsaid(claim, line)
            raise
        (self._rt.send_mirrors.good if answer.is_well_formed else self._rt.send_mirrors.unknown)(line.mirror)
        took_s = self._rt.clock.monotonic() - began
        self._measures.answered(claim, line.mirror, answer.outcome.name.lower(), took_s)
        if answer.outcome is Outcome.ACCEPTED and self._may_claim_along(claim, line, run):
            return self._accepted_and_next(claim, answer, line)
        line.done(keep=answer.is_complete)
        return self._settle(claim, answer, run)

    def _may_claim_along(self, claim: Claim, line: Line, run: Run) -> bool:
        """Whether to claim the next batch with the settling: one was ready, and this line is free for it."""
        return (
            claim.left > 0
            and self._may_go_on(run)
            and line.is_free()
            and self._rt.journal.is_writable()
            and not self._rt.send_mirrors.has_better(line.mirror)
        )

    def _settle(self, claim: Claim, answer: SendAnswer, run: Run) -> Turn:
        """Apply an outcome to the batch and the login, row by row of the table of outcomes."""
        ledger = self._rt.ledger
        if answer.code is not None:
            self._rt.metrics.gateway_error("send", answer.code)
            self._persist(claim, lambda: ledger.erred(ERROR_SPAN_MINUTES * self._rt.settings.mass_ask_every_s))
        match answer.outcome:
            case Outcome.ACCEPTED:
                return self._accepted(claim, answer, run)
            case _ if tells_apart(answer):
                return self._settle_each(claim, answer)
            case Outcome.REFUSED:
                code = answer.code or 0
                log.warning("refused batch=%s id=%d code=%d why=%s", claim.ref, claim.gateway_id, code, answer.sentence)
                done = self._persist(claim, lambda: ledger.settle_refused(claim, code))
                if claim.lane == "urgent" and isinstance(phone := claim.recipients[0], int):
                    self._rt.shield.refused(phone, claim.options.channel, code, known_as=claim.known_as)
                return Turn.AGAIN if done and done[0] == "again" else Turn.OVER
            case Outcome.LATER:
                self._persist(claim, lambda: ledger.release(claim, unwritten=False))
                return self._back_off(claim, answer)
            case Outcome.BAD_LOGIN:
                self._persist(claim, lambda: ledger.halt_login(self._rt.credentials))
                self._persist(claim, lambda: ledger.release(claim, unwritten=False))
                log.error(
                    "log-in refused by the gateway; sending halted until login, password or allowed address change"
                )
                return self._sick(Sick.LOGIN)
            case Outcome.NO_MONEY:
                self._persist(claim, ledger.halt_money)
                self._doubt(claim, "no_money", money=True)
                log.error("no money on the account; the bulk lane waits for a top-up")
            case Outcome.REFUSED_WHO:
                self._doubt(claim, "refused_who", alone=True)
            case Outcome.ACCEPTED_IN_PART:
                self._doubt(claim, "in_part")
            case Outcome.HANDED_OVER:
                self._doubt(claim, "handed_over", first_s=FIRST_HANDED_OVER_S)
            case _:
                why = "bad_answer" if answer.is_complete else "no_answer"
                self._doubt(claim, why, over=answer.is_complete or answer.is_over)
                log.info("outcome unknown batch=%s id=%d why=%s", claim.ref, claim.gateway_id, answer.sentence)
        return Turn.OVER

    def _back_off(self, claim: Claim, answer: SendAnswer) -> Turn:
        """The gateway wants fewer requests: the whole log-in backs off."""
        pause_s = self._persist(claim, lambda: self._rt.ledger.throttled(answer.delay_s or THROTTLED_S)) or 0.0
        self._was_throttled = True
        log.warning("login backs off code=%s for_s=%.0f why=%s", answer.code, pause_s, answer.sentence)
        self._pause(min(pause_s, 5.0))
        return Turn.BACK_OFF

    def _accepted(self, claim: Claim, answer: SendAnswer, run: Run) -> Turn:
        done = self._settle_alone(settling_of(claim, answer, self._rt.settings.ask_every_s[0]))
        run.left = done.left if done is not None else run.left
        return self._after_accepted(claim, answer, done) if done is not None else Turn.BACK_OFF

    def _accepted_and_next(self, claim: Claim, answer: SendAnswer, line: Line) -> Claim | NoClaim:
        """Settle and claim the next batch in one round trip; the half that gets no answer is repeated by itself."""
        settling = settling_of(claim, answer, self._rt.settings.ask_every_s[0])
        done, then = self._claims.along(settling, line)
        settled = self._settle_alone(settling) if isinstance(done, LedgerTrouble) else done
        following = then() if callable(then) else then
        if settled is not None and self._after_accepted(claim, answer, settled) is Turn.AGAIN:
            return replace(following, left=max(1, following.left))
        return following

    def _settle_alone(self, settling: Settling) -> Settled | None:
        if settling.pieces:
            return self._persist(settling.claim, lambda: self._rt.ledger.settle_each(settling))
        told = settling.claim, settling.parts, settling.cost, settling.first_ask_s, settling.spoken
        return self._persist(settling.claim, lambda: self._rt.ledger.settle_accepted(*told))

    def _settle_each(self, claim: Claim, answer: SendAnswer) -> Turn:
        """Settle what was answered, doubt what was not, and leave free what certainly was not taken."""
        log.info("answered in part batch=%s id=%d %s", claim.ref, claim.gateway_id, counts(answer))
        done = self._settle_alone(settling_of(claim, answer, self._rt.settings.ask_every_s[0]))
        if done is None:
            return Turn.BACK_OFF
        turn = self._after_accepted(claim, answer, done)
        return self._back_off(claim, answer) if answer.delay_s else turn

    def _owing(self, line: Line) -> contextlib.AbstractContextManager[None]:
        """Note a request under way; a connection shared by many tells by itself that its peer is silent."""
        return contextlib.nullcontext() if line.is_shared else self._rt.send_mirrors.owing(line.mirror)

    def _after_accepted(self, claim: Claim, answer: SendAnswer, done: Settled) -> Turn:
        if done.early:
            self._persist(claim, lambda: self._rt.ledger.advance_early(done.early, self._rt.settings.ask_every_s[0]))
        if self._was_throttled:
            self._was_throttled = False
            self._persist(claim, self._rt.ledger.answered)
        phone = claim.recipients[0]
        if claim.lane == "urgent" and claim.known_as and answer.cost is not None and isinstance(phone, int):
            what = phone, claim.options.channel, answer.cost
            self._rt.shield.learn(*what, known_as=claim.known_as, enrolled_at=claim.enrolled_at)
        self._measures.accepted(claim)
        return Turn.AGAIN if done.word == "again" else Turn.OVER

    def _doubt(
        self,
        claim: Claim,
        why: str,
        *,
        over: bool = True,
        alone: bool = False,
        money: bool = False,
        first_s: float | None = None,
    ) -> None:
        """Make the batch doubtful; the first question comes after `first_s`, by default that of the lane."""
        first = SENDING[claim.lane].first_ask_s if first_s is None else first_s
        self._measures.doubted(claim, why)
        self._persist(claim, lambda: self._rt.ledger.doubt(claim, why, first, alone=alone, money=money, over=over))

    def _persist(self, claim: Claim, verb: Callable[[], T]) -> T | None:
        """Run a verb, and repeat it while Redis is away and the lease lasts; after that the lease decides."""
        until = self._rt.clock.monotonic() + self._rt.settings.lease_s
        while True:
            try:
                return verb()
            except LedgerTrouble as error:
                if self._rt.clock.monotonic() >= until:
                    log.error(
                        "answer could not be stored batch=%s id=%d why=%s", claim.ref, claim.gateway_id, error.sentence
                    )
                    return None
                self._rt.clock.wait(0.2)
