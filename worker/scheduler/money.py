"""Money: has the balance read now and then, and often while an empty account or a low balance keeps campaigns back."""

from __future__ import annotations

from smsq.worker.runtime import Runtime
from smsq.worker.scheduler.pauses import reserve_of

EVERY_S = 300.0
WITH_RESERVE_S = 60.0  # while campaigns run against a reserve: what they spend meanwhile is known by their answers
WHILE_HALTED_S = 15.0


class Money:
    """Every five minutes, or one if a reserve is kept; every quarter of a minute while money keeps campaigns back."""

    every_s = WHILE_HALTED_S

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._looked_at = float("-inf")

    def tick(self, now: float) -> None:
        """Hint a look at the balance if it is due."""
        if self._is_missing() or now - self._looked_at >= self._every_s():
            self._looked_at = now
            self._rt.hints.balance()

    def _is_missing(self) -> bool:
        """Whether a top-up would let something go."""
        return self._rt.views.halted() == "money" or any(
            view.state == "paused" and view.why == "balance" for view in self._rt.views.campaigns(live_only=True)
        )

    def _every_s(self) -> float:
        return WITH_RESERVE_S if reserve_of(self._rt) else EVERY_S
