"""Measures attempts: counts them, and names the batches behind a spike in the log.

`batch` and `id` are on every log line about a batch, so they lead from the line here to all others of its way.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from smsq.worker.domain.lane import SENDING
from smsq.worker.ledger import Claim
from smsq.worker.metrics import host_of
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

SLOW_ANSWER_S: Final = 5.0  # the gateway took so long: a bucket of `smsq_gateway_request_seconds`
EVERY_S: Final = 10.0  # of each kind of slowness one line in so many seconds; the next has the number of those between


class Measures:
    """Of one worker process; thread-safe."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._traces = runtime.traces
        self._lock = threading.Lock()
        self._told: dict[str, tuple[float, int]] = {}  # by kind: when a line was written last, how many were not since

    def answered(self, claim: Claim, mirror: str, outcome: str, took_s: float) -> None:
        """The attempt ended so; `took_s` from the first byte to the end of the answer."""
        self._rt.metrics.request("send", mirror, outcome, took_s)
        if self._traces is not None:
            self._traces.sent(claim, host_of(mirror), outcome, took_s)
        log.debug(
            "attempt ended batch=%s id=%d lane=%s mirror=%s outcome=%s took_s=%.3f",
            claim.ref, claim.gateway_id, claim.lane, host_of(mirror), outcome, took_s,
        )  # fmt: skip
        if took_s > SLOW_ANSWER_S:
            self._warn("answer was slow", claim, f"mirror={host_of(mirror)} outcome={outcome} took_s={took_s:.1f}")

    def doubted(self, claim: Claim, why: str) -> None:
        """The outcome is unknown, for a reason that is a word of the ledger; without receipts it always is at first."""
        level = logging.DEBUG if why == "handed_over" else logging.INFO
        log.log(level, "doubt began batch=%s id=%d why=%s", claim.ref, claim.gateway_id, why)

    def accepted(self, claim: Claim) -> None:
        """The gateway accepted the batch, just now."""
        waited_s = max(0.0, self._rt.clock.now() - claim.enrolled_at)
        self._rt.metrics.accepted(claim.lane, waited_s)
        if waited_s > SENDING[claim.lane].slow_s:
            self._warn("batch was slow", claim, f"waited_s={waited_s:.1f} attempt={claim.attempt}")

    def _warn(self, kind: str, claim: Claim, more: str) -> None:
        now = self._rt.clock.monotonic()
        with self._lock:
            at, hidden = self._told.get(kind, (float("-inf"), 0))
            if now - at < EVERY_S:
                self._told[kind] = at, hidden + 1
                return
            self._told[kind] = now, 0
        log.warning(
            "%s batch=%s id=%d lane=%s %s others=%d", kind, claim.ref, claim.gateway_id, claim.lane, more, hidden
        )
