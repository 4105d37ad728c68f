"""Files that commands write: a person's numbers are in them, so they are their owner's alone unless it is said.

A file is written beside its place and takes it in one step: a program that reads it finds the old one or the whole new
one, also if the command is killed. A pipe or a device is written to directly.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TextIO

from smsq.worker.domain.errors import BadInput, SmsqError


def bits(mode: str) -> int:
    """A mode as chmod takes it; raises BadInput for anything else.

    >>> oct(bits("640"))
    '0o640'
    """
    if not re.fullmatch("0?[0-7]{3}", mode):
        raise BadInput(f"--mode: {mode!r} is not valid; give three digits from 0 to 7, such as 640")
    return int(mode, 8)


@contextlib.contextmanager
def opened(path: Path | None, mode: int) -> Iterator[TextIO]:
    """The stream for a report: standard output, or a file that is there as a whole once this ends without an error."""
    if path is None:
        with contextlib.suppress(AttributeError):
            sys.stdout.reconfigure(newline="")  # type: ignore[union-attr]  # CSV ends its lines itself
        yield sys.stdout
        return
    with opened_bytes(path, mode) as raw, open(raw.fileno(), "w", encoding="utf-8", newline="", closefd=False) as out:
        yield out


@contextlib.contextmanager
def opened_bytes(path: Path, mode: int) -> Iterator[IO[bytes]]:
    """The same for bytes. The mode is that of the new file, whatever the old one had. Raises SmsqError."""
    try:
        if path.exists() and not path.is_file():
            with open(path, "wb") as out:  # a pipe or a device; a folder is refused
                yield out
            return
        place = Path(os.path.realpath(path))  # behind a symbolic link
        beside = place.with_name(f".{place.name[:200]}.{secrets.token_hex(4)}.part")
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with open(number, "wb") as out:
                if hasattr(os, "fchmod"):
                    os.fchmod(number, mode)  # whatever the umask says
                yield out
                out.flush()
                os.fsync(number)
            os.replace(beside, place)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
    except OSError as error:
        raise SmsqError(f"{path} cannot be written: {error.strerror}") from None
