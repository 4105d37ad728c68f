"""Doubts: hints doubtful batches that are due for a question, codes first, and ids taken for absent."""

from __future__ import annotations

from smsq.worker.runtime import Runtime

AT_ONCE = 50
AGAIN_S = 5.0  # a question that no worker put is due again


class Doubts:
    """Every quarter of a second."""

    every_s = 0.25

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def tick(self, now: float) -> None:
        """Hint the batches that are due."""
        again_s = AGAIN_S + self._rt.settings.read_timeout_s
        for due, are_urgent in (("doubt:urgent", True), ("doubt", False)):
            refs = self._rt.ledger.due(due, AT_ONCE, again_s)
            if refs:
                self._rt.hints.doubts(refs, are_urgent=are_urgent)
        watched = self._rt.ledger.due("watch", 5, 600.0)
        if watched:
            self._rt.hints.watch(watched)
