"""Answers: has what people wrote back read now and then, for those who opt out."""

from __future__ import annotations

from smsq.worker.runtime import Runtime

NEVER_S = 3600.0


class Answers:
    """Every `SMSQ_ANSWERS_EVERY_S`, whichever scheduler leads; the first time so long after the ledger's begin."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self.every_s = min(runtime.settings.answers_every_s, 30.0) or NEVER_S

    def tick(self, now: float) -> None:
        """Hint a look if one is due."""
        every_s = self._rt.settings.answers_every_s
        if every_s and self._rt.ledger.are_answers_due(now, every_s):
            self._rt.hints.answers()
