"""One send over a session: many submits, written as places of the window are free, each answered for itself.

A submit is repeated only if the gateway answered that it did not take it (throttling). The parts of one message are
written one behind the other; once one of them was accepted and another was not, nobody knows what the phone will show,
and the message is doubtful.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadInput, Unreachable
from smsq.worker.domain.piece import Fate, Piece
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.gateway.smpp import statuses
from smsq.worker.gateway.smpp.pdus import Short
from smsq.worker.transports.smpp.session import Reply, Session, Submit
from smsq.worker.transports.smpp.throttle import Throttle

BAD_PARAMETERS = 1  # the error of `send.php` for a message that this wire cannot carry
THROTTLED_S = 2.0  # of pause of the login, if messages were left for that
BEGIN_WITHIN = 2 / 3  # of the time allowed: no message is begun later, so that its parts leave together


_OUTCOMES = {
    Fate.ACCEPTED: Outcome.ACCEPTED,
    Fate.REFUSED: Outcome.REFUSED,
    Fate.UNTAKEN: Outcome.LATER,
    Fate.UNKNOWN: Outcome.UNKNOWN,
}


@dataclass(slots=True)
class _Message:
    """A message under way."""

    parts: Sequence[Short] = field(repr=False)
    names: list[str] = field(default_factory=list)
    written: int = 0  # submits of it, those that came back throttled not counted
    refusal: statuses.SubmitStatus | None = None
    is_lost: bool = False
    code: int = 0

    def piece(self) -> Piece:
        """What became of it."""
        names = tuple(self.names)
        if not self.is_lost and self.parts and len(names) == len(self.parts):
            return Piece(Fate.ACCEPTED, names=names)
        if self.is_lost or names:
            return Piece(Fate.UNKNOWN, names=names)
        if self.refusal is not None:
            return Piece(Fate.REFUSED, self.refusal.code)
        return Piece(Fate.UNTAKEN)


class Sending:
    """One send; holds one place of the window from the start, and more while there are free ones."""

    def __init__(
        self, session: Session, throttle: Throttle, messages: Sequence[Sequence[Short] | BadInput], clock: Clock
    ) -> None:
        self._session = session
        self._throttle = throttle
        self._clock = clock
        self._replies: SimpleQueue[Reply] = SimpleQueue()
        self._messages = [_Message(()) if isinstance(each, BadInput) else _Message(each) for each in messages]
        for message, told in zip(self._messages, messages, strict=True):
            if isinstance(told, BadInput):
                message.refusal = statuses.SubmitStatus(
                    outcome=Outcome.REFUSED, meaning=told.sentence, code=BAD_PARAMETERS
                )
        self._waiting: deque[tuple[int, int]] = deque(
            (place, part) for place, message in enumerate(self._messages) for part in range(len(message.parts))
        )
        self._free = 1
        self._numbers: dict[tuple[int, int], int] = {}  # of submits without an answer
        self._has_written = False
        self._was_throttled = False

    def run(self, deadline_s: float) -> SendAnswer:
        """Send all; raises Unreachable if the session was over before the first write."""
        began = self._clock.monotonic()
        until = began + deadline_s
        begin_until = began + deadline_s * BEGIN_WITHIN
        try:
            while self._waiting or self._numbers:
                now = self._clock.monotonic()
                pause_s = self._throttle.left_s()
                if self._waiting and not pause_s and not self._write(until, may_begin=now < begin_until):
                    self._waiting.clear()
                if not self._numbers and (not self._waiting or now + pause_s >= until):
                    break
                self._hear(min(until - now, pause_s) if self._waiting and pause_s else until - now)
                if self._clock.monotonic() >= until and self._numbers:
                    self._session.give_up(list(self._numbers.values()))
                    self._hear(1.0)
        finally:
            self._give_places_back(1)
        return self._answer()

    def _write(self, until: float, *, may_begin: bool) -> bool:
        """Write as many submits as there are free places; False if no more can be written at all."""
        while self._free < len(self._waiting) and self._session.places.acquire(blocking=False):
            self._free += 1
        chosen: list[tuple[int, int]] = []
        while self._waiting and len(chosen) < self._free:
            place, _ = self._waiting[0]
            message = self._messages[place]
            if message.is_lost or message.refusal is not None or (not may_begin and not message.written):
                self._waiting.popleft()  # it cannot become whole any more, or there is no time to begin it
                continue
            chosen.append(self._waiting.popleft())
            message.written += 1
        if not chosen:
            self._give_places_back(1)
            return True
        try:
            numbers = self._session.submit(
                [Submit((place, part), self._messages[place].parts[part]) for place, part in chosen],
                self._replies.put,
                until,
            )
        except Unreachable:
            if not self._has_written:
                raise
            for place, _ in chosen:
                self._messages[place].written -= 1
            return False
        self._has_written = True
        self._free -= len(chosen)
        self._numbers.update(zip(chosen, numbers, strict=True))
        return True

    def _hear(self, wait_s: float) -> None:
        """Take the replies that have come, after waiting for the first."""
        try:
            self._take(self._replies.get(timeout=max(0.0, wait_s)))
            while True:
                self._take(self._replies.get_nowait())
        except Empty:
            return

    def _take(self, reply: Reply) -> None:
        key = reply.key
        assert isinstance(key, tuple)
        place = key[0]
        message = self._messages[place]
        self._numbers.pop(key, None)
        self._free += 1
        if reply.is_lost:
            message.is_lost = True
            return
        status = statuses.of(reply.status)
        if status.outcome is Outcome.ACCEPTED:
            self._throttle.accepted()
            message.names.append(reply.message_id)
            return
        if status.outcome is Outcome.LATER:
            if reply.status == statuses.NOT_BOUND:
                self._session.end("the gateway takes it for unbound")
            self._throttle.throttled()
            self._was_throttled = True
            message.written -= 1
            self._waiting.appendleft(key)
            return
        message.code = reply.status
        if status.outcome is Outcome.UNKNOWN:
            message.is_lost = True
        else:
            message.refusal = status

    def _give_places_back(self, keep: int) -> None:
        while self._free > keep:
            self._free -= 1
            self._session.places.release()

    def _answer(self) -> SendAnswer:
        pieces = tuple(message.piece() for message in self._messages)
        fates = {piece.fate for piece in pieces}
        outcome = _OUTCOMES[fates.pop()] if len(fates) == 1 else Outcome.ACCEPTED_IN_PART
        parts = sum(len(piece.names) for piece in pieces)
        code = next((message.code for message in self._messages if message.code), None)
        is_whole = not any(message.is_lost and not message.code for message in self._messages)
        return SendAnswer(
            outcome=outcome,
            sentence=self._sentence(outcome),
            code=pieces[0].code if outcome is Outcome.REFUSED else code,
            parts=parts,
            is_complete=is_whole,
            is_over=is_whole or self._session.closed_by_peer,
            delay_s=THROTTLED_S if self._was_throttled and Fate.UNTAKEN in {piece.fate for piece in pieces} else 0.0,
            pieces=pieces,
        )

    def _sentence(self, outcome: Outcome) -> str:
        if outcome is Outcome.ACCEPTED:
            return "accepted"
        if outcome is Outcome.REFUSED:
            return next(each.refusal.meaning for each in self._messages if each.refusal is not None)
        why = self._session.why
        return f"{self._session.mirror}: {why}" if why else f"{self._session.mirror}: {outcome.value}"
