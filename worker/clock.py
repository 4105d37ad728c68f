"""Time as everything here sees it, so that a test can hold it still."""

from __future__ import annotations

import threading
import time


class Clock:
    """Wall time, monotonic time and waiting; seconds throughout."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """A clock that never jumps, for deadlines and durations."""
        return time.monotonic()

    def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
        """Wait, or until `until` is set; True if it was."""
        if until is not None:
            return until.wait(seconds)
        time.sleep(max(0.0, seconds))
        return False
