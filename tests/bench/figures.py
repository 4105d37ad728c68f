"""What a measurement leaves: rows for the page, each a goal, what was measured, and how far that is from the goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several readings with the least and the greatest."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, readings: Sequence[float]) -> Spread:
        """From the readings of all rounds."""
        return cls(median(readings), min(readings), max(readings))

    def shown(self, unit: str = "") -> str:
        """`1.23 (1.10-1.40) ×`."""
        return f"{number(self.middle)}{unit} ({number(self.least)}-{number(self.most)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One goal: `is_floor` where more is better."""

    what: str
    goal: float
    unit: str
    measured: Spread
    is_floor: bool = True
    note: str = ""

    @property
    def is_met(self) -> bool:
        """By the median."""
        middle = self.measured.middle
        return middle >= self.goal if self.is_floor else middle <= self.goal

    @property
    def wanted(self) -> str:
        """The goal in words."""
        return f"{'≥' if self.is_floor else '≤'} {number(self.goal)}{self.unit}"

    @property
    def distance(self) -> str:
        """`met`, or how much is missing."""
        if self.is_met:
            return "met"
        off = abs(self.measured.middle - self.goal) / self.goal
        return f"missed by {number(abs(self.measured.middle - self.goal))}{self.unit} ({off:.0%})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table under a measurement."""

    head: tuple[str, ...]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One section of the page."""

    name: str
    title: str
    how: str
    verdicts: Sequence[Verdict] = ()
    tables: Sequence[Table] = ()
    readings: dict[str, object] = field(default_factory=dict)  # for `--json`


def number(value: float) -> str:
    """Three digits that matter, thousands set apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
