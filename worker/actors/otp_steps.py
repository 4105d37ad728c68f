"""The next channel of a code: read the code's state, decide, reserve the step, enrol its message.

An actor may run twice, stop anywhere, or run in two processes at once. A step is reserved once, by its place in the
cascade, and its message is enrolled once, by its key.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from smsq.worker.actors.simulation import is_simulated
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.cascade import OVER, End, Enrol, Move, Sent, Take, Wait, fits, next_move
from smsq.worker.domain.errors import LedgerTrouble, Limited, NotAGuest
from smsq.worker.domain.otp import Step, steps_of
from smsq.worker.domain.receipt import Stored, status_name, unpack
from smsq.worker.domain.shield import DENIED_NUMBER
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger.otp.records import OtpView
from smsq.worker.ledger.values import BatchView
from smsq.worker.questions.asker import Asker
from smsq.worker.questions.pairs import open_pairs
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

LAST_ASK_S = 1.5  # for the question before a step; without an answer the step is taken


class Looked(NamedTuple):
    """The state of a code, and its next move."""

    view: OtpView
    steps: Sequence[Step]
    batches: Sequence[BatchView | None]
    move: Move


class StepTaker:
    """The actor that takes the steps of cascades, in one worker process."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._asker = Asker(runtime)

    def take_steps(self, otp_ids: Sequence[str]) -> None:
        """The actor: look at these codes, and take the next step of each if it is due."""
        for otp_id in otp_ids:
            try:
                self.look(otp_id)
            except LedgerTrouble as error:  # the duty of the scheduler hands it out again
                log.warning("ledger in trouble while looking at a code why=%s", error.sentence)

    def look(self, otp_id: str) -> Move | None:
        """Do the next move of one code and return it; None if nothing is known of the code."""
        looked = self._look(otp_id)
        if looked is not None and isinstance(looked.move, Take) and looked.move.why == "waited":
            looked = self._look_again(looked)
        if looked is None:
            self._rt.ledger.end_cascade(otp_id, 0, "expired")
            return None
        view, steps, batches, move = looked
        match move:
            case Wait(until):
                self._rt.ledger.wait_cascade(otp_id, until)
            case End(why):
                self._rt.ledger.end_cascade(otp_id, view.place, why)
            case Enrol(number):
                made = view.steps[number]
                self._enrol(otp_id, view.place, number, made.channel, made.at, view.expires_at, made.why)
            case Take(place, why):
                return self._take(view, steps, batches, place, why)
        return move

    def _look(self, otp_id: str) -> Looked | None:
        view = self._rt.otp.view(otp_id)
        if view is None:
            return None
        steps = steps_of(view.channels)
        batches = self._rt.otp.batches(view)
        sent = [_sent(number, view, batch) for number, batch in enumerate(batches)]
        sent = [each for each in sent if each.status or view.steps[each.number].why != "resend"]  # refused, or died
        return Looked(view, steps, batches, next_move(steps, view.place, sent, view.state, self._rt.ledger.time()))

    def _look_again(self, looked: Looked) -> Looked | None:
        """Ask about the newest message before paying for another: it may have arrived since the last question."""
        newest = next((batch for batch in reversed(looked.batches) if batch is not None), None)
        pairs = open_pairs(newest) if newest is not None and not is_simulated(newest) else []
        if not pairs:
            return looked
        self._asker.ask_at_once(pairs[0], LAST_ASK_S)
        return self._look(looked.view.id)

    def _take(
        self, view: OtpView, steps: Sequence[Step], batches: Sequence[BatchView | None], place: int, why: str
    ) -> Move | None:
        """Take a step if `max_cost` and the shield allow it; else end the cascade with the reason."""
        spec = self._rt.otp.spec(view.id)
        if spec is None:
            return None  # entered or locked a moment ago
        channel = steps[place].channel
        spent = self._rt.otp.spent(spec.phone, view, batches)
        if not fits(spec.max_cost, spent, self._rt.otp.price(spec.phone, channel)):
            return self._forgo(view, channel, "cost")
        decision = self._rt.otp.admit(view.id, len(view.steps), channel)
        if decision is not None and not decision.allowed:
            return self._forgo(view, channel, f"shield:{decision.code}")
        reserved = self._rt.ledger.next_step(view.id, place, channel, why, after=len(view.steps))
        if reserved.word != "step":
            if why_over := OVER.get(reserved.word):  # since we looked, or before the ledger fell back
                self._rt.ledger.end_cascade(view.id, view.place, why_over)
            return None
        self._enrol(view.id, place, reserved.number, channel, reserved.at, reserved.expires_at, why)
        log.info("code goes on channel=%s why=%s", channel, why)
        return Take(place, why)

    def _forgo(self, view: OtpView, channel: str, why: str) -> End:
        self._rt.ledger.end_cascade(view.id, view.place, why, channel)
        log.info("code does not go on channel=%s why=%s", channel, why)
        return End(why)

    def _enrol(
        self, otp_id: str, place: int, number: int, channel: str, at: float, expires_at: float, why: str
    ) -> None:
        """Enrol the message of a step; the shield may refuse it now though it let the step be reserved."""
        try:
            enrolled = self._rt.otp.enrol(otp_id, number, channel, at, expires_at, why)
        except Limited as refused:
            self._rt.ledger.end_cascade(otp_id, place, f"shield:{refused.decision}", channel)
            return
        except NotAGuest:
            self._rt.ledger.end_cascade(otp_id, place, f"shield:{DENIED_NUMBER}", channel)
            return
        if enrolled is not None and enrolled.created and enrolled.is_hint_needed:
            self._rt.hints.batches("urgent", [Ref(MessageId.parse(enrolled.id).batch)])


def _sent(number: int, view: OtpView, batch: BatchView | None) -> Sent:
    made = view.steps[number]
    if batch is None:
        return Sent(number, made.at, "expired" if made.message_id else "")  # a message that is no longer kept is over
    stored: Stored = unpack(batch.receipts, 0)
    return Sent(number, batch.enrolled_at, status_name(stored.status, BatchState(batch.state)))
