"""A private copy of a file, so that the rows that were checked are the rows that are enrolled.

The owner of the file may go on writing it while a campaign is checked, confirmed and enrolled. The copy is made once
and has no name, so nothing changes it, and it is gone when this process ends.

A file that gzip has packed is unpacked on the way, and text in UTF-16 becomes UTF-8: the copy, and its digest, are
those of the plain file. `changed` looks at the file as it is.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import itertools
import os
import sys
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from smsq.producers.intake.unpacking import is_gzip, unpacked
from smsq.worker.domain.errors import BadInput

STANDARD_INPUT = "-"
BLOCK = 1 << 20


class Snapshot:
    """A copy of a file's bytes, which may be opened as often as needed, by several threads too.

    `name` is what people call the file; `digest` the SHA-256 of the copy's bytes, in hex; `size` how many there are.
    `was_gzip` and `was_utf16` tell what was done to them on the way.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        """Copy it, out of UTF-16 if it is in that or is said to be.

        Raises OSError if it cannot be read, BadInput if there is no room for the copy or it is damaged.
        """
        self.name = "standard input" if str(path) == STANDARD_INPUT else str(path)
        # A pipe can be read only once, so it cannot be compared later.
        self._path = None if str(path) == STANDARD_INPUT or path.is_fifo() or path.is_char_device() else path
        self._said = encoding
        self.size = 0
        self.was_gzip = self.was_utf16 = False
        self._file: Any = tempfile.TemporaryFile(prefix="smsq-", buffering=0)  # noqa: SIM115 - closed below
        weakref.finalize(self, self._file.close)
        if path.is_dir():
            raise BadInput(f"{self.name} is a folder: name the files in it that are to be sent")
        if str(path) == STANDARD_INPUT:
            self.digest = self._copy(sys.stdin.buffer)
        else:
            with path.open("rb") as stream:
                self.digest = self._copy(stream)

    def _copy(self, stream: IO[bytes]) -> str:
        told, hashed = hashlib.sha256(), hashlib.sha256()
        blocks = _hashed(stream, told)
        first = next(blocks, b"")
        blocks = itertools.chain((first,), blocks)
        if is_gzip(first):
            self.was_gzip = True
            blocks = unpacked(blocks, self.name)
            first = next(blocks, b"")
            if is_gzip(first):
                raise BadInput(f"{self.name} was compressed twice (gzip in gzip): unpack it once by `gunzip`")
            blocks = itertools.chain((first,), blocks)
        if (encoding := _utf16_of(first, self._said)) is not None:
            self.was_utf16 = True
            blocks = _as_utf8(blocks, encoding, self.name)
        for block in blocks:
            hashed.update(block)
            self.size += len(block)
            self._write(block)
        self._told = told.hexdigest()  # of the file as it is
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

    def as_input(self) -> IO[bytes]:
        """The copy from its beginning, to be a child's standard input, for one child at a time."""
        self._file.seek(0)
        stream: IO[bytes] = self._file
        return stream

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
        return "" if now == self._told else f"{self.name} has changed since it was checked"

    def read_at(self, place: int, buffer: Any) -> int:
        """Fill a buffer from this place on; how many bytes there were."""
        found = os.pread(self._file.fileno(), len(buffer), place)
        buffer[: len(found)] = found
        return len(found)


def _utf16_of(head: bytes, said: str | None) -> str | None:
    """Which UTF-16 a file is in that begins so: by its mark, by the zeros of plain letters, or as said; else None."""
    if said is not None:
        told = said.lower().replace("_", "-").replace("utf16", "utf-16")
        if not told.startswith("utf-16"):
            return None
        if told != "utf-16":
            return told
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    head = head[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if (
        max(even, odd) * 4 <= len(head)
        or min(even, odd) * 8 > max(even, odd)
        or len(head) < 4
        or head.startswith(_BINARY)
    ):
        return "utf-16-le" if said is not None else None
    return "utf-16-be" if even > odd else "utf-16-le"


_BINARY = (b"PK", b"\xd0\xcf\x11\xe0", b"\x89PNG", b"\xff\xd8\xff", b"SQLite format 3")


def _hashed(stream: IO[bytes], hashed: Any) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        hashed.update(block)
        yield block


def _as_utf8(blocks: Iterator[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """The same text in UTF-8, without its mark; half of a character stays one, so that its row is rejected later."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    is_first = True
    try:
        for block in blocks:
            text = decoder.decode(block)
            yield (text.removeprefix("\ufeff") if is_first else text).encode("utf-8", "surrogatepass")
            is_first = is_first and not text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise BadInput(
            f"{name} is in UTF-16 and ends in the middle of a character: it was cut; get the whole file"
        ) from None


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
        elif whence == os.SEEK_END:
            place += self._snapshot.size
        self._at = place
        return place
