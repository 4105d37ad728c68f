"""What a process tells the service manager that started it (systemd, `Type=notify`), as sd_notify(3) describes it.

A datagram to the socket that `NOTIFY_SOCKET` names: that the process works, that it still does, that it is stopping.
Without that variable nothing is said. Here is never a wait: a manager that does not read is not waited for.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, MutableMapping

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
EVERY_S = 1.0
START_MAY_TAKE_S = 30  # from each sign of life during a start; without one for so long, the manager ends the process


class ServiceManager:
    """The service manager of this process; `address` None: there is none. Its methods never raise and never wait.

    Thread-safe, except that two threads may say the same thing twice.
    """

    def __init__(self, address: str | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._monotonic = monotonic
        self._next = float("-inf")
        self._is_ready = self._is_stopping = False

    @classmethod
    def of_process(cls, environ: MutableMapping[str, str]) -> ServiceManager:
        """From the environment; removed there, so that no child speaks for us."""
        told = {name: environ.pop(name, "") for name in VARIABLES}
        address = told["NOTIFY_SOCKET"]
        if not address.startswith(("/", "@")):
            return cls(None)
        return cls("\0" + address[1:] if address.startswith("@") else address)

    def ready(self, status: str = "") -> None:
        """The process can work now; said once."""
        if not self._is_ready:
            self._is_ready = True
            self._say("READY=1", f"STATUS={status or 'working'}")

    def alive(self) -> None:
        """The loop of the process turns; called as often as one likes, said once a second.

        Before `ready` it also asks for more time to start: a process that waits for Redis is not ended for that.
        """
        if self._address is None or (now := self._monotonic()) < self._next:
            return
        self._next = now + EVERY_S
        self._say("WATCHDOG=1", *(() if self._is_ready else (f"EXTEND_TIMEOUT_USEC={START_MAY_TAKE_S}000000",)))

    def status(self, sentence: str) -> None:
        """What `systemctl status` shows of the process, in a sentence without secrets and phones."""
        self._say(f"STATUS={sentence}")

    def stopping(self) -> None:
        """The process finishes what is under way and ends; said once."""
        if not self._is_stopping:
            self._is_stopping = True
            self._say("STOPPING=1", "STATUS=stopping: requests under way are finished first")

    def _say(self, *lines: str) -> None:
        if self._address is None:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)  # the manager may be gone, or not read
            out.sendto("\n".join(lines).encode(), os.fsencode(self._address))
