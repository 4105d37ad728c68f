"""SMTP to the gateway: one connection to the mail server, one letter at a time, one deadline for all of it.

A letter exists for the server once its last line, a dot, has come. Before its first byte, which follows the server's
354, nothing was sent, whatever happens. From that byte on only two answers are certain: 250 (it has the letter) and a
refusal by 5xx (it has not). Anything else is unknown: the server may have taken the letter and failed to say so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from email.utils import formatdate

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.gateway.smtp.client_letters import MAX_LETTER, Envelope, letters
from smsq.worker.transports.smtp.talk import Gone, Talk

# Ours; a mail server that is busy says no for minutes, and one that refuses all letters until somebody mends it.
BUSY_S = 30.0
REFUSING_S = 120.0
DENIED = 6  # the gateway's code for a message that is not let through: the nearest to a letter that is not


class SmtpLine:
    """One conversation with the mail server, which has greeted us and let us in."""

    is_shared = False

    def __init__(
        self,
        mirror: str,
        talk: Talk,
        *,
        login: Login,
        envelope: Envelope,
        keep_idle_s: float,
        clock: Clock,
        keep: Callable[[SmtpLine], None],
    ) -> None:
        self.mirror = mirror
        self.good_until = clock.monotonic() + keep_idle_s  # until when it may be kept; each letter taken moves it on
        self._talk = talk
        self._login = login
        self._envelope = envelope
        self._keep_idle_s = keep_idle_s
        self._clock = clock
        self._keep = keep
        self._is_whole = True  # no answer is owed: nothing was sent, or the last letter was taken

    def __del__(self) -> None:
        if hasattr(self, "_is_whole"):
            self.hang_up()

    def is_quiet(self) -> bool:
        """Whether it is open with nothing to read."""
        return self._talk.is_quiet()

    def is_free(self) -> bool:
        """Whether its last letter was taken, it was not kept for too long, and it is quiet."""
        return self._is_whole and self._clock.monotonic() < self.good_until and self.is_quiet()

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        """Hand over once; what does not fit into one letter leaves in several, each message in one of them.

        Raises BadInput if a letter cannot say it, and Unreachable if the conversation ended before a letter began.
        """
        now = self._clock.now()
        written = letters(
            self._login,
            outgoing,
            self._envelope,
            date=formatdate(now),
            token=secrets.token_hex(8),
            most=self._most(),
        )
        if not self._is_whole:
            raise Unreachable(f"the line to {self.mirror} is closed")
        self._is_whole = False
        self._talk.line.deadline = self._clock.monotonic() + deadline_s
        for number, letter in enumerate(written):
            is_first, is_last = number == 0, number == len(written) - 1
            if (answer := self._hand_over(letter, is_first=is_first, is_last=is_last)) is not None:
                return answer
        self._is_whole = self._talk.is_quiet()  # some servers close behind each letter
        self.good_until = self._clock.monotonic() + self._keep_idle_s
        return SendAnswer(outcome=Outcome.HANDED_OVER, sentence="the mail server took it")

    def done(self, keep: bool) -> None:
        """Give the line back: kept for the next letter, or closed."""
        if keep and self._is_whole and self._clock.monotonic() < self.good_until:
            self._keep(self)
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection for good; unsent bytes are discarded."""
        is_polite, self._is_whole = self._is_whole, False
        self._talk.hang_up(politely=is_polite)

    def _most(self) -> int:
        """How many bytes a letter may have here: the gateway's limit, or the server's own."""
        told = self._talk.esmtp_features.get("size", "")
        size = int(told) if told.isascii() and told.isdigit() and len(told) < 12 else 0
        return min(MAX_LETTER, size or MAX_LETTER)

    def _hand_over(self, letter: bytes, *, is_first: bool, is_last: bool) -> SendAnswer | None:
        """Hand one letter over; None if the server took it."""
        try:
            refusal = self._offer(len(letter))
        except Gone as gone:
            if is_first:
                self.hang_up()
                raise Unreachable(f"{self.mirror} ended the conversation before the letter: {gone.sentence}") from None
            return _unknown(f"it took some letters, then {gone.sentence}", gone)
        if refusal is not None:
            return refusal if is_first else _unknown(f"it took some letters, then {refusal.sentence}")
        try:
            self._talk.send(letter + b".\r\n")  # no line of it begins with a dot, which base64 does not have
            code, _ = self._talk.getreply()
        except Gone as gone:
            return _unknown(gone.sentence, gone)
        if code == 250:
            return None
        if 500 <= code <= 599 and is_first:
            sentence = f"the mail server refused the letter ({code})"
            if not is_last:  # nothing was taken, and what stands in the other letters was not tried
                return SendAnswer(outcome=Outcome.LATER, sentence=sentence, delay_s=REFUSING_S)
            return SendAnswer(outcome=Outcome.REFUSED, sentence=sentence, code=DENIED)
        return _unknown(f"the mail server answered {code} to the letter")

    def _offer(self, size: int) -> SendAnswer | None:
        """Name sender and recipient; None if the server waits for the letter now, else its refusal. Raises Gone."""
        talk = self._talk
        options = [f"SIZE={size}"] if talk.has_extn("size") else []
        steps: tuple[tuple[str, Callable[[], tuple[int, bytes]], tuple[int, ...]], ...] = (
            ("the sender", lambda: talk.mail(self._envelope.sender, options), (250,)),
            ("the recipient", lambda: talk.rcpt(self._envelope.recipient), (250, 251)),
            ("a letter", lambda: talk.docmd("DATA"), (354,)),
        )
        for what, say, good in steps:
            code, _ = say()
            if code == 421:
                raise Gone("it is closing", peer_closed=True)
            if code not in good:
                return SendAnswer(
                    outcome=Outcome.LATER,
                    sentence=f"the mail server did not take {what} ({code})",
                    delay_s=BUSY_S if 400 <= code <= 499 else REFUSING_S,
                )
        if not talk.is_quiet():
            raise Gone("it said more than was asked for")
        return None


def _unknown(sentence: str, gone: Gone | None = None) -> SendAnswer:
    """Nobody knows whether the server has the letter."""
    return SendAnswer(
        outcome=Outcome.UNKNOWN,
        sentence=sentence,
        is_complete=gone is None,
        is_over=gone is None or gone.peer_closed,
    )
