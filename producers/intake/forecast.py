"""When a campaign would be done, under the limits that are in force; what it assumes is said with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smsq.worker.domain.hours import Opening
from smsq.worker.domain.zones import OWN, openings

ANSWER_S = 0.5  # how long the gateway is taken to need for a request
_FURTHEST_S = 366 * 86400.0


@dataclass(frozen=True, slots=True)
class Other:
    """Another campaign that is being sent: how many parts it still has, and its weight."""

    parts: float
    weight: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in parts a second, 0 for none; `others` are held by it too, and share it by weight."""

    name: str
    rate: float
    others: tuple[Other, ...] = ()


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
    limits: Sequence[Limit],
    window: str,
    batch_size: int,
    slots: int,
    weight: float = 1.0,
    others: Sequence[Other] = (),
    zones: Mapping[str, float] | None = None,
) -> Forecast:
    """Foretell the end of so many messages.

    `slots` are the requests that may be under way at once for campaigns: `others` share them by weight. `zones` has
    the parts to each time zone, if the window holds in each recipient's own time; what closes first goes first.
    """
    requests = -(-messages // max(1, batch_size))
    busy = requests * ANSWER_S / max(1, slots) * _stretched(parts, weight, others)
    bounds = [(busy, f"{max(1, slots)} requests at once")]
    bounds += [
        (
            parts / limit.rate * _stretched(parts, weight, limit.others),
            f"{limit.name} of {limit.rate:g} parts a second",
        )
        for limit in limits
        if limit.rate > 0
    ]
    sending_s, because = max(bounds)
    beside = (
        f"{len(others)} other {'campaign takes its' if len(others) == 1 else 'campaigns take their'} share by weight"
    )
    assumed = (
        f"the gateway answers each request in {ANSWER_S:g} s",
        beside if others else "nothing else is sent",
        "workers are up",
    )
    needed = {OWN: sending_s}
    if zones:
        needed = {zone: sending_s * some / max(1, parts) for zone, some in zones.items()}
    begins, ends = _walk(window, begins_at, needed)
    return Forecast(begins_at=begins, ends_at=ends, sending_s=sending_s, because=because, assumed=assumed)


def _stretched(parts: float, weight: float, others: Sequence[Other]) -> float:
    """By how much others make so many parts take longer: each gets its share until it has nothing left."""
    if not parts:
        return 1.0
    return 1.0 + sum(min(each.parts, parts * each.weight / weight) for each in others) / parts


def _walk(window: str, at: float, needed: Mapping[str, float]) -> tuple[float, float | None]:
    """When sending begins and when it ends; `needed` are seconds of sending for each zone, within its window."""
    if not window:
        left = sum(needed.values())
        return at, at + left if left <= _FURTHEST_S else None
    zones = {zone: _Hours(window, zone) for zone in needed}
    left_of, latest = dict(needed), at + _FURTHEST_S
    begins: float | None = None
    while at < latest:
        ahead = [(zones[zone].next(at), zone) for zone in left_of]
        to_come = [(opening, zone) for opening, zone in ahead if opening is not None]
        if len(to_come) < len(ahead):
            return begins if begins is not None else at, None  # it never opens again in one of them
        open_now = [(closes, zone) for (opens, closes), zone in to_come if opens <= at]
        later = min((opens for (opens, _), _ in to_come if opens > at), default=latest)
        if not open_now:
            at = later
            continue
        begins = at if begins is None else begins
        closes, zone = min(open_now)
        spent = min(left_of[zone], closes - at, later - at)
        left_of[zone] -= spent
        at += spent
        if left_of[zone] <= 0:
            del left_of[zone]
            if not left_of:
                return begins, at
    return begins if begins is not None else at, None


class _Hours:
    """The openings of a window in one zone, computed as they are needed."""

    def __init__(self, window: str, zone: str) -> None:
        self._window, self._zone = window, zone
        self._ahead: list[Opening] = []

    def next(self, at: float) -> Opening | None:
        """The opening that is going on, or the next one; None if it never opens again. `at` only grows."""
        while self._ahead and self._ahead[0][1] <= at:
            self._ahead.pop(0)
        if not self._ahead:
            self._ahead = [each for each in openings(self._window, self._zone, at) if each[1] > at]
        return self._ahead[0] if self._ahead else None
