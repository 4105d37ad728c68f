"""Order, breaker and back-off of mirrors, with a clock that the test moves by hand."""

from __future__ import annotations

import threading

from smsq.worker.clock import Clock
from smsq.worker.transports.breaker import FIRST_PROBE_S, LAST_BACK_OFF_S, LAST_PROBE_S
from smsq.worker.transports.mirrors import OWING_S, Mirrors

A, B, C = "http://a", "http://b", "http://c"


class HandClock(Clock):
    """A clock that stands still until it is moved; waiting moves it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
        self.at += seconds
        return until is not None and until.is_set()


def test_a_mirror_that_nobody_needs_is_found_up_again() -> None:
    """Sends go to the one before it, so a question looks whether it can be reached again."""
    seen: list[tuple[str, bool]] = []
    clock = HandClock()
    mirrors = Mirrors([A, B], clock, on_seen=lambda mirror, is_up: seen.append((mirror, is_up)))
    mirrors.unreachable(B)
    assert mirrors.next_to_probe() is None
    clock.at += 1.0

    assert mirrors.next() == A
    assert mirrors.next_to_probe() == B
    mirrors.good(B)
    assert mirrors.next_to_probe() is None
    assert seen == [(B, False), (B, True)]


def test_order_and_rotation() -> None:
    """The first mirror comes first; an attempt goes round those it has not tried."""
    mirrors = Mirrors([A, B + "/", A, C], HandClock())

    assert mirrors.bases == (A, B, C)
    assert [mirrors.next(), mirrors.next({A}), mirrors.next({A, B}), mirrors.next({A, B, C})] == [A, B, C, None]


def test_two_unknowns_in_a_row_trip() -> None:
    """One unknown is an accident, two in a row keep sends away until something well-formed comes."""
    mirrors = Mirrors([A, B], HandClock())
    mirrors.unknown(A)
    assert mirrors.next() == A
    mirrors.good(A)
    mirrors.unknown(A)
    assert mirrors.next() == A

    mirrors.unknown(A)
    assert mirrors.next() == B
    assert mirrors.tripped() == (A,)
    mirrors.good(A)
    assert mirrors.next() == A


def test_probe_of_a_tripped_mirror() -> None:
    """A tripped mirror gets one send now and then, more and more seldom, and is never given up."""
    clock = HandClock()
    mirrors = Mirrors([A], clock)
    mirrors.unknown(A)
    mirrors.unknown(A)
    assert mirrors.next() is None
    assert mirrors.wait_s() == FIRST_PROBE_S

    probes = 0
    for _ in range(3600):
        clock.at += 1
        if mirrors.next() is not None:
            assert mirrors.next() is None
            mirrors.unknown(A)
            probes += 1
    assert 5 <= probes <= 20
    clock.at += LAST_PROBE_S
    assert mirrors.next() == A


def test_questions_go_to_a_tripped_mirror() -> None:
    """Asking does no harm, so it may be what finds a mirror well again; a healthy one is asked first."""
    mirrors = Mirrors([A, B], HandClock())
    for _ in range(2):
        mirrors.unknown(A)

    assert mirrors.next_to_ask() == B
    assert mirrors.next_to_ask({B}) == A


def test_probe_by_a_question() -> None:
    """A tripped mirror beside healthy ones can be probed by a question, when its time has come."""
    clock = HandClock()
    mirrors = Mirrors([A, B], clock)
    for _ in range(2):
        mirrors.unknown(A)
    assert mirrors.next_to_probe() is None

    clock.at += FIRST_PROBE_S
    assert mirrors.next() == B
    assert mirrors.next_to_probe() == A
    assert mirrors.next_to_probe() is None
    mirrors.good(A)
    assert mirrors.next() == A


def test_a_mirror_that_refuses_connections_is_left_alone() -> None:
    """After a refused connection the mirror is left alone, longer each time, thirty seconds at most."""
    clock = HandClock()
    mirrors = Mirrors([A, B], clock)
    pauses = []
    for _ in range(10):
        mirrors.unreachable(A)
        assert mirrors.next() == B
        mirrors.unreachable(B)
        assert mirrors.next() is None
        pauses.append(mirrors.wait_s())
        clock.at += mirrors.wait_s()
        assert mirrors.next() == A

    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST_BACK_OFF_S
    mirrors.good(A)
    mirrors.unreachable(A)
    assert mirrors.wait_s() < 1 or mirrors.next() == B


def test_what_is_seen_of_a_mirror_is_told() -> None:
    """Whoever measures hears how each try left a mirror, and nothing of one that nobody has tried."""
    told: list[tuple[str, bool]] = []
    mirrors = Mirrors([A, B], HandClock(), on_seen=lambda mirror, is_up: told.append((mirror, is_up)))
    assert told == []
    for verdict in (mirrors.good, mirrors.unknown, mirrors.unknown, mirrors.good, mirrors.unreachable, mirrors.reached):
        verdict(A + "/")
    mirrors.good("http://stranger")

    assert told == [(A, is_up) for is_up in (True, True, False, True, False, True)]


def test_one_probe_for_many_threads() -> None:
    """Of many threads one gets the probe."""
    clock = HandClock()
    mirrors = Mirrors([A], clock)
    mirrors.unknown(A)
    mirrors.unknown(A)
    clock.at += FIRST_PROBE_S
    got: list[str | None] = []
    threads = [threading.Thread(target=lambda: got.append(mirrors.next())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got, key=str) == [None] * 7 + [A]


def test_a_mirror_that_owes_an_answer_is_not_preferred() -> None:
    """As long as it owes it; it is still used where there is no other."""
    clock = HandClock()
    mirrors = Mirrors([A, B], clock)
    with mirrors.owing(A):
        clock.at += OWING_S
        assert (mirrors.next(), mirrors.has_better(A)) == (A, False)
        clock.at += 0.1
        assert (mirrors.next(), mirrors.next_to_warm(), mirrors.next({B})) == (B, B, A)
        assert (mirrors.has_better(A), mirrors.has_better(B)) == (True, False)
        with mirrors.owing(B):
            clock.at += OWING_S + 0.1
            assert (mirrors.next(), mirrors.has_better(A), mirrors.has_better(B)) == (A, False, True)

    assert (mirrors.next(), mirrors.has_better(A)) == (A, False)


def test_one_that_cannot_be_reached_is_no_better_than_one_that_owes() -> None:
    """Nobody waits for a line that does not open while somebody else tries it."""
    clock = HandClock()
    mirrors = Mirrors([A, B], clock)
    mirrors.are_tried_elsewhere = True
    mirrors.unreachable(B)
    clock.at += LAST_BACK_OFF_S
    with mirrors.owing(A):
        clock.at += OWING_S + 0.1
        assert (mirrors.next(), mirrors.has_better(A)) == (A, False)
