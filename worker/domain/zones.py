"""Time zones of recipients: how they are written, and which a country has.

A zone is a name of the IANA's (`Asia/Yekaterinburg`), a distance from UTC (`+05:00`), several of these joined by `&`,
or `all:RU`, every zone of a country. Of several the recipient's is one, nobody knows which: a window is open if it is
open in all of them. `own` is the zone of the machine that decides.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from importlib import resources

import phonenumbers

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.hours import DAY_S, HORIZONS_DAYS, Hours, Offset, Opening, common

OWN = "own"
ALL = "all:"
MOSCOW_H = 3
_DISTANCE = re.compile(r"(?:(?:utc|gmt)|(msk|мск))?\s*([+\-\u2212])\s*(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_MOST_AHEAD, _MOST_BEHIND = timedelta(hours=14), timedelta(hours=-12)
# Zones are one for sending hours if their clocks show the same from 2025 to 2040.
_SAMPLES = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=9 * n, hours=5 * n) for n in range(600)]


def read_zone(written: str) -> str:
    """The zone that a person or a cell means, in one form; raises BadInput.

    >>> read_zone("asia/yekaterinburg"), read_zone("UTC+5"), read_zone("МСК+2"), read_zone("-03:30")
    ('Asia/Yekaterinburg', '+05:00', '+05:00', '-03:30')
    """
    return _read(written)


@lru_cache(maxsize=4096)
def _read(written: str) -> str:
    said = written.strip()
    if (name := _names().get(said.casefold().replace(" ", "_"))) is not None:
        return name
    if said.casefold() in ("msk", "мск"):
        return "Europe/Moscow"
    if found := _DISTANCE.fullmatch(said):
        sign = 1 if found[2] == "+" else -1
        ahead = timedelta(hours=(MOSCOW_H if found[1] else 0) + sign * int(found[3]), minutes=sign * int(found[4] or 0))
        if int(found[4] or 0) < 60 and _MOST_BEHIND <= ahead <= _MOST_AHEAD:
            minutes = int(ahead.total_seconds()) // 60
            return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    raise BadInput(f"there is no time zone {written!r}: write a name such as Asia/Yekaterinburg, or +05:00")


@cache
def _names() -> dict[str, str]:
    return {name.casefold(): name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC"}


@cache
def zones_in(zone: str) -> tuple[str, ...]:
    """The single zones of which this is one."""
    if zone.startswith(ALL):
        return different(_by_country().get(zone.removeprefix(ALL), ()))
    return tuple(zone.split("&"))


@cache
def zone_of_country(country: str) -> str:
    """The zone of a country (two letters): its only one, or `all:…`; '' if the country has none or is not known."""
    zones = different(_by_country().get(country, ()))
    return "" if not zones else zones[0] if len(zones) == 1 else ALL + country


@lru_cache(maxsize=100_000)
def country_of(head: int, digits: int) -> str:
    """The country of phones that begin so and have so many digits; '' if that is not known."""
    number = str(head)
    number += "0" * (digits - len(number))
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse("+" + number)) or _by_code(number)
    except phonenumbers.NumberParseException:
        return ""


def _by_code(number: str) -> str:
    """The country of a number's calling code, if it is of one country alone."""
    for many in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(number[:many]), ())
        if regions:
            return regions[0] if len(regions) == 1 and regions[0] != "001" else ""
    return ""


def different(zones: Sequence[str]) -> tuple[str, ...]:
    """Those of these zones whose clocks differ, the first of equal ones."""
    found: dict[tuple[int, ...], str] = {}
    for zone in zones:
        offset = offset_of(zone)
        found.setdefault(tuple(offset(int(at.timestamp())) for at in _SAMPLES), zone)
    return tuple(found.values())


@cache
def _by_country() -> dict[str, list[str]]:
    """Zones by country, as the IANA's table has them (`zone1970.tab`)."""
    own: dict[str, list[str]] = {}
    shared: dict[str, list[str]] = {}
    table = resources.files("tzdata.zoneinfo").joinpath("zone1970.tab").read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            countries, _, zone = line.split("\t")[:3]
            first, *others = countries.split(",")
            own.setdefault(first, []).append(zone)  # a zone bears the name of a place in the first
            for country in others:
                shared.setdefault(country, []).append(zone)
    return {country: own.get(country, []) + shared.get(country, []) for country in {*own, *shared}}


def offset_of(zone: str) -> Offset:
    """How far the clock of one zone is ahead of UTC."""
    if zone == OWN:
        return lambda at: _seconds(datetime.fromtimestamp(at).astimezone())
    clock = tz_of(zone)
    return lambda at: _seconds(datetime.fromtimestamp(at, clock))


@cache
def tz_of(zone: str) -> tzinfo:
    """One zone for `datetime`; not `own`, which no object names. Raises BadInput if this machine does not know it."""
    if zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])))
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"this machine does not know the time zone {zone}; a newer tzdata may") from None


def _seconds(at: datetime) -> int:
    ahead = at.utcoffset()
    return round(ahead.total_seconds()) if ahead is not None else 0


def openings(window: str, zone: str, since: float) -> list[Opening]:
    """When a window is open in a zone, from `since` (Unix seconds) on: days ahead, [] if it never opens.

    Of an opening that has begun the whole is given. Raises BadInput for a zone that this machine does not know.
    """
    hours, begin = Hours.parse(window), int(since) // DAY_S * DAY_S - DAY_S
    for days in HORIZONS_DAYS:
        until = begin + (days + 1) * DAY_S
        found = common([hours.openings(offset_of(each), begin, until) for each in zones_in(zone)])
        found = [opening for opening in found if opening[1] > since]
        if found:
            return found
    return []


def is_open(window: str, zone: str, at: float) -> bool:
    """Whether a window is open in a zone at `at` (Unix seconds); '' always is."""
    return not window or all(Hours.parse(window).holds(local_time(each, at)) for each in zones_in(zone))


def local_time(zone: str, at: float) -> datetime:
    """What the wall clock of one zone shows."""
    return datetime.fromtimestamp(at).astimezone() if zone == OWN else datetime.fromtimestamp(at, tz_of(zone))


def said(zone: str) -> str:
    """A zone for people.

    >>> said("Asia/Yekaterinburg"), said("all:RU"), said("own")
    ('Yekaterinburg', 'every zone of RU', "this machine's time")
    """
    if zone == OWN:
        return "this machine's time"
    if zone.startswith(ALL):
        return f"every zone of {zone.removeprefix(ALL)}"
    return " and ".join(each.rpartition("/")[2].replace("_", " ") for each in zone.split("&"))
