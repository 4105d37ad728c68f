"""Windows: minutes, days left out, clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.hours import Hours, common
from smsq.worker.domain.zones import ALL, is_open, openings, read_zone, zone_of_country, zones_in

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "+05:30")


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("9-21", "9-21"),
        ("09:00-21:00", "9-21"),
        ("9:30-20", "09:30-20:00"),
        ("0-24", "0-24"),
        (" 21 - 6 not sun", "21-6 not sun"),
        ("9-21 not 2026-12-31, Saturday sun", "9-21 not sat,sun,2026-12-31"),
    ],
)
def test_a_window_has_one_form(written: str, same: str) -> None:
    """Which reads as the same window."""
    assert Hours.parse(written).written == same
    assert Hours.parse(same) == Hours.parse(written)


@pytest.mark.parametrize(
    "written", ["", "9", "9-21-22", "24-3", "9-25", "9:60-10", "9-9", "21:00-21", "9-21 not", "9-21 on mon"]
)
def test_what_is_no_window(written: str) -> None:
    """A sentence says what one looks like."""
    with pytest.raises(BadInput, match="window"):
        Hours.parse(written)


@settings(max_examples=200, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    at=st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    first=st.integers(0, 95),
    last=st.integers(0, 95),
    off=st.sampled_from(["", " not sat,sun", " not 2027-03-28,2026-10-25"]),
)
def test_openings_are_what_a_wall_clock_says(zone: str, at: datetime, first: int, last: int, off: str) -> None:
    """At every moment of a fortnight, clock changes among them."""
    if first == last:
        return
    window = f"{first // 4}:{first % 4 * 15:02}-{last // 4}:{last % 4 * 15:02}{off}"
    start = at.replace(tzinfo=UTC, second=0, microsecond=0)
    found = openings(window, zone, start.timestamp())
    for minutes in range(0, 8 * 1440, 37):
        moment = (start + timedelta(minutes=minutes)).timestamp()
        assert any(opens <= moment < closes for opens, closes in found) == is_open(window, zone, moment)


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    """And one that does not come is not."""

    def of(day: datetime) -> list[str]:
        found = openings("02:15-02:45", "Europe/Berlin", day.timestamp())
        return [datetime.fromtimestamp(opens, ZoneInfo("Europe/Berlin")).isoformat()[5:] for opens, _ in found[:3]]

    assert of(datetime(2026, 10, 24, 12, tzinfo=UTC)) == [
        "10-25T02:15:00+02:00",
        "10-25T02:15:00+01:00",
        "10-26T02:15:00+01:00",
    ]
    assert of(datetime(2026, 3, 28, 12, tzinfo=UTC))[0] == "03-30T02:15:00+02:00"


def test_several_zones_are_open_together() -> None:
    """For Russian mobiles 9-21 is two hours; a shorter window never opens for all."""
    found = openings("9-21", "all:RU", datetime(2026, 12, 1, tzinfo=UTC).timestamp())

    assert {closes - opens for opens, closes in found} == {2 * 3600}
    assert openings("9-18", "all:RU", 1_797_000_000.0) == []
    assert common([[(0, 10), (20, 30)], [(5, 25)]]) == [(5, 10), (20, 25)]


@pytest.mark.parametrize(("country", "zones"), [("DE", 1), ("KZ", 1), ("GB", 1), ("RU", 11), ("US", 8), ("XX", 0)])
def test_zones_of_countries(country: str, zones: int) -> None:
    """Zones whose clocks agree are one."""
    zone = zone_of_country(country)
    assert (len(zones_in(zone)) if zone else 0) == zones
    assert zone.startswith(ALL) == (zones > 1)


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("asia/omsk", "Asia/Omsk"),
        ("America/New York", "America/New_York"),
        ("+6", "+06:00"),
        ("GMT-3:30", "-03:30"),
        ("мск-1", "+02:00"),
        ("UTC", "UTC"),
    ],
)
def test_zones_are_read(written: str, zone: str) -> None:
    """As people write them."""
    assert read_zone(written) == zone


@pytest.mark.parametrize("written", ["Omsk", "+15:00", "+6:75", "6", "../../etc/passwd", "EST5EDT+"])
def test_what_is_no_zone(written: str) -> None:
    """A sentence says what one looks like."""
    with pytest.raises(BadInput, match="write a name such as Asia/Yekaterinburg"):
        read_zone(written)
