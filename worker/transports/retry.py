"""The only retry of sends: an attempt that could not reach a mirror is made again at another.

tenacity wraps the whole attempt (open, claim, send, settle or release), so that each try is a new line, a new claim
and a new gateway id. Only `Unreachable` is tried again, since it proves that nothing was written; `Unknown` and
everything else goes through and is never repeated here.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

import tenacity

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.transports.mirrors import Mirrors

FIRST_PAUSE_S = 0.2  # upper bound of the first pause once every mirror was tried; doubles each round
LAST_PAUSE_S = 5.0

T = TypeVar("T")


def attempt_in_turn(
    attempt: Callable[[str], T],
    mirrors: Mirrors,
    *,
    budget_s: float,
    clock: Clock,
    stop: threading.Event | None = None,
    is_hopeless: Callable[[], bool] = lambda: False,
    uniform: Callable[[float, float], float] = random.uniform,
) -> T:
    """Call `attempt(mirror)` until a mirror can be reached; return its result, or raise its exception.

    Each mirror is tried once without a pause; then rounds follow after random, growing pauses. Raises the last
    Unreachable if the next try would begin after `budget_s` seconds, if `stop` is set, or if `is_hopeless()` after a
    round. `Mirrors` learns here which mirrors were unreachable; the attempt notes what an answer proves.
    """
    turn = _Turn(mirrors, clock, clock.monotonic() + budget_s, stop, is_hopeless, uniform)
    found: T = _RETRYING(_Turn.go, turn, attempt)
    return found


class _Turn:
    """The state of one call: the mirrors tried in this round, and the pause before the next."""

    def __init__(
        self,
        mirrors: Mirrors,
        clock: Clock,
        deadline: float,
        stop: threading.Event | None,
        is_hopeless: Callable[[], bool],
        uniform: Callable[[float, float], float],
    ) -> None:
        self._mirrors = mirrors
        self._clock = clock
        self._deadline = deadline
        self._stop = stop
        self._is_hopeless = is_hopeless
        self._uniform = uniform
        self._tried: set[str] = set()
        self._rounds = 0
        self._is_round_over = False

    def go(self, attempt: Callable[[str], T]) -> T:
        """One try, at the next mirror of this round; raises Unreachable if there is none."""
        if self._stop is not None and self._stop.is_set():
            raise Unreachable("stopping; nothing was begun")
        mirror = self._mirrors.next(self._tried)
        if mirror is None:
            self._is_round_over = True
            raise Unreachable("no mirror of the gateway can be reached at the moment")
        self._tried.add(mirror)
        try:
            return attempt(mirror)
        except Unreachable:
            self._mirrors.unreachable(mirror)
            self._is_round_over = len(self._tried) == len(self._mirrors.bases)
            raise

    def pause_s(self) -> float:
        """0 within a round; after it a random, growing pause, at least as long as the mirrors' own back-off."""
        if not self._is_round_over:
            return 0.0
        self._is_round_over = False
        self._tried.clear()
        highest = min(LAST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._rounds, 16))
        self._rounds += 1
        return self._mirrors.wait_s() + self._uniform(0.0, highest)

    def is_over(self, pause_s: float) -> bool:
        """Whether to give up: `stop` is set, or the next try would begin after the deadline."""
        if self._stop is not None and self._stop.is_set():
            return True
        if not self._tried and self._is_hopeless():  # a round is over
            return True
        return self._clock.monotonic() + pause_s >= self._deadline

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._clock.wait(seconds, self._stop)


def _turn(state: tenacity.RetryCallState) -> _Turn:
    turn: _Turn = state.args[0]
    return turn


# Made once: it keeps the state of a call per thread; the turn is the first argument of the function it calls.
_RETRYING = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type(Unreachable),
    wait=lambda state: _turn(state).pause_s(),
    stop=lambda state: _turn(state).is_over(state.upcoming_sleep),
    before_sleep=lambda state: _turn(state).sleep(state.upcoming_sleep),
    sleep=lambda seconds: None,  # the turn has slept already, by its own clock
    reraise=True,
)
