"""Files that commands write: a person's numbers are in them, so they are their owner's alone unless it is said."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

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
    """The stream for a report. A file has phones in it, so its mode is set, also if it existed."""
    if path is None:
        with contextlib.suppress(AttributeError):
            sys.stdout.reconfigure(newline="")  # type: ignore[union-attr]  # CSV ends its lines itself
        yield sys.stdout
        return
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(number, "w", encoding="utf-8", newline="") as out:
            if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(number).st_mode):
                os.fchmod(number, mode)
            yield out
    except OSError as error:
        raise SmsqError(f"{path} cannot be written: {error.strerror}") from None
