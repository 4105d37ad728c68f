"""The rejects file: rows of a campaign that could not be sent, in the form of its file, to be mended and run by itself.

A column in front says of each row why. It is ignored when the file is read again, and not written twice. The file is
the campaign's own if it has as many rows and each ends in the digits of the phone that the ledger has. What no text may
be made of (see `stored`) is written as an error of a spreadsheet, so that a row that nobody has mended is rejected
again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, Final, TextIO

from smsq.producers.intake.own_columns import ending
from smsq.producers.intake.rows import Marked, Unreadable, shown
from smsq.producers.intake.several import OneFile
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.receipt import Receipt

REASON: Final = "smsq_reason"
LINE: Final = "smsq_line"  # in JSON lines: a line that could not be read, as it is
NO_VALUE: Final = "#NUM!"  # a spreadsheet's word for a cell with a wrong number: no text is made of it
MENDED: Final = frozenset({"invalid"})  # statuses of rows that somebody can mend; a duplicate needs no mending
Rejected = Iterator[tuple[str, Sequence[str]]]


def rejected_rows(source: OneFile, receipts: Iterable[Receipt], statuses: frozenset[str] = MENDED) -> Rejected:
    """Why and what of each row with one of these statuses; `receipts` are all of a campaign's, in order.

    Raises BadInput if the file is not the campaign's.
    """
    rows = source.as_written()
    number, phone = 0, ""
    cells: Sequence[str] = ()
    for receipt in receipts:
        wanted = receipt.row or 0
        while number < wanted:
            found = next(rows, None)
            if found is None:
                raise BadInput(f"{source.name} ends after {number} rows, but the campaign's file had more")
            number, phone, cells = found
        if receipt.id and ending(phone) != ending(receipt.phone):
            raise BadInput(
                f"row {wanted} of {source.name} has another phone than the campaign has: this is not the file that was "
                "sent, or it was changed since"
            )
        if receipt.status in statuses:
            yield _with_lost(receipt.error, cells), cells
    if next(rows, None) is not None:
        raise BadInput(f"{source.name} has more than the {number} rows of the campaign's file")


def _with_lost(reason: str, cells: Sequence[str]) -> str:
    """The reason, with what stood in cells of which no text is made: a person who mends the row needs it."""
    lost = [cell for cell in cells if isinstance(cell, Marked) and cell[:1] not in ("{", "[")]
    return f"{reason} (it was {', '.join(map(shown, lost))})" if lost else reason


def write_csv(source: OneFile, rows: Rejected, out: TextIO) -> int:
    """The rows as CSV with the file's separator; how many they were."""
    names, kept = _without_reason(source.columns)
    writer = csv.writer(out, delimiter=getattr(source, "separator", ","))
    writer.writerow([REASON, *names])
    many = 0
    for reason, cells in rows:
        many += 1
        writer.writerow([reason, *map(_cell, kept(cells))])
    return many


def write_jsonl(source: OneFile, rows: Rejected, out: TextIO) -> int:
    """The rows as JSON lines; how many they were."""
    names, kept = _without_reason(source.columns)
    many = 0
    for reason, cells in rows:
        many += 1
        if cells and isinstance(cells[0], Unreadable):
            told: dict[str, Any] = {REASON: reason, LINE: _whole(cells[0])}
        else:
            told = {REASON: reason, **dict(zip(names, map(_value, kept(cells)), strict=False))}
        out.write(json.dumps(told, ensure_ascii=False) + "\n")
    return many


def write_xlsx(source: OneFile, rows: Rejected, out: IO[bytes]) -> int:
    """The rows as a workbook, every cell of it text; how many they were."""
    from xlsxwriter import Workbook

    names, kept = _without_reason(source.columns)
    book = Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("rejects")
    many = 0
    for place, name in enumerate([REASON, *names]):
        sheet.write_string(0, place, name)
    for many, (reason, cells) in enumerate(rows, 1):
        for place, cell in enumerate([reason, *map(_cell, kept(cells))]):
            sheet.write_string(many, place, cell[:_LONGEST_CELL])
    book.close()
    return many


_LONGEST_CELL = 32_767  # characters that Excel keeps of a cell


def _without_reason(columns: Sequence[str]) -> tuple[list[str], Callable[[Sequence[str]], list[str]]]:
    """The names of the columns but for an older reason, and what takes that out of a row."""
    at = columns.index(REASON) if REASON in columns else None
    if at is None:
        return list(columns), list
    return [name for name in columns if name != REASON], lambda cells: [*cells[:at], *cells[at + 1 :]]


def _cell(cell: str) -> str:
    """A cell of CSV or a workbook."""
    return NO_VALUE if isinstance(cell, Marked) else _whole(cell)


def _value(cell: str) -> Any:
    """A value in JSON lines: what was an object or a list is one again."""
    return json.loads(cell) if isinstance(cell, Marked) and cell[:1] in ("{", "[") else _cell(cell)


def _whole(cell: str) -> str:
    """A cell that can be written as UTF-8; bytes that belong to no character become question marks."""
    return cell.encode("utf-8", "replace").decode()
