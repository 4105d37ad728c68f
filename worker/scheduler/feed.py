"""Feed: hand out the next batches of every running campaign, by weight, a small window ahead of the slots."""

from __future__ import annotations

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.standing import blind_limit
from smsq.worker.ledger.values import Running
from smsq.worker.runtime import Runtime
from smsq.worker.scheduler.shares import Shares
from smsq.worker.scheduler.windows import Windows

LEAST_AHEAD = 4  # batches per slot: enough that no slot waits
MOST_AHEAD = 192  # batches: a second campaign waits for them; pause and cancel do not, since a claim looks again
AHEAD_S = 0.5  # of sending at the present pace, so that a top-up is worth a round trip
MOST_EACH = 16  # batches in one hint
HINT_S = 0.15  # a hint is work for one thread for about so long
TURNS = 16  # into which the room of a top-up is cut at most: so often campaigns take turns in it
SMOOTH = 0.3  # weight of the newest reading of the pace


class Feed:
    """Every few hundredths of a second: fill the window up, campaigns in turn."""

    every_s = 0.02

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._shares = Shares()
        self._windows = Windows(runtime)
        self._waiting, self._at = 0, 0.0  # what the last tick left, and when
        self._pace = 0.0  # batches that leave in a second

    def tick(self, now: float) -> None:
        """Hand out as many batches as fit; `now` (Unix seconds) decides about sending hours."""
        running = [each for each in self._rt.views.running() if not each.is_fed and self._windows.write(each, now)]
        zones = self._with_open_zones(running, now)
        ready = [each for each in running if each.id in zones]
        self.every_s = 0.02 if ready else 0.1
        if not ready:
            return
        settings = self._rt.settings
        slots = max(1, settings.parallel_sends - settings.urgent_slots)
        waiting = self._rt.ledger.handed_out()
        self._learn(waiting)
        window = max(LEAST_AHEAD * slots, min(MOST_AHEAD, round(AHEAD_S * self._pace)))
        if waiting <= window // 2:
            self._top_up(ready, zones, window - waiting, slots)

    def _learn(self, waiting: int) -> None:
        now = self._rt.clock.monotonic()
        if self._waiting and now > self._at:
            left = max(0, self._waiting - waiting) / (now - self._at)
            self._pace += SMOOTH * (left - self._pace)
        self._waiting, self._at = waiting, now

    def _with_open_zones(self, running: list[Running], now: float) -> dict[str, list[int]]:
        """The ids of campaigns that have something to hand out now, each with the zones to take it from."""
        found = {}
        for campaign in running:
            if campaign.moment is not None and campaign.moment <= now:
                self._rt.ledger.move_due(campaign.id, len(campaign.zones))  # the next tick hands them out
            zones = self._windows.open_zones(campaign, now)
            if campaign.zones:
                zones = [zone for zone in zones if campaign.waiting[zone : zone + 1] > (0,)]
            if zones or (campaign.zones and campaign.has_back):
                found[campaign.id] = zones if campaign.zones else []
        return found

    def _top_up(self, running: list[Running], zones: dict[str, list[int]], room: int, slots: int) -> None:
        """Share the room among campaigns by weight; others get what one cannot take."""
        blind = blind_limit(self._rt.settings.parallel_sends)
        turn = max(1, room // TURNS) if len(running) > 1 else room
        hungry = list(running)
        self._shares.join(running)
        while room > 0 and hungry:
            chosen = self._shares.next(hungry)
            wanted = min(turn, room)
            refs, why = self._rt.ledger.feed(chosen.id, wanted, blind, zones[chosen.id])
            if "awake" not in why:
                self._hint(refs, slots)
            self._shares.hand_out(chosen, len(refs))
            self._waiting += len(refs)
            room -= len(refs)
            if len(refs) < wanted or "rate" in why:
                hungry.remove(chosen)

    def _hint(self, refs: list[Ref], slots: int) -> None:
        if refs:
            each = min(MOST_EACH, round(HINT_S * self._pace / slots), len(refs) // slots)
            self._rt.hints.batches("bulk", refs, each=max(1, each))
