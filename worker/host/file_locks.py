"""Locks on an open file with a time limit, and which processes hold one: a suspended process holds it for ever."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where only producers run: no other kind of process has the files open
    fcntl = None  # type: ignore[assignment]

LOOK_S = 0.005
SHARED, ALONE = (fcntl.LOCK_SH, fcntl.LOCK_EX) if fcntl is not None else (0, 0)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a lock."""

    pid: int
    command: str
    is_stopped: bool  # by a signal or a debugger: a person must let it go on

    @property
    def said(self) -> str:
        """The process and whether it is stopped, in words."""
        state = "is suspended and holds" if self.is_stopped else "holds"
        return f"process {self.pid} ({self.command}) {state} the lock of the journal"

    @property
    def is_worker(self) -> bool:
        """Whether it is a worker process of ours; such a one may be killed, since its sends are asked about then."""
        return " worker --lane " in f" {self.command} "

    def kill(self) -> None:
        """Kill it by SIGKILL, which works on a frozen process."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGKILL)


@contextlib.contextmanager
def held(descriptor: int, how: int, within_s: float) -> Iterator[None]:
    """Hold the lock; raises OSError that names the holder if that takes longer than `within_s` seconds."""
    lock(descriptor, how, within_s)
    try:
        yield
    finally:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def lock(descriptor: int, how: int, within_s: float) -> None:
    """Take the lock, or change how it is held, until the file is closed; raises OSError as `held` does."""
    if fcntl is None:
        return
    until = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= until:
                who = next((holder.said for holder in holders(descriptor)), "another process holds its lock")
                raise OSError(errno.EAGAIN, who) from None
        time.sleep(LOOK_S)


def holders(descriptor: int) -> list[Holder]:
    """The other processes that hold a lock on this file; none if the system does not tell."""
    status = os.fstat(descriptor)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    found = []
    with contextlib.suppress(OSError):
        for row in Path("/proc/locks").read_text().splitlines():
            words = row.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == place and int(words[4]) not in (0, os.getpid()):
                found.append(_holder(int(words[4])))
    return found


def _holder(pid: int) -> Holder:
    command, state = "its command is not told", ""
    with contextlib.suppress(OSError):
        command = _shown(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0"))
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return Holder(pid, command, state in ("T", "t"))


def _shown(words: list[str]) -> str:
    """The name and the sub-command only: phones and texts may follow them."""
    words = [word for word in words if word]
    at = next(
        (place for place, word in enumerate(words) if word == "smsq.producers.cli" or word.endswith("smsq")), None
    )
    if at is None:
        return Path(words[0]).name if words else ""
    rest = words[at + 1 :]
    if rest[:1] == ["--parent"]:
        rest = rest[2:]
    return " ".join(["smsq", *rest[: 3 if rest[:1] == ["worker"] else 1]])
