"""What transports with one connection a line have in common: a good line is kept for the next caller.

Lines are kept by mirror as long as they are quiet and fresh; the newest is given out first.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import Generic, Protocol, TypeVar

from smsq.worker.clock import Clock


class Keepable(Protocol):
    """What the keeping of a line needs of it."""

    mirror: str
    good_until: float  # by the monotonic clock

    def is_quiet(self) -> bool: ...
    def hang_up(self) -> None: ...


L = TypeVar("L", bound=Keepable)


class KeepingTransport(Generic[L]):
    """Opens lines to mirrors, and keeps those that owe no answer for `keep_idle_s` seconds for the next caller.

    A transport says in `_new` how a line is made.
    """

    def __init__(self, keep_idle_s: float, clock: Clock) -> None:
        self._keep_idle_s = keep_idle_s
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, deque[L]] = {}  # by mirror, the newest last
        self._all: weakref.WeakSet[L] = weakref.WeakSet()
        self.used_at = clock.monotonic()  # when a line was last asked for, or the start

    def open(self, mirror: str, timeout_s: float | None = None) -> L:
        """A kept line that is still quiet, else a new one, connected within `timeout_s`; raises Unreachable."""
        self.used_at = self._clock.monotonic()
        return self._quiet(mirror) or self._made(mirror, timeout_s)

    def warm(self, mirror: str) -> None:
        """Keep a quiet line to `mirror` ready for a while longer; raises Unreachable."""
        if self._keep_idle_s <= 0:
            return
        ready = self._quiet(mirror)
        if ready is not None:
            left_s = ready.good_until - self._clock.monotonic()
            self._keep(ready)
            if left_s > self._keep_idle_s / 4:
                return
        self._keep(self._made(mirror, None))

    def reach(self, mirror: str) -> None:
        """Check that `mirror` accepts connections: open a line and keep it for the next send; raises Unreachable."""
        line = self._made(mirror, None)
        if self._keep_idle_s > 0:
            self._keep(line)
        else:
            line.hang_up()

    def close(self) -> None:
        """Close every line; call it when no request is running any more."""
        with self._lock:
            lines = list(self._all)
        for line in lines:
            line.hang_up()

    def _new(self, mirror: str, timeout_s: float | None) -> L:
        """A new line to `mirror`, ready for a send within `timeout_s`; raises Unreachable."""
        raise NotImplementedError

    def _made(self, mirror: str, timeout_s: float | None) -> L:
        line = self._new(mirror, timeout_s)
        with self._lock:
            self._all.add(line)
        return line

    def _quiet(self, mirror: str) -> L | None:
        """Take the newest kept line that is quiet and fresh; close the others on the way."""
        while True:
            with self._lock:
                kept = self._kept.get(mirror)
                if not kept:
                    return None
                line = kept.pop()
            if self._clock.monotonic() < line.good_until and line.is_quiet():
                return line
            line.hang_up()

    def _keep(self, line: L) -> None:
        """Keep a line for the next request, and close those that are too old by now."""
        now = self._clock.monotonic()
        with self._lock:
            kept = self._kept.setdefault(line.mirror, deque())
            kept.append(line)
            old = [kept.popleft() for _ in range(len(kept)) if kept[0].good_until <= now]
        for each in old:
            each.hang_up()
