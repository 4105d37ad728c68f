"""Files that gzip has packed, unpacked in a stream: nothing of them is in memory but a block.

A packed file may be cut or damaged, and then nobody knows which rows are missing, so it is refused whole. A few
kilobytes may unpack to a full disk, so a file that grows beyond all use is refused too.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from smsq.worker.domain.errors import BadInput

BLOCK = 1 << 20
# Rows of phones and names shrink to a fifth, to a tenth if they are much alike; only made-up data shrinks further.
MOST_TIMES: Final = 100
ALWAYS_ALLOWED: Final = 256 << 20  # bytes that a file may unpack to in any case
_MAGIC = b"\x1f\x8b"
_WITH_HEADER = 31  # zlib's word for gzip with its header and checksum


def is_gzip(head: bytes) -> bool:
    """Whether a file that begins so was packed by gzip."""
    return head.startswith(_MAGIC)


def unpacked(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """What the blocks hold, of one gzip member or several; raises BadInput if they are cut, damaged or a bomb."""
    packed = plain = 0
    member = zlib.decompressobj(_WITH_HEADER)
    try:
        for block in blocks:
            packed += len(block)
            while block:
                if member.eof:
                    block = block.lstrip(b"\0")  # tapes and disks fill up with zeros
                    if not block:
                        break
                    member = zlib.decompressobj(_WITH_HEADER)
                part = member.decompress(block, BLOCK)
                block = member.unconsumed_tail or member.unused_data
                plain += len(part)
                if plain > max(ALWAYS_ALLOWED, MOST_TIMES * packed):
                    raise BadInput(
                        f"{name} unpacks to more than {MOST_TIMES} times its size, as no list of phones does; if it is "
                        "one all the same, unpack it by `gunzip` and name the file that comes out"
                    )
                if part:
                    yield part
        while not member.eof and (part := member.decompress(b"", BLOCK)):  # what it still holds back
            yield part
    except zlib.error:
        raise BadInput(f"{name} is damaged: gzip cannot unpack it; get the file again") from None
    if not member.eof:
        raise BadInput(f"{name} was cut: its gzip ends too early, so rows are missing; get the whole file")
