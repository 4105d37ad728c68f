"""Files that go with a message: their names, sizes and numbers. Their content never stands in the ledger."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from smsq.worker.domain.errors import BadInput

LONGEST_NAME: Final = 120  # bytes; every file system of a recipient can keep it
MB: Final = 1_000_000

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class FileRef(msgspec.Struct, frozen=True, kw_only=True):
    """A file by its name for the recipient, the SHA-256 digest of its content in hexadecimal, and its size in bytes."""

    name: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Attached:
    """A file at hand, to be sent."""

    name: str
    content: bytes = field(repr=False)


def check_name(name: object) -> str:
    """The name, which is a name alone; raises BadInput for a path, and for what could not be written into a request."""
    if not isinstance(name, str) or not name.strip() or name in (".", ".."):
        raise BadInput("a file needs a name, such as offer.pdf")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise BadInput("the name of a file holds half of a character (a lone surrogate)") from None
    if size > LONGEST_NAME:
        raise BadInput(f"the name of a file has at most {LONGEST_NAME} bytes, and this one has {size}")
    if "/" in name or "\\" in name or not name.isprintable():
        raise BadInput("the name of a file has no slashes and no control characters")
    return name


def check_ref(file: object) -> None:
    """Raise BadInput for what does not name a file that was kept."""
    if not isinstance(file, FileRef):
        raise BadInput(f"a file of Options is what names a kept one, not {type(file).__name__}: give `files` beside it")
    check_name(file.name)
    if not is_digest(file.digest) or type(file.size) is not int or file.size < 1:
        raise BadInput(f"the file {file.name!r} is named by no digest of its content")


def is_digest(written: object) -> bool:
    """Whether this is a SHA-256 in hexadecimal."""
    return isinstance(written, str) and _DIGEST.fullmatch(written) is not None


def check_files(files: Sequence[FileRef], most: int, most_bytes: float) -> None:
    """Raise BadInput for too many files of a message, too many bytes together, or two of one name."""
    if len(files) > most:
        raise BadInput(f"a message has at most {most} files (SMSQ_MOST_FILES), and this one has {len(files)}")
    total = sum(file.size for file in files)
    if total > most_bytes:
        raise BadInput(
            f"the files of a message have at most {most_bytes / MB:g} MB together (SMSQ_FILES_MB), and these have "
            f"{total / MB:.1f}"
        )
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise BadInput("two files of one message have the same name")
