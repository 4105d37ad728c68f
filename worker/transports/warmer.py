"""A line that is ready before anybody wants it, so that a code pays for no handshake.

While codes come, and for `warm_s` seconds after the last, one quiet line to the first mirror that can be
reached is kept ready and opened anew as it grows old; then the gateway is left alone. Mirrors that cannot
be reached are tried from here, at their breaker's pace, and not by a code that would have to wait.
"""

from __future__ import annotations

import threading

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.transports import Transport
from smsq.worker.transports.mirrors import Mirrors

LOOK_EVERY_S = 0.5


class Warmer:
    """Keeps the line of one process ready; `warm_s` 0 never does."""

    def __init__(self, transport: Transport, mirrors: Mirrors, warm_s: float, clock: Clock) -> None:
        self._transport = transport
        self._mirrors = mirrors
        self._warm_s = warm_s
        self._clock = clock

    def start(self, stopping: threading.Event) -> None:
        """Look from a thread of its own until `stopping`."""
        if self._warm_s > 0:
            self._mirrors.are_tried_elsewhere = True
            threading.Thread(target=self._run, args=(stopping,), name="warmer", daemon=True).start()

    def tick(self) -> str | None:
        """One look: the mirror to which a line is ready now, None if none is or none is wanted."""
        if self._clock.monotonic() - self._transport.used_at >= self._warm_s:
            return None
        tried: set[str] = set()
        while (mirror := self._mirrors.next_to_warm(tried)) is not None:
            try:
                self._transport.warm(mirror)
            except Unreachable:
                self._mirrors.unreachable(mirror)
                tried.add(mirror)
            else:
                self._mirrors.reached(mirror)
                return mirror
        return None

    def _run(self, stopping: threading.Event) -> None:
        while True:
            self.tick()
            if self._clock.wait(LOOK_EVERY_S, stopping):
                return
