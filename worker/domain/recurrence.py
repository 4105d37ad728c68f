"""When a campaign recurs: days of the week or of the month, at a time of day, in a time zone.

`day 10:00`, `mon,thu 10:00`, `mon-fri 09:30`, `month:1 09:00`, `month:1,15 09:00`, `month:last 18:00`. A day that a
month does not have is its last one. Each day has one occurrence at most: a time that the clocks skip is the moment at
which they go on (02:30 becomes 03:30), and of one that they show twice the first counts.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.zones import tz_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LAST = 32  # the day of the month that is its last
_LONGEST_DAYS = 64  # from any day to the next one of any rule
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_HELP = "such as 'day 10:00', 'mon,thu 10:00', 'mon-fri 09:30', 'month:1 09:00' or 'month:last 18:00'"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A calendar: `weekdays` from 0 for Monday, or days of the month in `monthdays`; exactly one of them is empty."""

    weekdays: frozenset[int]
    monthdays: frozenset[int]
    at: time
    zone: str

    @classmethod
    def parse(cls, written: str, zone: str, at: time | None = None) -> Recurrence:
        """Read `mon,thu 10:00` for a time zone; `at` is the time of day if none is written. Raises BadInput.

        >>> Recurrence.parse("Thu,mon 9:00", "Europe/Moscow").written
        'mon,thu 09:00'
        """
        days, _, told = " ".join(written.lower().split()).partition(" ")
        if told:
            found = _TIME.fullmatch(told)
            if found is None:
                raise BadInput(f"a time of day is written like 09:30, not {told!r}; a recurrence is written {_HELP}")
            at = time(int(found[1]), int(found[2]))
        if at is None:
            raise BadInput(f"{written!r} names no time of day: write one, {_HELP}, or give --at with the first moment")
        tz_of(zone)
        if days.startswith("month:"):
            return cls(frozenset(), frozenset(map(_month_day, days.removeprefix("month:").split(","))), at, zone)
        if days == "day":
            return cls(frozenset(range(7)), frozenset(), at, zone)
        found_days = [day for word in days.split(",") for day in _week_days(word)]
        return cls(frozenset(found_days), frozenset(), at, zone)

    @property
    def written(self) -> str:
        """The same in one form."""
        told = f"{self.at:%H:%M}"
        if self.monthdays:
            return f"month:{','.join('last' if day == LAST else str(day) for day in sorted(self.monthdays))} {told}"
        if len(self.weekdays) == 7:
            return f"day {told}"
        return f"{','.join(DAYS[day] for day in sorted(self.weekdays))} {told}"

    def after(self, moment: float) -> float:
        """The first occurrence after a moment, both in Unix seconds."""
        zone = tz_of(self.zone)
        first = datetime.fromtimestamp(moment, zone).date() - timedelta(days=1)
        for ahead in range(_LONGEST_DAYS):
            day = first + timedelta(days=ahead)
            if self._holds(day):
                found = datetime.combine(day, self.at, zone).timestamp()
                if found > moment:
                    return found
        raise AssertionError("every rule has a day within two months")

    def _holds(self, day: date) -> bool:
        if self.weekdays:
            return day.weekday() in self.weekdays
        last = monthrange(day.year, day.month)[1]
        return day.day in self.monthdays or (day.day == last and any(each > last for each in self.monthdays))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A campaign that recurs: its calendar, and its end. Moments are Unix seconds.

    No occurrence is later than `until`, and there are `most` at most; None for no such end.
    """

    calendar: Recurrence
    next_at: float
    until: float | None = None
    most: int | None = None

    def first(self, now: float) -> float:
        """The first occurrence from now on that is not before `next_at`."""
        return self.calendar.after(max(now, self.next_at - 1))


def _month_day(word: str) -> int:
    if word == "last":
        return LAST
    if not word.isdecimal() or not 1 <= int(word) <= 31:
        raise BadInput(f"a day of the month is 1 to 31 or last, not {word!r}; a recurrence is written {_HELP}")
    return int(word)


def _week_days(word: str) -> list[int]:
    first, dash, last = word.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise BadInput(f"there is no day {word!r}: days are {', '.join(DAYS)}; a recurrence is written {_HELP}")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]
