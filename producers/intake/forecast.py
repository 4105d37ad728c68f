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
    is_by_zone: bool = False,
) -> Forecast:
    """Foretell the end of so many messages; `rates` are limits in parts a second, each with its name.

    `slots` are the requests that may be under way at once for campaigns. With `is_by_zone` the window holds in each
    recipient's own time, which moves the end by the distance of their zones from here.
    """
    requests = -(-messages // max(1, batch_size))
    bounds = [(requests * ANSWER_S / max(1, slots), f"{max(1, slots)} requests at once")]
    bounds += [(parts / rate, f"{name} of {rate:g} parts a second") for name, rate in rates if rate > 0]
    sending_s, because = max(bounds)
    assumed = [f"the gateway answers each request in {ANSWER_S:g} s", "nothing else is sent", "workers are up"]
    if window and is_by_zone:
        assumed.append("recipients have this machine's time")
    return Forecast(
        begins_at=_opens(window, begins_at),
        ends_at=_end(window, begins_at, sending_s),
        sending_s=sending_s,
        because=because,
        assumed=tuple(assumed),
    )


def _opens(window: str, at: float) -> float:
    """The next moment at which a window is open; `at` if it never opens again."""
    return max(at, next((opens for opens, _ in openings(window, OWN, at)), at)) if window else at


def _end(window: str, at: float, left: float) -> float | None:
    """When so many seconds within a window are over, counted from `at`."""
    if not window:
        return at + left if left <= _FURTHEST_S else None
    latest = at + _FURTHEST_S
    while at < latest and (ahead := openings(window, OWN, at)):
        for opens, closes in ahead:
            at = max(at, opens)
            if left <= closes - at:
                return at + left
            left -= closes - at
            at = closes
    return None
