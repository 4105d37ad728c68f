"""Cascade: hints codes that may need their next channel."""

from __future__ import annotations

from smsq.worker.runtime import Runtime

AT_ONCE = 400  # codes in one round
PILED_UP = 500  # waiting hints: no worker takes them, and more would only delay the next worker


class Cascade:
    """A few times a second. The urgent lane looks at the code and takes the step."""

    every_s = 0.2

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def tick(self, now: float) -> None:
        """Hint the codes that are due."""
        if self._rt.hints.waiting("urgent") >= PILED_UP:
            return
        due = self._rt.ledger.due_otps(AT_ONCE)
        if due:
            self._rt.hints.steps(due)
