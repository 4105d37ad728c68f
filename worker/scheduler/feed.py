"""Feed: hand out the next batches of every running campaign, fairly, a small window ahead of the slots."""

from __future__ import annotations

from datetime import UTC, datetime

from worker.domain.batch import Ref
from worker.runtime import Runtime

AHEAD = 4  # hints per slot: enough that no slot waits, few enough that pause and cancel find little in motion
LEAST_AHEAD = 48  # batches ahead where the gateway answers in no time, so that the feed need not be asked too often
EACH = 4  # batches in one hint


class Feed:
    """Every few hundredths of a second: top the window up, one campaign after the other."""

    every_s = 0.02

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._turn = 0

    def tick(self, now: float) -> None:
        """Hand out what fits; `now` in Unix seconds decides about sending hours."""
        running = [each for each in self._rt.views.running() if self._may_send(each, now)]
        self.every_s = 0.02 if running else 0.2
        if not running:
            return
        settings = self._rt.settings
        slots = max(1, settings.parallel_sends - settings.urgent_slots)
        room = max(LEAST_AHEAD, AHEAD * slots) - self._rt.views.in_motion()["ready:bulk"]
        if room <= 0:
            return
        self._turn += 1
        start = self._turn % len(running)
        share = max(1, room // len(running))
        for campaign_id in [*running[start:], *running[:start]]:
            refs, _ = self._rt.ledger.feed(campaign_id, min(share, room), 2 * settings.parallel_sends)
            self._hint(refs, slots)
            room -= len(refs)
            if room <= 0:
                return

    def _hint(self, refs: list[Ref], slots: int) -> None:
        if refs:
            self._rt.hints.batches("bulk", refs, each=EACH if len(refs) >= EACH * slots else 1)

    def _may_send(self, campaign_id: str, now: float) -> bool:
        window = self._rt.ledger.redis.hget(self._rt.ledger.keys.campaign(campaign_id), "window")
        if not window:
            return True
        first, _, last = window.decode().partition("-")
        return within_hours(datetime.fromtimestamp(now, tz=UTC).astimezone().hour, int(first), int(last))


def within_hours(hour: int, first: int, last: int) -> bool:
    """Whether an hour of the day lies in a window such as 9-21, or 21-6 over midnight.

    >>> within_hours(8, 9, 21), within_hours(23, 21, 6)
    (False, True)
    """
    return first <= hour < last if first <= last else hour >= first or hour < last
