"""Upkeep: ends late single messages and removes what was kept long enough."""

from __future__ import annotations

import logging

from smsq.worker.ledger.retention import Retention
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

KEPT_LOOK_S = 60.0  # between two looks at campaigns that are over, of which there may be many
FUNCTIONS_LOOK_S = 86400.0  # between two looks for functions of other versions, from a day after the start


class Upkeep:
    """Every second, a little at a time, so that other duties do not wait."""

    every_s = 1.0

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._ledger = runtime.ledger
        self._retention = Retention(
            runtime.ledger, runtime.views, keep_texts_s=settings.keep_texts_s, keep_days=settings.keep_days
        )
        self._looked_at = float("-inf")
        self._functions_at: float | None = None

    def tick(self, now: float) -> None:
        """Do a portion of the upkeep that is due."""
        self._retention.retire()
        if now - self._looked_at >= KEPT_LOOK_S:
            is_more = self._retention.forget_campaigns(now)
            self._looked_at = float("-inf") if is_more else now
        self._retention.end_late()
        self._retention.forget_singles(now)
        if self._functions_at is None:
            self._functions_at = now + FUNCTIONS_LOOK_S
        if now >= self._functions_at:
            self._functions_at = now + FUNCTIONS_LOOK_S
            self._ledger.forget_places()
            if gone := self._ledger.forget_functions():
                log.info("functions of other versions removed count=%d", len(gone))
