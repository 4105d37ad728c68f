"""The forms of `time`, the moment at which the gateway sends (PROTOCOL B.2), and what becomes of them when we accept.

    2111261830, 21.11.26 18:30      a moment in the zone `tz`
    01795262400                     0 and Unix seconds
    +30                             minutes from now
    9-21                            hours of the day in the zone `tz`: at once inside them, else at the next 9 o'clock
    0                               at once

A message may wait here before it leaves. So `+30` and `9-21` count from when it is accepted, and become a moment then:
the gateway would count from when it gets the request.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

LONGEST_DELAY_M = 366 * 24 * 60
MOSCOW_H = 3  # hours from UTC; `tz` counts from there

_STAMP = re.compile(r"0[0-9]{9,10}", re.ASCII)
_LATER = re.compile(r"\+([0-9]{1,6})", re.ASCII)
_WINDOW = re.compile(r"([0-9]{1,2})-([0-9]{1,2})", re.ASCII)
_DIGITS = re.compile(r"[0-9]{10}", re.ASCII)
_DOTTED = re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2} [0-9]{2}:[0-9]{2}", re.ASCII)


def check(value: str) -> str:
    """What is wrong with a `time`, '' for nothing: the gateway would answer error 5 to every message."""
    if value == "0" or _is_moment(value) or _is_delay(value) or _is_window(value):
        return ""
    return (
        "a time is DDMMYYhhmm or 'DD.MM.YY hh:mm', hours of the day such as 9-21, 0 and Unix seconds, "
        "+ and minutes from now, or 0 for at once"
    )


def is_stamp(value: str) -> bool:
    """Whether a `time` can only be Unix seconds, which need no zone: ten digits that begin with 0 may be a day."""
    return len(value) == 11 and _STAMP.fullmatch(value) is not None


def resolved(value: str, now: float, tz: int | None = None) -> str | None:
    """A checked `time` as it is kept: `+30` and `9-21` as a moment; None for at once, if that is so by its hours.

    Hours without a zone are Moscow's: what the account has set is unknown to us.

    >>> resolved("+30", 1_795_262_400.0), resolved("0-24", 1_795_262_400.0), resolved("2111261830", 0.0)
    ('01795264200', None, '2111261830')
    """
    if found := _LATER.fullmatch(value):
        return f"0{int(now) + 60 * int(found[1])}"
    if found := _WINDOW.fullmatch(value):
        here = datetime.fromtimestamp(now, tz=timezone(timedelta(hours=MOSCOW_H + (tz or 0))))
        if int(found[1]) <= here.hour < int(found[2]):
            return None
        opens = here.replace(hour=int(found[1]), minute=0, second=0, microsecond=0)
        return f"0{int((opens if here < opens else opens + timedelta(days=1)).timestamp())}"
    return value


def _is_moment(value: str) -> bool:
    if _STAMP.fullmatch(value) and int(value) < 2**32:
        return True
    form = "%d%m%y%H%M" if _DIGITS.fullmatch(value) else "%d.%m.%y %H:%M" if _DOTTED.fullmatch(value) else ""
    try:
        return bool(form) and datetime.strptime(value, form).replace(tzinfo=UTC).year > 0
    except ValueError:
        return False


def _is_delay(value: str) -> bool:
    found = _LATER.fullmatch(value)
    return found is not None and int(found[1]) <= LONGEST_DELAY_M


def _is_window(value: str) -> bool:
    found = _WINDOW.fullmatch(value)
    return found is not None and 0 <= int(found[1]) < int(found[2]) <= 24
