"""A sign of life on the disk of the home: a file that the loop of a process touches once a second.

For probes that must not ask Redis: an outage of Redis is no reason to restart a worker. Processes of one kind and home
share a file, so it says that one of them lives. A disk that cannot be written stops no loop.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = "alive"
EVERY_S = 1.0
FRESH_S = 30.0  # a loop waits for Redis for some seconds, on a busy machine for more


class Alive:
    """The side of the process; `kind` is `scheduler` or `worker-<lane>`."""

    def __init__(self, home: Path, kind: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = home.expanduser().absolute() / FOLDER / kind
        self._monotonic = monotonic
        self._next = float("-inf")

    def beat(self) -> None:
        """Show that the loop turns; never raises."""
        if (now := self._monotonic()) < self._next:
            return
        self._next = now + EVERY_S
        with contextlib.suppress(OSError):
            try:
                os.utime(self._file)
            except FileNotFoundError:
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._file.touch(mode=0o600)

    def beside(self, beat: Callable[[], None]) -> Callable[[], None]:
        """A function that calls `beat` and shows the same here."""

        def both() -> None:
            beat()
            self.beat()

        return both


def silent_s(home: Path, kind: str) -> float | None:
    """For how many seconds a process of this kind has shown no life in this home; None if none ever did."""
    try:
        return max(0.0, time.time() - (home.expanduser() / FOLDER / kind).stat().st_mtime)
    except OSError:
        return None
