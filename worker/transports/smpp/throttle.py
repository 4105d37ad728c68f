"""How long a session pauses after the gateway said that its submits come too often: longer each time."""

from __future__ import annotations

import threading

from smsq.worker.clock import Clock

FIRST_S = 0.25
LAST_S = 8.0
EASE_AFTER = 20  # submits accepted in a row: the next pause is half as long


class Throttle:
    """The pause of one session, shared by all who submit on it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pause_s = FIRST_S
        self._accepted = 0
        self._until = 0.0

    def left_s(self) -> float:
        """Seconds until a submit may be written."""
        return max(0.0, self._until - self._clock.monotonic())

    def throttled(self) -> None:
        """Note a refusal; those of submits that were written before the pause began do not count again."""
        now = self._clock.monotonic()
        with self._lock:
            self._accepted = 0
            if now < self._until:
                return
            self._until = now + self._pause_s
            self._pause_s = min(LAST_S, self._pause_s * 2)

    def accepted(self) -> None:
        """Note an accepted submit."""
        with self._lock:
            self._accepted += 1
            if self._accepted >= EASE_AFTER:
                self._accepted = 0
                self._pause_s = max(FIRST_S, self._pause_s / 2)
