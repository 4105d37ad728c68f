"""Asks: questions about accepted messages whose final status no callback told, within the gateway's limits."""

from __future__ import annotations

from smsq.worker.runtime import Runtime

AT_ONCE = 40  # batches in one round; a mass question holds `SMSQ_MASS_ASK_SIZE` messages at most
AGAIN_S = 30.0


class Asks:
    """A few times a second. The status lane keeps to the limits, since only it knows what it asked."""

    every_s = 0.5

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def tick(self, now: float) -> None:
        """Hint the batches whose statuses are due, together, so that they share a question."""
        again = min(AGAIN_S, max(self._rt.settings.mass_ask_every_s, 2.0))
        for due, are_urgent in (("asks:urgent", True), ("asks", False)):
            refs = self._rt.ledger.due(due, AT_ONCE, again)
            if refs:
                self._rt.hints.asks(refs, are_urgent=are_urgent)
