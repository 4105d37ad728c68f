"""Sending hours: a window of the day such as `9-21` or `09:30-20:00 not sat,sun,2026-12-31`, in local wall time.

`0-24` is the whole day; `21-6` goes over midnight. A day that is left out is left out from midnight to midnight. Local
time decides: an hour that a clock change leaves out never comes, one that it repeats is open, or closed, both times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from smsq.worker.domain.errors import BadInput

Opening = tuple[int, int]  # Unix seconds: from, until
Offset = Callable[[int], int]  # Unix seconds -> seconds that the wall clock is ahead of UTC

DAY_S = 86_400
WEEK_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_DAYS_OFF = 400  # dates that a window leaves out
HORIZONS_DAYS = (9, 40, 800)  # so far openings are looked for; further if there are none
_STEP_S = 6 * 3600  # two clock changes of a zone are further apart
_TIME = r"(\d{1,2})(?::(\d{2}))?"
_WINDOW = re.compile(rf"\s*{_TIME}\s*-\s*{_TIME}\s*(?:not\s+(.+))?", re.IGNORECASE | re.ASCII)
WHAT_IT_IS = (
    "a window is two times of the day, such as 9-21, 09:30-20:00, or 0-24 for all of it; days may be left out: "
    "'9-21 not sat,sun,2026-12-31'"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """A window: minutes of the day from and until, and the days on which it stays closed."""

    first: int
    last: int
    week_days_off: frozenset[int] = frozenset()  # 0 is Monday
    dates_off: frozenset[date] = frozenset()

    @classmethod
    def parse(cls, written: str) -> Hours:
        """The window that is meant; raises BadInput for what is none, and for one that never opens.

        >>> Hours.parse("9:30-20 not Sat, sun").written
        '09:30-20:00 not sat,sun'
        """
        return _parse(written)

    @property
    def written(self) -> str:
        """The same in one form."""
        whole = self.first % 60 == 0 and self.last % 60 == 0
        times = (f"{at // 60}" if whole else f"{at // 60:02}:{at % 60:02}" for at in (self.first, self.last))
        off = [WEEK_DAYS[day] for day in sorted(self.week_days_off)]
        off += [each.isoformat() for each in sorted(self.dates_off)]
        return "-".join(times) + (f" not {','.join(off)}" if off else "")

    def holds(self, local: datetime) -> bool:
        """Whether it is open at this time of a wall clock."""
        minute = local.hour * 60 + local.minute
        return self._is_day(local.date()) and any(first <= minute < last for first, last in self._pieces)

    def openings(self, offset: Offset, since: int, until: int) -> list[Opening]:
        """When it is open from `since` on (Unix seconds), for a wall clock that is so far ahead of UTC."""
        found: list[Opening] = []
        for start, end, ahead in _steady(offset, since, until):
            for first, last in self._by_wall(start + ahead, end + ahead):
                if found and found[-1][1] == first - ahead:
                    found[-1] = found[-1][0], last - ahead
                else:
                    found.append((first - ahead, last - ahead))
        return found

    def _by_wall(self, start: int, end: int) -> Iterator[Opening]:
        """The same by a wall clock that does not change between, both in its own seconds since 1970."""
        for day in range(start // DAY_S, -(-end // DAY_S)):
            if self._is_day(date(1970, 1, 1) + timedelta(days=day)):
                for first, last in self._pieces:
                    opens, closes = max(start, day * DAY_S + first * 60), min(end, day * DAY_S + last * 60)
                    if opens < closes:
                        yield opens, closes

    def _is_day(self, day: date) -> bool:
        return day.weekday() not in self.week_days_off and day not in self.dates_off

    @property
    def _pieces(self) -> Sequence[tuple[int, int]]:
        """The pieces of one day, in minutes."""
        if self.first < self.last:
            return ((self.first, self.last),)
        return tuple(piece for piece in ((0, self.last), (self.first, 24 * 60)) if piece[0] < piece[1])


@lru_cache(maxsize=256)
def _parse(written: str) -> Hours:
    found = _WINDOW.fullmatch(written)
    if found is None:
        raise BadInput(f"{WHAT_IT_IS}; not {written!r}")
    first, last = (int(found[at]) * 60 + int(found[at + 1] or 0) for at in (1, 3))
    if first >= 24 * 60 or last > 24 * 60 or int(found[2] or 0) > 59 or int(found[4] or 0) > 59:
        raise BadInput(f"{WHAT_IT_IS}; not {written!r}")
    if first == last % (24 * 60) and (first, last) != (0, 24 * 60):
        raise BadInput(f"the window {written} never opens: it ends when it begins; 0-24 is the whole day")
    hours = Hours(first, last, *days_off(found[5] or ""))
    if len(hours.week_days_off) == len(WEEK_DAYS):
        raise BadInput(f"the window {written} never opens: it leaves out all seven days of the week")
    return hours


def days_off(written: str) -> tuple[frozenset[int], frozenset[date]]:
    """The week-days and dates in a list such as `sat,sun,2026-12-31`; raises BadInput."""
    week_days, dates = set[int](), set[date]()
    for each in filter(None, re.split(r"[,\s]+", written.strip().lower())):
        if each[:3] in WEEK_DAYS and f"{_LONG[WEEK_DAYS.index(each[:3])]}day".startswith(each):
            week_days.add(WEEK_DAYS.index(each[:3]))
            continue
        try:
            dates.add(date.fromisoformat(each))
        except ValueError:
            raise BadInput(
                f"a day to leave out is a day of the week such as sat, or a date such as 2026-12-31; not {each!r}"
            ) from None
    if len(dates) > MOST_DAYS_OFF:
        raise BadInput(f"a window leaves out at most {MOST_DAYS_OFF} dates, not {len(dates)}")
    return frozenset(week_days), frozenset(dates)


_LONG = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")


def _steady(offset: Offset, since: int, until: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of time in which a clock is not changed, each with its distance from UTC."""
    begun, ahead = since, offset(since)
    for here, there in pairwise([*range(since, until, _STEP_S), until]):
        if offset(there) != ahead:
            while there - here > 1:
                middle = (here + there) // 2
                here, there = (middle, there) if offset(middle) == ahead else (here, middle)
            yield begun, there, ahead
            begun, ahead = there, offset(there)
    yield begun, until, ahead


def common(openings: Sequence[Sequence[Opening]]) -> list[Opening]:
    """When all of them are open."""
    first, *others = openings
    found = list(first)
    for other in others:
        both: list[Opening] = []
        a = b = 0
        while a < len(found) and b < len(other):
            opens, closes = max(found[a][0], other[b][0]), min(found[a][1], other[b][1])
            if opens < closes:
                both.append((opens, closes))
            a, b = (a + 1, b) if found[a][1] < other[b][1] else (a, b + 1)
        found = both
    return found
