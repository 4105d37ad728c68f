"""The free space on the disk of the home, and whether anything can be written there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

_TRIAL = b"smsq" * 1024  # bytes: a whole block, since a few bytes may still fit into an existing one


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that we may still write, and the size of the disk."""

    free: int
    total: int

    @property
    def share(self) -> float:
        """The free share, from 0 to 1."""
        return self.free / self.total if self.total else 0.0


def room(folder: Path) -> Room:
    """The room on the disk that `folder` is on, or would be on; raises OSError."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def trouble(folder: Path) -> str:
    """Why nothing can be written in `folder`, in the system's words; '' if it can. No file remains."""
    try:
        descriptor, path = tempfile.mkstemp(prefix=".trial-", dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_TRIAL)
                file.flush()
                os.fsync(file.fileno())
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
