"""A line: one place of the window of a bound session. It dies with the session, and grows old by itself.

A silent HTTP line is closed by its peer, so a thread that was held up between claim and write finds it closed. A
session stays alive meanwhile; so a line may be used for some seconds only, long before the claim's absence could be
trusted.
"""

from __future__ import annotations

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.outcomes import SendAnswer
from smsq.worker.gateway.smpp.client_submits import submits
from smsq.worker.transports.smpp.sending import Sending
from smsq.worker.transports.smpp.session import Session
from smsq.worker.transports.smpp.throttle import Throttle

GOOD_S = 10.0  # from opening, or from the last answer, to the next send


class SmppLine:
    """A place of a session's window; a send may use more of them while they are free."""

    is_shared = True

    def __init__(self, session: Session, throttle: Throttle, clock: Clock, *, is_latin: bool) -> None:
        self.mirror = session.mirror
        self._session = session
        self._throttle = throttle
        self._clock = clock
        self._is_latin = is_latin
        self._is_ours = True  # the place was not given back
        self._good_until = clock.monotonic() + GOOD_S

    def __del__(self) -> None:
        self.done(keep=False)

    def is_quiet(self) -> bool:
        """Whether its session is bound, and the line not too old."""
        return self._session.is_alive and self._clock.monotonic() < self._good_until

    def is_free(self) -> bool:
        """Whether it can carry another send at once; no answer is owed on it between sends."""
        return self._is_ours and self.is_quiet()

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        """Send all messages; raises BadInput or Unreachable, and then nothing was written."""
        if not self.is_free():
            raise Unreachable(f"the session with {self.mirror} is over")
        messages = submits(outgoing, is_latin=self._is_latin)
        answer = Sending(self._session, self._throttle, messages, self._clock).run(deadline_s)
        self._good_until = self._clock.monotonic() + GOOD_S
        return answer

    def done(self, keep: bool) -> None:
        """Give the place back; the session stays."""
        if self._is_ours:
            self._is_ours = False
            self._session.places.release()
