"""What a campaign goes by and a person may change while it runs: rate, weight, hours, the failures that pause it."""

from __future__ import annotations

import math

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.hours import Hours

LEAST_WEIGHT, MOST_WEIGHT = 0.01, 1000.0
LEAST_RATE, MOST_RATE = 0.01, 1e6
NONE = ("none", "off")


def rate_of(rate: float | str) -> float:
    """A rate in parts per second; raises BadInput if it is none.

    >>> rate_of("2.5")
    2.5
    """
    number = _number(rate)
    if number is None or not LEAST_RATE <= number <= MOST_RATE:
        raise BadInput(
            f"a rate is a number of parts per second, {LEAST_RATE:g} to {MOST_RATE:.0f}, or `none`, not {rate!r}"
        )
    return number


def weight_of(weight: float | str) -> float:
    """A campaign's share beside others; raises BadInput if it is none."""
    number = _number(weight)
    if number is None or not LEAST_WEIGHT <= number <= MOST_WEIGHT:
        how = "; `smsq campaign pause` stops it" if number == 0 else ""
        raise BadInput(f"a weight is a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}, not {weight!r}{how}")
    return number


def percent_of(share: float | str) -> float:
    """The percentage of failures that pauses a campaign, 0 for never; raises BadInput if it is none.

    >>> percent_of("20%"), percent_of("none")
    (20.0, 0.0)
    """
    if isinstance(share, str) and share in NONE:
        return 0.0
    number = _number(share.removesuffix("%") if isinstance(share, str) else share)
    if number is None or not 1 <= number <= 100:
        raise BadInput(f"a share of failures is 1% to 100%, or `none`, not {share!r}")
    return number


def window_of(window: str) -> str:
    """Sending hours in one form; raises BadInput if they are none."""
    return Hours.parse(window).written


def _number(value: float | str) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None
