"""Sweeper: hints batches again that were handed out and not claimed, and makes claims of dead workers doubtful."""

from __future__ import annotations

import logging

from smsq.worker.domain.lane import SENDING
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

OWNER_SILENT_S = 3.0  # owners beat once a second; three missed beats make their claims doubtful
FIRST_ASK_S = 0.2  # short, since its worker was silent for long already
FOR_EVER_S = 1e9
GAP_S = 2.0  # between two ticks: after more this process may have been frozen itself


class Sweeper:
    """Every half second."""

    every_s = 0.5

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._heard_at = self._hearing_since = float("-inf")

    def tick(self, now: float) -> None:
        """Hint batches again that are due, and expire claims that are over."""
        most = 4 * self._rt.settings.parallel_sends
        for lane, sends in SENDING.items():
            if self._rt.hints.waiting(lane) >= most:
                continue  # no worker takes hints: more would only delay the next worker
            refs = self._rt.ledger.due(f"ready:{lane}", most, sends.hint_again_s)
            if refs:
                self._rt.hints.batches(lane, refs)
        silent_s = self._silent_s()
        for ref in self._rt.ledger.leases():
            if self._rt.ledger.expire(ref, FIRST_ASK_S, silent_s) == "doubtful":
                log.warning("claim expired batch=%s", ref)

    def _silent_s(self) -> float:
        """The silence that counts against a worker; longer if beats may be missing because Redis was away."""
        now = self._rt.clock.monotonic()
        if now - self._heard_at > GAP_S:
            self._hearing_since = now
        self._heard_at = now
        return OWNER_SILENT_S if now - self._hearing_since >= OWNER_SILENT_S else FOR_EVER_S
