"""Sending hours: a window of the day such as 9-21, in this machine's time zone; 0-24 is the whole day."""

from __future__ import annotations

import re
from datetime import datetime

_WINDOW = re.compile(r"([01]?[0-9]|2[0-4])-([01]?[0-9]|2[0-4])")


def is_window(window: str) -> bool:
    """Whether this is a window in which something can be sent.

    >>> is_window("9-21"), is_window("21-6"), is_window("0-24"), is_window("9-9"), is_window("24-0"), is_window("9")
    (True, True, True, False, False, False)
    """
    found = _WINDOW.fullmatch(window)
    if found is None:
        return False
    first, last = int(found[1]), int(found[2])
    return (first, last) == (0, 24) or first % 24 != last % 24


def is_open(window: str, at: float) -> bool:
    """Whether a window is open at `at` (Unix seconds); '' always is."""
    if not window:
        return True
    first, _, last = window.partition("-")
    return within_hours(hour_of(at)[0], int(first), int(last))


def within_hours(hour: int, first: int, last: int) -> bool:
    """Whether an hour of the day lies in a window such as 9-21, or 21-6 over midnight.

    >>> within_hours(8, 9, 21), within_hours(23, 21, 6)
    (False, True)
    """
    return first <= hour < last if first <= last else hour >= first or hour < last


def hour_of(at: float) -> tuple[int, float]:
    """The hour of the day at `at` (Unix seconds), and the seconds until the next begins."""
    local = datetime.fromtimestamp(at).astimezone()
    return local.hour, 3600.0 - local.minute * 60 - local.second - local.microsecond / 1e6
