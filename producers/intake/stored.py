"""Rows of a workbook or of JSON lines as they are kept while a campaign is made of them: read once, then streamed.

Each row is one line of a file without a name: where it stands in its own file, a tab, and a JSON array of its cells as
text. A cell that no text may be made of (an error of a formula, digits that a spreadsheet lost, an object in an object)
keeps what it holds beside a reason: the line is then an array of the cells and of {place: reason}, and the row is
rejected if the campaign uses that column. The digest is that of the cells alone, so the same rows are the same campaign
wherever they stood.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from smsq.producers.intake.rows import Marked, Place, Row, Unreadable, shown
from smsq.producers.intake.snapshot import Snapshot
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput

_CELLS = msgspec.json.Decoder(list[str])
_MARKED = msgspec.json.Decoder(tuple[list[str], dict[int, str]])
_ENCODE = msgspec.json.Encoder().encode


class Store:
    """The rows of one file, to be written once and read as often as needed."""

    def __init__(self) -> None:
        self._file: Any = tempfile.TemporaryFile(prefix="smsq-")  # noqa: SIM115 - gone with this object
        weakref.finalize(self, self._file.close)
        self._hashed = hashlib.sha256()
        self.rows = 0

    def header(self, columns: Sequence[str]) -> None:
        """What the columns are called: a part of the digest."""
        self._hashed.update(_ENCODE(list(columns)) + b"\n")

    def add(self, line: int, cells: list[str], marked: dict[int, str] | None = None) -> None:
        """Append a row that stands in this line of its file."""
        written = _ENCODE((cells, marked)) if marked else _ENCODE(cells)
        self._hashed.update(written + b"\n")
        self._file.write(b"%d\t%b\n" % (line, written))
        self.rows += 1

    def add_broken(self, line: int, written: str, reason: str) -> None:
        """Append a row that could not be read at all."""
        self.add(line, [written], {_WHOLE: reason})

    @property
    def digest(self) -> str:
        """SHA-256 of what was added, in hex."""
        return self._hashed.hexdigest()

    def lines(self) -> Iterator[tuple[int, list[str], dict[int, str]]]:
        """Each row: the line in its file, its cells, and reasons by the place of cells."""
        self._file.flush()
        at, rest = 0, b""
        while block := os.pread(self._file.fileno(), _BLOCK, at):
            at += len(block)
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            for each in lines:
                line, _, written = each.partition(b"\t")
                if written.startswith(b"[["):
                    cells, marked = _MARKED.decode(written)
                    yield int(line), cells, marked
                else:
                    yield int(line), _CELLS.decode(written), _NONE


_BLOCK = 1 << 20
_NONE: dict[int, str] = {}
_WHOLE = -1  # in place of a column's: the reason is about the whole row


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A workbook's sheet, or JSON lines, that can be read as rows."""

    snapshot: Snapshot = field(repr=False)
    store: Store = field(repr=False)
    name: str
    kind: Literal["json", "xlsx"]
    described: str  # how it was read, for people
    columns: tuple[str, ...]
    phone_at: int
    is_guessed: bool = False
    encoding: str | None = None
    sheet: str = ""
    forgiven: str = ""  # a reason that does not count
    used: frozenset[int] | None = None  # places of columns that the campaign uses; None for all

    @property
    def digest(self) -> str:
        """SHA-256 of the names of its columns and of its cells, in hex."""
        return self.store.digest

    def noted(self, note: str) -> Stored:
        """The same, with something behind how it was read."""
        return replace(self, described=self.described + note)

    def using(self, places: Collection[int]) -> Stored:
        """The same rows for a campaign that uses these columns and that of phones."""
        return replace(self, used=frozenset((*places, self.phone_at)))

    def rows(self) -> Iterator[Row | Reject]:
        """Each data row in order, or a Reject for one with a cell that cannot be used. Raises BadInput for 0 rows."""
        width, phone_at, number = len(self.columns), self.phone_at, 0
        for number, (_, cells, marked) in enumerate(self.store.lines(), 1):
            if len(cells) < width:
                cells += [""] * (width - len(cells))
            if marked and (reason := self._why_not(marked)):
                yield Reject(number, "invalid", reason, "" if _WHOLE in marked else shown(cells[phone_at]))
            elif len(cells) > width:
                reason = f"too many columns: {len(cells)}, but the header has {width}"
                yield Reject(number, "invalid", reason, shown(cells[phone_at]))
            else:
                yield number, cells[phone_at], cells
        if number == 0:
            raise BadInput(f"{self.name} has a header and no rows")

    def _why_not(self, marked: dict[int, str]) -> str:
        """Why a row with these marks cannot be used; '' if the campaign does not use those cells."""
        for place in sorted(marked):
            if marked[place] == self.forgiven:
                continue
            if place == _WHOLE:
                return marked[place]
            if self.used is None or place in self.used:
                name = self.columns[place] if place < len(self.columns) else f"{place + 1}"
                return f"column {name}: {marked[place]}"
        return ""

    def as_written(self) -> Iterator[tuple[int, str, Sequence[str]]]:
        """Each data row with what it holds, good or not: its number, its phone, its cells."""
        width = len(self.columns)
        for number, (_, cells, marked) in enumerate(self.store.lines(), 1):
            if marked:
                cells = [
                    Marked(cell) if marked.get(at, self.forgiven) != self.forgiven else cell
                    for at, cell in enumerate(cells)
                ]
                cells[0] = Unreadable(cells[0]) if _WHOLE in marked else cells[0]
            cells += [""] * (width - len(cells))
            yield number, cells[self.phone_at], cells

    def places(self, rows: Collection[int]) -> dict[int, Place]:
        """Where these rows stand in the file."""
        found: dict[int, Place] = {}
        last = max(rows, default=0)
        for number, (line, _, _) in enumerate(self.store.lines(), 1):
            if number > last:
                break
            if number in rows:
                found[number] = Place(self.name, number, line)
        return found

    def changed(self) -> str:
        """How the file changed since it was read, as the beginning of a sentence; '' if it did not."""
        return self.snapshot.changed()
