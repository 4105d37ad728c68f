"""The breaker of one mirror, without a lock or a clock of its own.

It knows two kinds of failure. After two unknown outcomes in a row it trips, and only a well-formed answer closes it;
meanwhile a probe is let through now and then. After a refused connection nothing was lost, so we back off from the
mirror, longer each time. A slow answer is no failure: the gateway is slow for everyone when operators are.
"""

from __future__ import annotations

TRIP_AFTER = 2  # unknown outcomes in a row
FIRST_PROBE_S = 5.0  # from the trip to the first send that may probe; doubles each time
FIRST_QUESTION_S = 0.5  # from the trip to the first question that may close it; doubles each time
LAST_QUESTION_S = 60.0  # the gateway allows ten balance requests a minute, of all processes together
LAST_PROBE_S = 300.0  # an hour of broken answers then costs some fifteen doubts, not a thousand
FIRST_BACK_OFF_S = 0.5  # after a refused connection; doubles each time
LAST_BACK_OFF_S = 30.0  # a mirror that came back is found again within this time


class Breaker:
    """The state of one mirror; every `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._unknowns = 0
        self._refusals = 0
        self._probes = 0
        self._questions = 0
        self.paused_until = 0.0
        self.probe_at = 0.0
        self.question_at = 0.0

    @property
    def is_tripped(self) -> bool:
        """Whether its last outcomes were unknown, so that only probes and questions go there."""
        return self._unknowns >= TRIP_AFTER

    @property
    def is_up(self) -> bool:
        """Whether it is neither tripped nor unreachable."""
        return not self.is_tripped and self._refusals == 0

    @property
    def is_unreachable(self) -> bool:
        """Whether the last try to connect failed."""
        return self._refusals > 0

    def free_at(self) -> float:
        """The time from which a send may be tried here."""
        return max(self.paused_until, self.probe_at) if self.is_tripped else self.paused_until

    def take(self, now: float) -> None:
        """Note that a send is about to be tried; if the mirror is tripped, the next probe is due later."""
        if self.is_tripped:
            self._put_off_probe(now)

    def good(self) -> None:
        """Note a well-formed answer, be it an error code."""
        self._unknowns = self._refusals = self._probes = self._questions = 0
        self.paused_until = self.probe_at = self.question_at = 0.0

    def reached(self) -> None:
        """Note that a connection was opened; that says nothing about answers."""
        self._refusals = 0
        self.paused_until = 0.0

    def unknown(self, now: float) -> None:
        """Note a request whose outcome is unknown."""
        was_tripped = self.is_tripped
        self._unknowns += 1
        self.reached()  # the connection was opened
        if self.is_tripped and not was_tripped:
            self._put_off_probe(now)
            self.put_off_question(now)

    def unreachable(self, now: float) -> None:
        """Note that no connection could be opened."""
        self.paused_until = now + min(LAST_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** min(self._refusals, 16))
        self._refusals += 1

    def put_off_question(self, now: float) -> None:
        """Note that a question is about to be put to a mirror that is not up: the next is due later."""
        self.question_at = now + min(LAST_QUESTION_S, FIRST_QUESTION_S * 2.0 ** min(self._questions, 16))
        self._questions += 1

    def _put_off_probe(self, now: float) -> None:
        self.probe_at = now + min(LAST_PROBE_S, FIRST_PROBE_S * 2.0 ** min(self._probes, 16))
        self._probes += 1
