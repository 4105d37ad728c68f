"""Calendars of recurring campaigns: every rule, and both changes of the clocks in twelve zones."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.recurrence import Recurrence
from smsq.worker.domain.zones import local_time

ZONES = (
    "UTC", "Europe/Moscow", "Europe/Berlin", "Europe/London", "America/New_York", "America/Santiago", "Asia/Almaty",
    "Asia/Kolkata", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Apia", "+05:45",
)  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def occurrences(written: str, zone: str, days: int = 366, start: float = START) -> list[datetime]:
    calendar, found, at = Recurrence.parse(written, zone), [], start
    while (at := calendar.after(at)) <= start + days * 86_400:
        found.append(local_time(zone, at))
    return found


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("day 10:00", ["01-01T10:00", "01-02T10:00"]),
        ("mon,thu 09:05", ["01-01T09:05", "01-05T09:05", "01-08T09:05"]),
        ("fri-mon 7:00", ["01-02T07:00", "01-03T07:00", "01-04T07:00", "01-05T07:00", "01-09T07:00"]),
        ("month:1 09:00", ["01-01T09:00", "02-01T09:00"]),
        ("month:31 09:00", ["01-31T09:00", "02-28T09:00", "03-31T09:00", "04-30T09:00"]),
        ("month:15,last 00:00", ["01-15T00:00", "01-31T00:00", "02-15T00:00", "02-28T00:00"]),
    ],
)
def test_each_rule_has_its_days(written: str, first: list[str]) -> None:
    """A day that a month does not have is its last."""
    found = [f"{at:%m-%dT%H:%M}" for at in occurrences(written, "Europe/Moscow")]

    assert found[: len(first)] == first
    assert Recurrence.parse(Recurrence.parse(written, "UTC").written, "UTC") == Recurrence.parse(written, "UTC")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("clock", ["00:00", "02:30", "03:00", "23:59"])
def test_a_year_has_each_day_once(zone: str, clock: str) -> None:
    """Whatever the clocks do: none is left out and none comes twice; a skipped time is the moment they go on."""
    found = occurrences(f"day {clock}", zone)
    days = [at.date() for at in found]

    assert days == sorted(set(days))
    assert [b - a for a, b in pairwise(days)] == [timedelta(days=1)] * (len(days) - 1)
    wanted = time.fromisoformat(clock)
    moved = [at for at in found if at.time() != wanted]
    assert len(moved) <= 1
    assert all(timedelta(0) < _after(at, wanted) <= timedelta(hours=1) for at in moved)


def _after(at: datetime, wanted: time) -> timedelta:
    return datetime.combine(at.date(), at.time()) - datetime.combine(at.date(), wanted)


def test_of_a_time_that_comes_twice_the_first_counts() -> None:
    """On 25 October 2026 it is 02:30 twice in Berlin."""
    (at,) = occurrences("day 02:30", "Europe/Berlin", 1, datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp())

    assert (at.utcoffset(), at.astimezone(UTC).isoformat()) == (timedelta(hours=2), "2026-10-25T00:30:00+00:00")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("day", "names no time of day"), ("day 25:00", "a time of day is written like 09:30"),
        ("monday 10:00", "there is no day 'monday'"), ("month:0 10:00", "1 to 31 or last, not '0'"),
        ("month: 10:00", "1 to 31 or last"), ("mon- 10:00", "there is no day 'mon-'"), ("", "names no time of day"),
        ("mon 10:00 sharp", "a time of day"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_named(written: str, said: str) -> None:
    """With examples of what is."""
    with pytest.raises(BadInput, match=said) as error:
        Recurrence.parse(written, "UTC")
    assert "mon,thu 10:00" in error.value.sentence
