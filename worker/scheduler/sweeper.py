"""Sweeper: brings back what was handed out and not claimed, and doubts what its worker left behind."""

from __future__ import annotations

import logging

from worker.ledger.enrolment import HINT_AGAIN_MS
from worker.ledger.keys import LANES
from worker.runtime import Runtime

log = logging.getLogger(__name__)

OWNER_SILENT_S = 3.0  # owners beat once a second; three missed beats make their claims doubtful
FIRST_ASK_S = 1.0


class Sweeper:
    """Every half second."""

    every_s = 0.5

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def tick(self, now: float) -> None:
        """Hint again what is due, expire what is over."""
        settings = self._rt.settings
        for lane in LANES:
            refs = self._rt.ledger.due(f"ready:{lane}", 4 * settings.parallel_sends, HINT_AGAIN_MS[lane] / 1000)
            if refs:
                self._rt.hints.batches(lane, refs)
        for ref in self._rt.ledger.leases():
            if self._rt.ledger.expire(ref, FIRST_ASK_S, OWNER_SILENT_S) == "doubtful":
                log.warning("claim expired batch=%s", ref)
