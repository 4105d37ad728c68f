"""Heartbeats of a process to its supervisor: bytes in a pipe, once a second, from the loop that could hang.

They need neither Redis nor the disk nor a common clock, so a process does not look dead if the ledger is away or the
disk is full. The number of the pipe is in the environment; without a supervisor there is no pipe. A service manager
(systemd) is told the same in its own way.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, MutableMapping

from smsq.worker.processes.service_manager import ServiceManager

VARIABLE = "SUPERVISOR_BEATS"  # the number of an inherited descriptor
EVERY_S = 1.0
LONGEST_STEP_S = 1.0  # the most that one look counts as silence: in a longer pause the listener slept


class Pulse:
    """The side of the process; its main loop calls `beat` as often as it likes, which writes once a second.

    `manager` is the service manager that started the process, if one did: it hears each beat too.
    """

    def __init__(
        self,
        descriptor: int | None = None,
        manager: ServiceManager | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.manager = manager or ServiceManager(None)
        self._descriptor = descriptor
        self._monotonic = monotonic
        self._next = float("-inf")

    @classmethod
    def of_process(cls, environ: MutableMapping[str, str]) -> Pulse:
        """The pulse of this process, from the environment; removed there, so that no child beats for us."""
        told, manager = environ.pop(VARIABLE, ""), ServiceManager.of_process(environ)
        if not told.isdigit():
            return cls(None, manager)
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(int(told)).st_mode):
                os.set_inheritable(int(told), False)
                return cls(int(told), manager)
        return cls(None, manager)

    def beat(self) -> None:
        """Show that the loop runs; never waits and never raises."""
        self.manager.alive()
        if self._descriptor is None or (now := self._monotonic()) < self._next:
            return
        self._next = now + EVERY_S
        try:
            os.write(self._descriptor, b".")
        except BlockingIOError:
            pass  # the pipe is full: the supervisor is stopped
        except OSError:
            self._descriptor = None  # the supervisor is gone


class Listener:
    """The side of the supervisor, for one process, which inherits `writer`; it is closed here once that runs."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reader, self.writer = os.pipe()
        for end in (self._reader, self.writer):
            os.set_blocking(end, False)
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._silent_s: float | None = None

    @property
    def silent_s(self) -> float | None:
        """Seconds of silence while we listened; None if it never beat."""
        return self._silent_s

    def began(self) -> None:
        """Close our copy of `writer`: the process has its own."""
        os.close(self.writer)
        self.writer = -1

    def listen(self) -> None:
        """Read the beats since the last look; time without looks does not count against the process."""
        now = self._monotonic()
        passed_s, self._looked_at = now - self._looked_at, now
        if self._has_beaten():
            self._silent_s = 0.0
        elif self._silent_s is not None:
            self._silent_s += min(passed_s, LONGEST_STEP_S)

    def excuse(self) -> None:
        """Count its silence from now on, since there was a reason for it."""
        if self._silent_s is not None:
            self._silent_s = 0.0

    def close(self) -> None:
        """Close the pipe; may be called twice."""
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
