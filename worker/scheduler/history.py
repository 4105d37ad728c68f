"""History: pages of a thousand rows, the main source of statuses without callbacks."""

from __future__ import annotations

from smsq.worker.runtime import Runtime


class History:
    """Every `SMSQ_HISTORY_EVERY_S` while statuses are missing."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self.every_s = runtime.settings.history_every_s or 3600.0

    def tick(self, now: float) -> None:
        """Ask for pages if more is missing than two questions can tell: of a campaign, or of several messages."""
        if self._rt.settings.history_every_s and self._rt.views.wants_history():
            self._rt.hints.history()
