"""Keeps a line open in advance, so that a code does not wait for a handshake.

While codes are sent, and for `warm_s` seconds after the last, one quiet line to the first reachable mirror is kept
ready and opened anew as it grows old; then none is kept. Mirrors that cannot be reached are tried from here, when
their breakers allow, so that no code has to wait for that.
"""

from __future__ import annotations

import threading

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.transports import Transport
from smsq.worker.transports.mirrors import Mirrors

LOOK_EVERY_S = 0.5


class Warmer:
    """Keeps the line of one process ready; with `warm_s` 0 it never does."""

    def __init__(self, transport: Transport, mirrors: Mirrors, warm_s: float, clock: Clock) -> None:
        self._transport = transport
        self._mirrors = mirrors
        self._warm_s = warm_s
        self._clock = clock

    def start(self, stopping: threading.Event) -> None:
        """Call `tick` in a thread of its own until `stopping`."""
        if self._warm_s > 0:
            self._mirrors.are_tried_elsewhere = True
            threading.Thread(target=self._run, args=(stopping,), name="warmer", daemon=True).start()

    def tick(self) -> str | None:
        """Keep the line ready if it is wanted; return the mirror that it leads to, None if there is no line."""
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
