"""Wind-up: ends what cancelled campaigns still hold, in small portions.

A cancel is one write, and tens of thousands of small batches may follow from it. A portion takes Redis a few
milliseconds, and at most a twentieth of its time goes to portions, however many campaigns were cancelled.
"""

from __future__ import annotations

from smsq.worker.runtime import Runtime

LOOK_S = 0.5  # between two looks for campaigns that were cancelled
ROUND_S = 5.0  # between two rounds through one: batches that were being sent may have come back
BATCHES, MESSAGES = 100, 5000  # at most in one portion: about a millisecond and a half


class WindUp:
    """Twenty times a second while there is something to end."""

    every_s = LOOK_S

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._ids: list[str] = []
        self._looked_at = float("-inf")
        self._turn = 0
        self._not_before: dict[str, float] = {}  # by campaign; by the clock of this process

    def tick(self, now: float) -> None:
        """End one portion of one campaign; the next call takes another campaign."""
        clock = self._rt.clock.monotonic()
        if clock - self._looked_at >= LOOK_S:
            self._looked_at = clock
            self._ids = self._rt.views.cancelled()
            self._not_before = {each: until for each, until in self._not_before.items() if each in self._ids}
        waiting = [each for each in self._ids if self._not_before.get(each, 0.0) <= clock]
        self.every_s = 0.05 if waiting else LOOK_S
        if waiting:
            self._turn += 1
            chosen = waiting[self._turn % len(waiting)]
            if not self._rt.ledger.wind_up(chosen, BATCHES, MESSAGES):
                self._not_before[chosen] = clock + ROUND_S
