"""Upkeep: late singles end, and what was kept long enough goes."""

from __future__ import annotations

from smsq.worker.ledger.retention import Retention
from smsq.worker.runtime import Runtime

KEPT_LOOK_S = 60.0  # between two looks at campaigns that are over, of which there may be many


class Upkeep:
    """Every second; a little at a time, so that nothing waits behind it."""

    every_s = 1.0

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._retention = Retention(
            runtime.ledger, runtime.views, keep_texts_s=settings.keep_texts_s, keep_days=settings.keep_days
        )
        self._looked_at = float("-inf")

    def tick(self, now: float) -> None:
        """Look at what is over."""
        self._retention.retire()
        if now - self._looked_at >= KEPT_LOOK_S:
            is_more = self._retention.forget_campaigns(now)
            self._looked_at = float("-inf") if is_more else now
        self._retention.end_late()
        self._retention.forget_singles(now)
