"""History: pages of a thousand rows are the main way to statuses where callbacks do not come."""

from __future__ import annotations

from smsq.worker.runtime import Runtime


class History:
    """Every `SMSQ_HISTORY_EVERY_S` while statuses are missing."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self.every_s = runtime.settings.history_every_s or 3600.0

    def tick(self, now: float) -> None:
        """Ask for the pages where campaigns have accepted or doubtful batches."""
        if not self._rt.settings.history_every_s:
            return
        motion = self._rt.views.in_motion()
        if motion["asks"] + motion["doubt"] > 2:  # one or two batches are asked about by themselves
            self._rt.hints.history()
