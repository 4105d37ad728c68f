"""Census: counts the campaigns that are kept, up to a number that is a setting."""

from __future__ import annotations

from smsq.worker.runtime import Runtime


class Census:
    """Ten times a second."""

    every_s = 0.1

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def tick(self, now: float) -> None:
        """Count, and tell how often that was done."""
        self._rt.ledger.census(self._rt.settings.census_most)  # type: ignore[attr-defined]
        self._rt.metrics.counted("campaigns")  # type: ignore[attr-defined]
