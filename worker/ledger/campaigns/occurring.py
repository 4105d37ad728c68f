"""Campaigns that recur: which are due, and what becomes of an occurrence. The rows stay with the origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smsq.worker.domain.recurrence import Recurrence
from smsq.worker.ledger.orders import SCHEDULER
from smsq.worker.ledger.store import Store, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurring:
    """Where the occurrences of a campaign stand; moments are Unix seconds, `next_at` 0 if there is none to come."""

    calendar: str
    zone: str
    next_at: float
    until: float
    most: int
    occurred: int = 0
    skipped: int = 0
    newest: str = ""  # the campaign of the newest occurrence
    skipped_why: str = ""  # why the newest one that was skipped was

    @property
    def following(self) -> float:
        """The occurrence after the next one, 0 if the next one is the last. Raises BadInput for an unknown zone."""
        if self.most and self.occurred + 1 >= self.most:
            return 0.0
        return self.after(self.next_at)

    def after(self, moment: float) -> float:
        """The first occurrence after a moment, 0 if there is none."""
        found = Recurrence.parse(self.calendar, self.zone).after(moment)
        return 0.0 if self.until and found > self.until else found


def recurring(raw: Mapping[str, str]) -> Recurring | None:
    """What a campaign's hash says of its occurrences, None if it does not recur."""
    if not raw.get("every"):
        return None
    return Recurring(
        calendar=raw["every"],
        zone=raw["every_zone"],
        next_at=int(raw.get("next_at") or 0) / 1000,
        until=int(raw.get("until_at") or 0) / 1000,
        most=int(raw.get("most") or 0),
        occurred=int(raw.get("occurred") or 0),
        skipped=int(raw.get("skipped") or 0),
        newest=raw.get("newest", ""),
        skipped_why=raw.get("skipped_why", ""),
    )


class Occurring(Store):
    """The verbs of occurrences."""

    def due_occurrences(self, now: float) -> list[tuple[str, str]]:
        """Campaigns whose next occurrence is due, with their states; one round trip for all that are live."""
        with translated():
            ids = [raw.decode() for raw in self.redis.zrange(self.key("live"), 0, -1)]
            with self.redis.pipeline(transaction=False) as pipe:
                for campaign_id in ids:
                    pipe.hmget(self.keys.campaign(campaign_id), ["next_at", "state", "closed"])
                rows = pipe.execute() if ids else []
        return [
            (campaign_id, state.decode())
            for campaign_id, (next_at, state, closed) in zip(ids, rows, strict=True)
            if next_at and 0 < int(next_at) <= now * 1000 and closed == b"1"
        ]

    def occur(
        self, campaign_id: str, at: float, following: float, *, made: str = "", why: str = "", missed: int = 0
    ) -> bool:
        """Note that the occurrence at `at` was begun as campaign `made`, or `missed` were skipped and `why`.

        The next one is `following`; 0 ends the campaign. Returns False if that was noted before.
        """
        keys = [self.keys.campaign(campaign_id), self.keys.campaign(campaign_id, "a"), self.key("ready:bulk")]
        told = (
            round(at * 1000),
            round(following * 1000) if following else "",
            "occur" if made else "skip",
            made or why,
            missed,
        )
        return self.call("occur", keys, SCHEDULER, *told)[0] == b"noted"
