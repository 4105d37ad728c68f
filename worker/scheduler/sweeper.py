"""Sweeper: brings back what was handed out and not claimed, and doubts what its worker left behind."""

from __future__ import annotations

import logging

from smsq.worker.domain.lane import SENDING
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

OWNER_SILENT_S = 3.0  # owners beat once a second; three missed beats make their claims doubtful
FIRST_ASK_S = 0.2  # its worker has been silent for long enough
FOR_EVER_S = 1e9
GAP_S = 2.0  # between two ticks, from which on we ourselves may have been deaf


class Sweeper:
    """Every half second."""

    every_s = 0.5

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._heard_at = self._hearing_since = float("-inf")

    def tick(self, now: float) -> None:
        """Hint again what is due, expire what is over."""
        most = 4 * self._rt.settings.parallel_sends
        for lane, sends in SENDING.items():
            if self._rt.hints.waiting(lane) >= most:
                continue  # nobody takes them: more of them would only be in the way of whoever comes
            refs = self._rt.ledger.due(f"ready:{lane}", most, sends.hint_again_s)
            if refs:
                self._rt.hints.batches(lane, refs)
        silent_s = self._silent_s()
        for ref in self._rt.ledger.leases():
            if self._rt.ledger.expire(ref, FIRST_ASK_S, silent_s) == "doubtful":
                log.warning("claim expired batch=%s", ref)

    def _silent_s(self) -> float:
        """How long a worker's silence counts: not while beats may be missing because Redis was away for all of us."""
        now = self._rt.clock.monotonic()
        if now - self._heard_at > GAP_S:
            self._hearing_since = now
        self._heard_at = now
        return OWNER_SILENT_S if now - self._hearing_since >= OWNER_SILENT_S else FOR_EVER_S
