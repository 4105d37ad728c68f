"""Windows: write down when the sending hours of each campaign are open, in every time zone of its rows.

A claim compares moments of these, so nothing leaves before they are written. They are written days ahead, and anew when
the window or the zones of a campaign change.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.hours import Opening
from smsq.worker.domain.zones import OWN, openings
from smsq.worker.ledger.values import Running
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

AGAIN_S = 86_400.0  # they are written for nine days, and anew every day
CLOSING_S = 5  # seconds before the end of an opening in which nothing begins to leave: a request takes its time
NEVER = ((0, 0),)


class Windows:
    """Twice a second; the feed asks for one campaign at a time."""

    every_s = 0.5

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._known: dict[tuple[str, str], tuple[float, Sequence[Opening]]] = {}  # window, zone: until when, openings

    def tick(self, now: float) -> None:
        """Write down openings that are missing, or soon over."""
        for campaign in self._rt.views.running():
            self.write(campaign, now)
        self._known = {key: found for key, found in self._known.items() if found[0] > now}

    def open_zones(self, campaign: Running, now: float) -> list[int]:
        """The zones of a campaign that are open, the one that closes first before the others; [0] without zones."""
        places = range(max(1, len(campaign.zones)))
        if not campaign.window:
            return list(places)
        zones = campaign.zones or (OWN,)
        found = [(self._until(campaign.window, zones[place], now), place) for place in places]
        return [place for until, place in sorted(found) if until > now]

    def write(self, campaign: Running, now: float) -> bool:
        """Write down its openings, if they are not; return whether it may be fed."""
        if not campaign.window:
            return not campaign.opened or self._rt.ledger.set_openings(campaign, "", [], is_changed=True)
        head = f"{len(campaign.zones)} {campaign.window}"
        until, _, written = campaign.opened.partition(" ")
        if written == head and float(until) > now:
            return True
        found = [self._openings(campaign.window, zone, now) for zone in campaign.zones or (OWN,)]
        is_changed = written.partition(" ")[2] not in ("", campaign.window)
        return self._rt.ledger.set_openings(campaign, f"{now + AGAIN_S:.0f} {head}", found, is_changed=is_changed)

    def _until(self, window: str, zone: str, now: float) -> float:
        """When an opening ends that is going on, 0 if there is none."""
        return next((until for begin, until in self._openings(window, zone, now) if begin <= now < until), 0.0)

    def _openings(self, window: str, zone: str, now: float) -> Sequence[Opening]:
        until, found = self._known.get((window, zone), (0.0, ()))
        if until <= now:
            try:
                found = [(begin, max(begin, end - CLOSING_S)) for begin, end in openings(window, zone, now)] or NEVER
            except BadInput as error:  # written by another version, or the zone is not known here
                log.error("sending hours cannot be kept, so nothing is sent why=%s", error.sentence)
                found = NEVER
            self._known[window, zone] = now + AGAIN_S, found
        return found
