"""A cap: how many messages of campaigns may go to one recipient in a day and in a week."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from smsq.worker.domain.errors import BadInput

WEEK_DAYS: Final = 7
MOST: Final = 10_000
_PART = re.compile(r"(\d{1,5})\s*/\s*(d|day|w|week)")


@dataclass(frozen=True, slots=True)
class Cap:
    """Most messages in a day and in a week; 0 for no limit. Days are those of UTC, a week is today and six before."""

    day: int = 0
    week: int = 0

    @classmethod
    def parse(cls, written: str) -> Cap:
        """Read `3/day,10/week`, either part alone, or `none`; raises BadInput.

        >>> Cap.parse("3/day, 10/week"), Cap.parse("2/w"), Cap.parse("none")
        (Cap(day=3, week=10), Cap(day=0, week=2), Cap(day=0, week=0))
        """
        told = written.strip().lower()
        if told in ("none", "0"):
            return NO_CAP
        found = [_PART.fullmatch(each.strip()) for each in told.split(",")]
        parts = {each[2][0]: int(each[1]) for each in found if each}
        if len(parts) != len(found) or not all(1 <= many <= MOST for many in parts.values()):
            raise BadInput(
                f"a cap is a number of messages in a day, in a week, or both, such as 3/day,10/week, or none; not "
                f"{written!r}"
            )
        day, week = parts.get("d", 0), parts.get("w", 0)
        if day and week and day > week:
            raise BadInput(f"a cap of {day} in a day is never reached with {week} in a week: give the smaller first")
        return cls(day, week)

    @property
    def is_none(self) -> bool:
        """Whether it limits nothing."""
        return not (self.day or self.week)

    def with_other(self, other: Cap) -> Cap:
        """What keeps to both."""
        return Cap(_least(self.day, other.day), _least(self.week, other.week))

    def __str__(self) -> str:
        said = [f"{self.day}/day"] if self.day else []
        said += [f"{self.week}/week"] if self.week else []
        return ",".join(said) or "none"


NO_CAP: Final = Cap()


def _least(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other
