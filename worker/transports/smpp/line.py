"""A line: one place of the window of a bound session. It dies with the session."""

from __future__ import annotations

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.outcomes import SendAnswer
from smsq.worker.gateway.smpp.client_submits import submits
from smsq.worker.transports.smpp.sending import Sending
from smsq.worker.transports.smpp.session import Session
from smsq.worker.transports.smpp.throttle import Throttle


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

    def __del__(self) -> None:
        self.done(keep=False)

    def is_quiet(self) -> bool:
        """Whether its session is bound."""
        return self._session.is_alive

    def is_free(self) -> bool:
        """Whether it can carry another send at once; no answer is owed on it between sends."""
        return self._is_ours and self._session.is_alive

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        """Send all messages; raises BadInput or Unreachable, and then nothing was written."""
        if not self.is_free():
            raise Unreachable(f"the session with {self.mirror} is over")
        messages = submits(outgoing, is_latin=self._is_latin)
        return Sending(self._session, self._throttle, messages, self._clock).run(deadline_s)

    def done(self, keep: bool) -> None:
        """Give the place back; the session stays."""
        if self._is_ours:
            self._is_ours = False
            self._session.places.release()
