"""Forecasts: which limit decides, and when the window lets the rest go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from smsq.producers.intake.forecast import ANSWER_S, Limit, Other, forecast

NOON = datetime(2026, 11, 29, 9, tzinfo=UTC).timestamp()  # a Sunday at 12:00 in Moscow


@pytest.fixture(autouse=True)
def _in_moscow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Moscow")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def told(messages: int = 10_000, parts: int = 20_000, **how: Any) -> tuple[float, float | None, str]:
    """Seconds from noon until it begins and ends, and why."""
    given = {"begins_at": NOON, "limits": (), "window": "", "batch_size": 100, "slots": 7}
    found = forecast(messages, parts, **{**given, **how})
    return found.begins_at - NOON, found.ends_at and found.ends_at - NOON, found.because


@pytest.mark.parametrize(
    ("how", "ends", "because"),
    [
        ({}, 100 * ANSWER_S / 7, "7 requests at once"),
        ({"limits": (Limit("SMSQ_RATE", 0.0),)}, 100 * ANSWER_S / 7, "7 requests at once"),
        ({"limits": (Limit("its rate", 50.0), Limit("SMSQ_RATE", 20.0))}, 1000, "SMSQ_RATE of 20 parts a second"),
        ({"messages": 0, "parts": 0}, 0, "7 requests at once"),
        ({"begins_at": NOON + 60, "messages": 1, "parts": 1}, 60 + ANSWER_S / 7, "7 requests at once"),
    ],
)
def test_the_slowest_limit_decides(how: dict[str, Any], ends: float, because: str) -> None:
    """The lowest rate, or the requests that may run at once."""
    assert told(**how)[1:] == (pytest.approx(ends), because)


@pytest.mark.parametrize(
    ("window", "hours", "begins", "ends"),
    [
        ("9-21", 9, 0, 9),
        ("9-21", 10, 0, 22),  # an hour of it goes on Monday from nine on
        ("14-16", 3, 2, 27),
        ("9-21 not sun", 1, 21, 22),
        ("22-3", 6, 10, 35),
        ("0-24", 30, 0, 30),
    ],
)
def test_a_window_stretches_it_over_days(window: str, hours: float, begins: float, ends: float) -> None:
    """Only open hours count."""
    found = told(window=window, limits=(Limit("rate", 20_000 / (hours * 3600)),))

    assert (found[0] / 3600, found[1] and found[1] / 3600) == (begins, pytest.approx(ends))


def test_more_than_a_year_is_said_so() -> None:
    """Nobody waits for it."""
    assert told(limits=(Limit("rate", 0.0001),))[1] is None
    assert told(limits=(Limit("rate", 0.0005),), window="9-10")[1] is None


def test_what_it_assumes_is_said() -> None:
    """What else is being sent, among others."""
    given: dict[str, Any] = {"begins_at": NOON, "limits": (), "window": "", "batch_size": 100, "slots": 7}

    assert "nothing else is sent" in forecast(1, 1, **given).assumed
    assert "1 other campaign takes its share by weight" in forecast(1, 1, **given, others=(Other(5, 1),)).assumed


@pytest.mark.parametrize(
    ("weight", "others", "ends"),
    [
        (1, (Other(1e9, 1),), 2000),  # half of the rate for as long as both go
        (3, (Other(1e9, 1),), 4 / 3 * 1000),
        (1, (Other(1000, 1),), 1050),  # that one is over soon
        (2, (Other(1e9, 1), Other(2000, 4)), 1600),
    ],
)
def test_others_get_their_share_by_weight(weight: float, others: tuple[Other, ...], ends: float) -> None:
    """Until they have nothing left; a rate of the campaign's own is not shared."""
    shared, own = Limit("SMSQ_RATE", 20.0, others), Limit("its rate", 20.0)

    assert told(limits=(shared,), weight=weight)[1] == pytest.approx(ends)
    assert told(limits=(own,), weight=weight)[1] == pytest.approx(1000)


@pytest.mark.parametrize(
    ("zones", "hours", "begins", "ends"),
    [
        ({"Europe/Moscow": 20_000}, 3, 2, 27),  # as by this machine's clock: two hours on Sunday, one on Monday
        ({"Asia/Omsk": 20_000}, 2, 0, 24),  # there it is 15:00: an hour of it goes at once, one on Monday
        ({"Asia/Vladivostok": 10_000, "Europe/Kaliningrad": 10_000}, 2, 3, 20),
        ({"Asia/Omsk": 10_000, "Asia/Tomsk": 10_000}, 2, 0, 23),
        ({"all:KZ": 20_000}, 1, 0, 1),
    ],
)
def test_each_zone_has_its_own_window(zones: dict[str, float], hours: float, begins: float, ends: float) -> None:
    """From 14 to 16 there; what closes first goes first."""
    found = told(window="14-16", limits=(Limit("rate", 20_000 / (hours * 3600)),), zones=zones)

    assert (found[0] / 3600, found[1] and found[1] / 3600) == (pytest.approx(begins), pytest.approx(ends))
