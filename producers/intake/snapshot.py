"""A private copy of a file, so that the rows that were checked are the rows that are enrolled.

The owner of the file may go on writing it while a campaign is checked, confirmed and enrolled. The copy is made once
and has no name, so nothing changes it, and it is gone when this process ends.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO, Any

from smsq.worker.domain.errors import BadInput

STANDARD_INPUT = "-"
BLOCK = 1 << 20


class Snapshot:
    """A copy of a file's bytes, which may be opened as often as needed, by several threads too.

    `name` is what people call the file; `digest` the SHA-256 of its bytes, in hex; `size` how many there are.
    """

    def __init__(self, path: Path) -> None:
        """Copy it; raises OSError if it cannot be read, BadInput if there is no room for the copy."""
        self.name = "standard input" if str(path) == STANDARD_INPUT else str(path)
        # A pipe can be read only once, so it cannot be compared later.
        self._path = None if str(path) == STANDARD_INPUT or path.is_fifo() or path.is_char_device() else path
        self._lock = threading.Lock()
        self.size = 0
        self._file: Any = tempfile.TemporaryFile(prefix="smsq-", buffering=0)  # noqa: SIM115 - closed below
        weakref.finalize(self, self._file.close)
        if str(path) == STANDARD_INPUT:
            self.digest = self._copy(sys.stdin.buffer)
        else:
            with path.open("rb") as stream:
                self.digest = self._copy(stream)

    def _copy(self, stream: IO[bytes]) -> str:
        hashed = hashlib.sha256()
        while block := stream.read(BLOCK):
            hashed.update(block)
            self.size += len(block)
            self._write(block)
        return hashed.hexdigest()

    def _write(self, block: bytes) -> None:
        left = memoryview(block)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            folder = tempfile.gettempdir()
            raise BadInput(
                f"{self.name} cannot be copied to {folder} before it is read ({error.strerror}): "
                "free space there, or set TMPDIR to another folder"
            ) from None

    def open(self, mode: str = "r", **how: Any) -> Any:
        """The copy from its beginning, as `Path.open` would give it: `mode` is `r` or `rb`."""
        stream = io.BufferedReader(_Reader(self), BLOCK)
        return stream if mode == "rb" else io.TextIOWrapper(stream, **how)

    def changed(self) -> str:
        """How the file changed since it was copied, as the beginning of a sentence; '' if it did not."""
        if self._path is None:
            return ""
        try:
            with self._path.open("rb") as stream:
                now = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            return f"{self.name} has been removed since it was checked"
        except OSError as error:
            return f"{self.name} cannot be read any more ({error.strerror})"
        return "" if now == self.digest else f"{self.name} has changed since it was checked"

    def read_at(self, place: int, buffer: Any) -> int:
        """Fill a buffer from this place on; how many bytes there were."""
        with self._lock:
            self._file.seek(place)
            return int(self._file.readinto(buffer))


class _Reader(io.RawIOBase):
    """One look through a snapshot, with a place of its own."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        many = self._snapshot.read_at(self._at, buffer)
        self._at += many
        return many

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            place += self._at
        elif whence != os.SEEK_SET:
            raise io.UnsupportedOperation("a snapshot is read from its beginning")
        self._at = place
        return place
