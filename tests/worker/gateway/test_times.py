"""Forms of `time`, and what becomes of them when a message is accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.gateway.times import check, is_stamp, resolved

NOON = datetime(2026, 11, 29, 9, 0, tzinfo=UTC).timestamp()  # 12:00 in Moscow
moments = st.integers(1_700_000_000, 2_000_000_000)


def stamp(day: int, hour: int, zone: int = 3) -> str:
    """The moment of an hour in a zone, as it is kept."""
    return f"0{int(datetime(2026, 11, day, hour, 0, tzinfo=timezone(timedelta(hours=zone))).timestamp())}"


@pytest.mark.parametrize(
    ("time", "tz", "kept"),
    [
        ("+30", None, f"0{int(NOON) + 1800}"),
        ("9-21", None, None),
        ("12-13", None, None),
        ("13-14", None, stamp(29, 13)),
        ("9-12", None, stamp(30, 9)),
        ("9-21", 10, stamp(30, 9, 13)),  # 22:00 there
        ("9-21", -4, stamp(29, 9, -1)),  # 8:00 there
        ("0-24", None, None),
        ("0", None, "0"),
        ("2911261830", None, "2911261830"),
        ("29.11.26 18:30", 2, "29.11.26 18:30"),
        ("01795262400", None, "01795262400"),
    ],
)
def test_what_counts_from_now_becomes_a_moment(time: str, tz: int | None, kept: str | None) -> None:
    """Minutes and hours count from when we accept the message, however long it waits here; moments stay as they are."""
    assert kept == resolved(time, NOON, tz)


@given(st.integers(0, 23), st.integers(1, 24), st.integers(-15, 11), moments)
def test_hours_are_kept_wherever_they_are(first: int, last: int, tz: int, now: int) -> None:
    """At once inside them, else at their beginning, within a day."""
    if first >= last:
        return
    here = timezone(timedelta(hours=3 + tz))
    kept = resolved(f"{first}-{last}", now, tz)

    if kept is None:
        assert first <= datetime.fromtimestamp(now, tz=here).hour < last
    else:
        opens = datetime.fromtimestamp(int(kept), tz=here)
        assert (opens.hour, opens.minute, opens.second) == (first, 0, 0)
        assert 0 < int(kept) - now <= 86_400
        assert is_stamp(kept)


@given(st.text("0123456789+-.: ", max_size=16), moments)
def test_what_is_a_time_stays_one(time: str, now: int) -> None:
    """What passes the check passes it again as it is kept."""
    if not check(time):
        kept = resolved(time, now)
        assert kept is None or not check(kept)


def test_a_day_is_not_taken_for_seconds() -> None:
    """Ten digits that begin with 0 are the first of the month, and need their zone."""
    assert not is_stamp("0112261830")
    assert is_stamp("01795262400")
