"""The end of a file: a download or an export that was interrupted may end in the middle of its last cell.

A half of a phone may be somebody else's, and rows are missing behind it. Many whole files end without a line break too,
so a file is refused only if the break is missing and something else tells: the size is a whole number of blocks, or
the last cell is shorter than those above it, which all have one length (phones, codes, dates).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

from smsq.producers.intake.snapshot import Snapshot
from smsq.worker.domain.errors import BadInput

TAIL = 64 * 1024  # bytes at the end that are looked at
BLOCK = 4096  # programs write so much at once, or several times as much
LEAST_ABOVE = 5  # rows whose last cells tell a length


def check_end(snapshot: Snapshot, name: str, encoding: str, separator: str, columns: int) -> None:
    """Raise BadInput if the file seems to have been cut in its last line."""
    with snapshot.open("rb") as stream:
        stream.seek(max(0, snapshot.size - TAIL))
        tail: bytes = stream.read()
    if tail.endswith((b"\n", b"\r")):
        return
    rows = _rows(tail.decode(encoding, "replace"), separator)[1:]  # the first is the header, or begins earlier
    if not rows or len(rows[-1]) != columns:
        return
    *above, last = (row[-1] for row in rows if len(row) == columns)
    lengths = set(map(len, above))
    if len(above) >= LEAST_ABOVE and len(lengths) == 1 and 0 < len(last) < (usual := lengths.pop()):
        sign = f"its last cell has {len(last)} characters, all those above it have {usual}"
    elif snapshot.size % BLOCK == 0:
        sign = f"its size is a multiple of {BLOCK} bytes"
    else:
        return
    raise BadInput(
        f"{name} ends in the middle of a line and may have been cut there: {sign}. Get the whole file, or put a line "
        "break at its end if this is all of it"
    )


def _rows(text: str, separator: str) -> Sequence[list[str]]:
    try:
        return [row for row in csv.reader(text.splitlines(), delimiter=separator) if row]
    except csv.Error:
        return []
