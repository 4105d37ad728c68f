"""Pauses: stops a campaign by itself if its messages fail, or all campaigns if the balance is low."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from decimal import Decimal

from smsq.worker.domain.campaign import GOING
from smsq.worker.domain.stops import Tally, too_bad, too_low
from smsq.worker.ledger.views import CampaignView
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

A_MOMENT_S = 0.001  # the ledger has the time of a pause in whole milliseconds
MOST_KEPT = 600  # tallies of one campaign


class Pauses:
    """Every second."""

    every_s = 1.0

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._tallies: dict[str, deque[Tally]] = {}
        self._resumed: dict[str, float] = {}  # when each was resumed, as the tallies know it
        self._is_first = True

    def tick(self, now: float) -> None:
        """Pause what must not go on, and resume what may again."""
        live = self._rt.views.campaigns(live_only=True)
        self._look_at_balance(live)
        for view in live:
            if view.state in GOING:
                self._look_at_failures(view)
        ids = {view.id for view in live}
        self._tallies = {each: kept for each, kept in self._tallies.items() if each in ids}
        self._is_first = False

    def _look_at_failures(self, view: CampaignView) -> None:
        """Compare the tally with one that is old enough; one that was resumed is judged by what ends from then on."""
        settings = self._rt.settings
        tally = Tally.of(view.statuses)
        kept = self._tallies.setdefault(view.id, deque([tally if self._is_first else Tally()], MOST_KEPT))
        if view.resumed_at != self._resumed.setdefault(view.id, view.resumed_at if self._is_first else 0.0):
            self._resumed[view.id] = view.resumed_at
            kept.clear()
            kept.append(tally)
        if tally != kept[-1]:
            kept.append(tally)
        while len(kept) > 1 and tally.since(kept[1]).ended >= settings.stop_if_bad_of:
            kept.popleft()
        latest = tally.since(kept[0])
        percent = view.stop_if_bad if view.stop_if_bad is not None else settings.stop_if_bad
        if latest.ended < settings.stop_if_bad_of or not _is_left(view):
            return
        found = too_bad(latest, percent)
        if found and self._rt.ledger.pause_itself(view.id, "bad", found):
            log.error("campaign paused by itself campaign=%s why=%s", view.id, found)

    def _look_at_balance(self, live: Sequence[CampaignView]) -> None:
        reserve, funds = reserve_of(self._rt), self._rt.views.funds()
        on_its_way = sum((_on_its_way(view) for view in live), Decimal(0))
        found = too_low(funds.about, reserve, on_its_way) if funds is not None else ""
        for view in live:
            if view.recurring is not None:  # its occurrences are paused: a pause of its own would have them left out
                continue
            if found and view.state in GOING and _is_left(view):
                if self._rt.ledger.pause_itself(view.id, "balance", found):
                    log.error("campaign paused by itself campaign=%s why=%s", view.id, found)
            elif not found and view.state == "paused" and view.why == "balance" and view.auto_resume:
                # Only by a balance that was read since: what is spent meanwhile is an estimate.
                is_new = not reserve or (funds is not None and funds.at >= view.paused_at + A_MOMENT_S)
                if is_new and self._rt.ledger.resume_itself(view.id, "balance"):
                    log.info("campaign goes on by itself campaign=%s", view.id)


def _is_left(view: CampaignView) -> bool:
    """Whether anything could still be kept back."""
    return not view.closed or view.statuses.get("queued", 0) > 0


def _on_its_way(view: CampaignView) -> Decimal:
    """What the messages that are being sent at this moment will cost, by the quoted price of a part; 0 without one."""
    return view.part_price * Decimal(view.statuses.get("sending", 0) * view.parts) / max(1, view.enrolled)


def reserve_of(runtime: Runtime) -> Decimal:
    """What campaigns leave of the balance just now."""
    reserve = runtime.ledger.limits().reserve
    return reserve if reserve is not None else runtime.settings.reserve
