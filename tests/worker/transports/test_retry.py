"""The retry around an attempt: elsewhere at once, then patiently, and never after a byte was written."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import NoReply, Unreachable
from smsq.worker.transports.mirrors import Mirrors
from smsq.worker.transports.retry import attempt_in_turn

A, B, C = "http://a", "http://b", "http://c"


class HandClock(Clock):
    """A clock that stands still until something waits, and remembers how long."""

    def __init__(self) -> None:
        self.at = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
        self.at += seconds
        self.waits.append(seconds)
        return until is not None and until.is_set()


class Attempts:
    """An attempt that finds these mirrors down and notes where it went."""

    def __init__(self, down: set[str]) -> None:
        self.down = down
        self.went: list[str] = []

    def __call__(self, mirror: str) -> str:
        self.went.append(mirror)
        if mirror in self.down:
            raise Unreachable("down")
        return mirror


def test_next_mirror_at_once() -> None:
    """An unreachable mirror costs no pause while another is left."""
    clock, attempts = HandClock(), Attempts({A, B})

    assert attempt_in_turn(attempts, Mirrors([A, B, C], clock), budget_s=10, clock=clock) == C
    assert (attempts.went, clock.waits) == ([A, B, C], [])


def test_rounds_with_growing_pauses_until_the_budget() -> None:
    """With every mirror down each round waits longer, and the budget ends it with the mirror's own error."""
    clock, attempts = HandClock(), Attempts({A, B})

    with pytest.raises(Unreachable):
        attempt_in_turn(attempts, Mirrors([A, B], clock), budget_s=60, clock=clock, uniform=lambda low, high: high)
    assert clock.at < 60
    assert len(attempts.went) >= 6
    assert clock.waits == sorted(clock.waits)


def test_mirror_that_comes_back() -> None:
    """A later round finds a mirror that came back."""
    clock, attempts = HandClock(), Attempts({A})
    mirrors = Mirrors([A], clock)

    def attempt(mirror: str) -> str:
        if clock.at > 3:
            attempts.down.clear()
        return attempts(mirror)

    assert attempt_in_turn(attempt, mirrors, budget_s=60, clock=clock) == A


def test_unknown_is_never_repeated() -> None:
    """After a byte was written nothing is tried again."""
    clock, went = HandClock(), []

    def attempt(mirror: str) -> str:
        went.append(mirror)
        raise NoReply("lost")

    with pytest.raises(NoReply):
        attempt_in_turn(attempt, Mirrors([A, B], clock), budget_s=60, clock=clock)
    assert went == [A]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_other_exceptions_pass(error: type[BaseException]) -> None:
    """A mistake or an interrupt goes straight through."""
    clock, went = HandClock(), []

    def attempt(mirror: str) -> str:
        went.append(mirror)
        raise error

    with pytest.raises(error):
        attempt_in_turn(attempt, Mirrors([A, B], clock), budget_s=60, clock=clock)
    assert went == [A]


def test_stop_ends_the_rounds() -> None:
    """Told to stop, nothing new is begun."""
    clock, stop, attempts = HandClock(), threading.Event(), Attempts({A, B})

    def attempt(mirror: str) -> str:
        stop.set()
        return attempts(mirror)

    with pytest.raises(Unreachable):
        attempt_in_turn(attempt, Mirrors([A, B], clock), budget_s=60, clock=clock, stop=stop)
    assert attempts.went == [A]


def test_no_budget_is_one_round_of_one() -> None:
    """Without a budget the first mirror is tried and no pause is made."""
    clock, attempts = HandClock(), Attempts({A, B})

    with pytest.raises(Unreachable):
        attempt_in_turn(attempts, Mirrors([A, B], clock), budget_s=0, clock=clock)
    assert attempts.went == [A]


def test_nothing_of_an_attempt_is_kept() -> None:
    """The retry is made once for all, so it must let go of an exception and of what its frames hold."""

    class Thing:
        """Something that a failed attempt has in its hands, such as a line."""

    gone: list[weakref.ref[Thing]] = []

    def fail(mirror: str) -> None:
        thing = Thing()
        gone.append(weakref.ref(thing))
        raise NoReply("in time")

    try:
        attempt_in_turn(fail, Mirrors([A], HandClock()), budget_s=10, clock=HandClock())
    except NoReply:
        pass
    gc.collect()

    assert gone[0]() is None


def test_attempts_of_many_threads_do_not_meet() -> None:
    """Each goes its own round, though one retry serves all."""
    together = threading.Barrier(8)
    went: dict[int, list[str]] = {}

    def run(n: int) -> None:
        attempts = Attempts({A, B} if n % 2 else {A})
        together.wait(10)
        for _ in range(50):
            attempt_in_turn(attempts, Mirrors([A, B, C], HandClock()), budget_s=10, clock=HandClock())
        went[n] = attempts.went

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert went == {n: ([A, B, C] if n % 2 else [A, B]) * 50 for n in range(8)}


def test_an_attempt_may_hold_another() -> None:
    """One inside the other, on one thread."""
    inner = Attempts({A})

    def outer(mirror: str) -> str:
        found = attempt_in_turn(inner, Mirrors([A, B], HandClock()), budget_s=10, clock=HandClock())
        if mirror == A:
            raise Unreachable("down")
        return mirror + found

    assert attempt_in_turn(outer, Mirrors([A, C], HandClock()), budget_s=10, clock=HandClock()) == C + B
