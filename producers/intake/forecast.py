"""When a campaign would be done, under the limits that are in force; what it assumes is said with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smsq.worker.domain.zones import OWN, openings

ANSWER_S = 0.5  # how long the gateway is taken to need for a request
_FURTHEST_S = 366 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """From when until when it would be sent (Unix seconds); `ends_at` None if that is more than a year away.

    `sending_s` is how long something of it is being sent, and `because` names the limit that decides that.
    """

    begins_at: float
    ends_at: float | None
    sending_s: float
    because: str
    assumed: tuple[str, ...]


def forecast(
    messages: int,
    parts: int,
    *,
    begins_at: float,
    rates: Sequence[tuple[str, float]],
    window: str,
    batch_size: int,
    slots: int,
) -> Forecast:
    """Foretell the end of so many messages; `rates` are limits in parts a second, each with its name.

    `slots` are the requests that may be under way at once for campaigns.
    """
    requests = -(-messages // max(1, batch_size))
    bounds = [(requests * ANSWER_S / max(1, slots), f"{max(1, slots)} requests at once")]
    bounds += [(parts / rate, f"{name} of {rate:g} parts a second") for name, rate in rates if rate > 0]
    sending_s, because = max(bounds)
    assumed = [f"the gateway answers each request in {ANSWER_S:g} s", "nothing else is sent", "workers are up"]
    return Forecast(
        begins_at=_opens(window, begins_at),
        ends_at=_end(window, begins_at, sending_s),
        sending_s=sending_s,
        because=because,
        assumed=tuple(assumed),
    )


def _opens(window: str, at: float) -> float:
    """The next moment at which a window is open; `at` if it never is again."""
    found = openings(window, OWN, at) if window else []
    return max(at, found[0][0]) if found else at


def _end(window: str, at: float, left: float) -> float | None:
    """When so many seconds within a window are over, counted from `at`."""
    if not window:
        return at + left if left <= _FURTHEST_S else None
    latest = at + _FURTHEST_S
    while at < latest:
        found = openings(window, OWN, at)
        if not found:
            return None
        for opens, closes in found:
            begins = max(at, opens)
            if left <= closes - begins:
                return begins + left
            left, at = left - (closes - begins), float(closes)
    return None
