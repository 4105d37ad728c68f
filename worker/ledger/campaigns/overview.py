"""All campaigns that are not over at one moment: how many in which state, and what waits to be sent.

Each campaign counts its own messages, so this reads a few numbers for each and looks at no message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from smsq.worker.domain.campaign import GOING, OVER, STANDINGS
from smsq.worker.domain.money import UNITS
from smsq.worker.domain.simulated import CHANNEL as SIMULATED
from smsq.worker.domain.stops import STOPS, stopped_by

FIELDS: Final = (
    "state",
    "why",
    "found",
    "start_at",
    "first_sent_at",
    "every",
    "s:queued",
    "part_price",
    "parts",
    "rows",
    "s:invalid",
    "s:duplicate",
    "left_out",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What campaigns and single messages come to."""

    standings: Mapping[str, int]  # campaigns by state
    stopped: Mapping[str, int]  # those that are paused by themselves, by reason
    queued: Mapping[str, int]  # messages that wait to be sent, by lane
    cost: float | None  # what these are expected to cost; None if that is not known

    @classmethod
    def of(
        cls,
        campaigns: Sequence[Sequence[bytes | None]],
        *,
        singles: Mapping[str, int],
        mean_cost: float | None,
        now_ms: float,
    ) -> Overview:
        """Add up the `FIELDS` of campaigns, and single messages that wait, by lane.

        `mean_cost` is what a message has cost on average: that of a message without a quoted price.
        """
        standings, stopped = Counter(dict.fromkeys(STANDINGS, 0)), Counter(dict.fromkeys(STOPS, 0))
        queued = Counter(singles)
        cost: float | None = _times(sum(singles.values()), mean_cost)
        for raw in campaigns:
            state, why, found, start_at, first_sent_at, every, *numbers = (_text(value) for value in raw)
            waits, part_price, parts, rows, invalid, duplicate, left_out = (float(each or 0) for each in numbers)
            is_ahead = float(start_at or 0) > now_ms and not int(first_sent_at or 0)
            standing = _standing(state, recurs=bool(every), is_ahead=is_ahead)
            if not standing:
                continue
            standings[standing] += 1
            if state == "paused" and (stop := stopped_by(why, found)):
                stopped[stop] += 1
            if every or standing == "cancelled" or not waits:
                continue  # what recurs is sent as other campaigns; what is cancelled will never be
            queued["bulk"] += int(waits)
            each_parts = parts / max(1, rows - invalid - duplicate - left_out)
            own = part_price / UNITS * each_parts if part_price else mean_cost
            more = _times(waits, own)
            cost = None if cost is None or more is None else cost + more
        return cls(standings=standings, stopped=stopped, queued=queued, cost=cost)


def mean_cost(totals: Mapping[str, int]) -> float | None:
    """What an accepted message has cost on average, by the ledger's counters; None until a cost was told."""
    cost = accepted = 0
    for field, value in totals.items():
        name, *labels = field.split(":")
        if name == "cost":
            cost += value
        elif name == "messages" and len(labels) == 3 and labels[2] == "accepted" and labels[1] != SIMULATED:
            accepted += value
    return cost / UNITS / accepted if cost > 0 and accepted > 0 else None


def _standing(state: str, *, recurs: bool, is_ahead: bool) -> str:
    """The word for a campaign's state, as `CampaignView.standing` has it; '' for one that is over or gone."""
    if state not in (*GOING, "paused", "cancelled"):
        return ""
    if recurs and state != "paused":
        return "" if state in OVER else "recurring"
    return "scheduled" if is_ahead and state in GOING else state


def _times(many: float, each: float | None) -> float | None:
    """So many at this price; nothing costs nothing, whatever the price."""
    if not many:
        return 0.0
    return None if each is None else many * each


def _text(value: bytes | None) -> str:
    return value.decode(errors="replace") if value is not None else ""
