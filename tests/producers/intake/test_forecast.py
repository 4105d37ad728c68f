"""Forecasts: which limit decides, and when the window lets the rest go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from smsq.producers.intake.forecast import ANSWER_S, forecast

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
    given = {"begins_at": NOON, "rates": (), "window": "", "batch_size": 100, "slots": 7}
    found = forecast(messages, parts, **{**given, **how})
    return found.begins_at - NOON, found.ends_at and found.ends_at - NOON, found.because


@pytest.mark.parametrize(
    ("how", "ends", "because"),
    [
        ({}, 100 * ANSWER_S / 7, "7 requests at once"),
        ({"rates": (("SMSQ_RATE", 0.0),)}, 100 * ANSWER_S / 7, "7 requests at once"),
        ({"rates": (("its rate", 50.0), ("SMSQ_RATE", 20.0))}, 1000, "SMSQ_RATE of 20 parts a second"),
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
    found = told(window=window, rates=(("rate", 20_000 / (hours * 3600)),))

    assert (found[0] / 3600, found[1] and found[1] / 3600) == (begins, pytest.approx(ends))


def test_more_than_a_year_is_said_so() -> None:
    """Nobody waits for it."""
    assert told(rates=(("rate", 0.0001),))[1] is None
    assert told(rates=(("rate", 0.0005),), window="9-10")[1] is None


def test_what_it_assumes_is_said() -> None:
    """Time zones of recipients too, if the window is theirs."""
    given: dict[str, Any] = {"begins_at": NOON, "rates": (), "batch_size": 100, "slots": 7}
    zoned = forecast(1, 1, **given, window="9-21", is_by_zone=True).assumed

    assert zoned[:-1] == forecast(1, 1, **given, window="9-21").assumed
    assert zoned[-1] == "recipients have this machine's time"
