"""Cascade: when it is time to look whether a code needs its next channel."""

from __future__ import annotations

from smsq.worker.runtime import Runtime

AT_ONCE = 400  # codes in one round
PILED_UP = 500  # hints that wait: nobody takes them, and more of them would only be in the way of whoever comes


class Cascade:
    """A few times a second; the urgent lane looks, and takes the step."""

    every_s = 0.2

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def tick(self, now: float) -> None:
        """Hint what is due."""
        if self._rt.hints.waiting("urgent") >= PILED_UP:
            return
        due = self._rt.ledger.due_otps(AT_ONCE)
        if due:
            self._rt.hints.steps(due)
