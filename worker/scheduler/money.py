"""Money: has the balance read now and then, and often while an empty account halts the bulk lane."""

from __future__ import annotations

from smsq.worker.runtime import Runtime

EVERY_S = 300.0
WHILE_HALTED_S = 15.0


class Money:
    """Every five minutes; every quarter of a minute while there is no money."""

    every_s = WHILE_HALTED_S

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._looked_at = float("-inf")

    def tick(self, now: float) -> None:
        """Hint a look at the balance if it is due."""
        if self._rt.views.halted() == "money" or now - self._looked_at >= EVERY_S:
            self._looked_at = now
            self._rt.hints.balance()
