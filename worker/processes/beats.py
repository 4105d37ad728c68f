"""Signs of life that a process gives its supervisor: bytes in a pipe, once a second, from the loop that would hang.

Neither Redis nor the disk nor a clock that both must share is needed for them, so that a ledger that is away and a
disk that is full make nobody look dead. The number of the pipe is in the environment; without a supervisor there is
none, and a beat costs nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, MutableMapping

VARIABLE = "SUPERVISOR_BEATS"  # the number of an inherited descriptor
EVERY_S = 1.0
LONGEST_STEP_S = 1.0  # what a look after a longer pause counts: the listener slept, not the process


class Pulse:
    """A process' own side; `beat` is called from its main loop as often as that likes, and writes once a second."""

    def __init__(self, descriptor: int | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._descriptor = descriptor
        self._monotonic = monotonic
        self._next = float("-inf")

    @classmethod
    def of_process(cls, environ: MutableMapping[str, str]) -> Pulse:
        """That which our environment names; `environ` forgets it, so that no child of ours beats for us."""
        told = environ.pop(VARIABLE, "")
        if not told.isdigit():
            return cls(None)
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(int(told)).st_mode):
                os.set_inheritable(int(told), False)
                return cls(int(told))
        return cls(None)

    def beat(self) -> None:
        """Say that the loop goes round; never waits, never raises."""
        if self._descriptor is None or (now := self._monotonic()) < self._next:
            return
        self._next = now + EVERY_S
        try:
            os.write(self._descriptor, b".")
        except BlockingIOError:
            pass  # it is full: the supervisor sleeps
        except OSError:
            self._descriptor = None  # the supervisor is gone


class Listener:
    """The supervisor's side for one process: `writer` is inherited by it, and closed here once it runs."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reader, self.writer = os.pipe()
        for end in (self._reader, self.writer):
            os.set_blocking(end, False)
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._silent_s: float | None = None

    @property
    def silent_s(self) -> float | None:
        """For how long it was silent while we listened; None if it never beat."""
        return self._silent_s

    def began(self) -> None:
        """The process has its end."""
        os.close(self.writer)
        self.writer = -1

    def listen(self) -> None:
        """Take what came since the last look; time in which nobody looked is not held against the process."""
        now = self._monotonic()
        passed_s, self._looked_at = now - self._looked_at, now
        if self._has_beaten():
            self._silent_s = 0.0
        elif self._silent_s is not None:
            self._silent_s += min(passed_s, LONGEST_STEP_S)

    def excuse(self) -> None:
        """Count its silence from now on: there was a reason for it."""
        if self._silent_s is not None:
            self._silent_s = 0.0

    def close(self) -> None:
        """The process is gone; a second call does nothing."""
        for end in (self._reader, self.writer):
            if end >= 0:
                os.close(end)
        self._reader = self.writer = -1

    def _has_beaten(self) -> bool:
        has_beaten = False
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                has_beaten = True
        return has_beaten
