"""A report as XLSX, row by row in constant memory, on further sheets if one is full.

A cell is what it is by its type: what strangers wrote is text and never a formula, a number or a link. Excel would
make a formula of such a text once somebody edits its cell, so the text is marked as quoted, which is Excel's own
apostrophe: it is no part of the value. A phone is text too, with its plus and every digit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from smsq.producers.intake.own_columns import OwnColumns
from smsq.producers.report import COLUMNS, apart, cell_of, operator, safe
from smsq.producers.waits import reason
from smsq.worker.domain.errors import BadInput, SmsqError
from smsq.worker.domain.receipt import Receipt

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS: Final = 1_048_575  # of one sheet below its header: what Excel has, and the format's limit
LONGEST_CELL: Final = 32_767  # characters that Excel keeps of a cell
CUT: Final = " … (cut)"
_EPOCH_DAYS: Final = 25_569  # from the first day of Excel to that of Unix
_WIDTHS: Final = {"phone": 16, "error": 30, "submitted_at": 19, "status_at": 19, "id": 12, "gateway_id": 12}

Cell = str | int | float | None


class Moment(float):
    """Unix seconds that are shown as a date, in UTC."""


def write_xlsx(
    receipts: Iterable[Receipt],
    out: IO[bytes],
    own: OwnColumns | None = None,
    found: Sequence[str] = (),
    *,
    folder: Path | None = None,
    most_rows: int = MOST_ROWS,
) -> None:
    """A workbook with the columns of the CSV; what is not written yet is kept in `folder`, not in memory."""
    try:
        from xlsxwriter import Workbook
        from xlsxwriter.exceptions import XlsxWriterException
    except ModuleNotFoundError:  # an installation that only sends has none
        raise BadInput(
            "a workbook needs xlsxwriter: `pip install smsq[worker]` brings it; or use --format csv"
        ) from None
    columns = (*COLUMNS, *found)
    names = own.names if own is not None else ()
    pairs = own.beside(receipts) if own is not None else ((each, ()) for each in receipts)
    with tempfile.TemporaryDirectory(prefix=".smsq-", dir=folder) as place:
        book = Workbook(out, {"constant_memory": True, "tmpdir": place, "default_date_format": "yyyy-mm-dd hh:mm:ss"})
        try:
            rows = ((*_cells(each, found), *cells) for each, cells in pairs)
            _Sheets(book, (*columns, *(apart(name, columns) for name in names)), most_rows).write(rows)
            book.close()
        except XlsxWriterException as error:
            raise SmsqError(f"the workbook cannot be written: {error}") from None
        finally:
            for sheet in book.worksheets():  # of a book that was not finished, it leaves them open
                sheet.row_data_fh.close()


class _Sheets:
    """The sheets of one workbook, each with the same header."""

    def __init__(self, book: Workbook, columns: Sequence[str], most_rows: int) -> None:
        self._book = book
        self._columns = columns
        self._most_rows = most_rows
        self._bold = book.add_format({"bold": True})
        self._quoted = book.add_format({"quote_prefix": True})
        self._date = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._many = 0

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        sheet, at = self._next_sheet(), 0
        for row in rows:
            if at == self._most_rows:
                sheet, at = self._next_sheet(), 0
            at += 1
            for column, cell in enumerate(row):
                self._put(sheet, at, column, cell)

    def _next_sheet(self) -> Worksheet:
        self._many += 1
        sheet = self._book.add_worksheet("report" if self._many == 1 else f"report {self._many}")
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(self._columns):
            sheet.set_column(column, column, _WIDTHS.get(name, 11))
        for column, name in enumerate(self._columns):
            sheet.write_string(0, column, _fitting(name), self._bold)
        return sheet

    def _put(self, sheet: Worksheet, row: int, column: int, cell: Cell) -> None:
        if isinstance(cell, Moment):
            sheet.write_number(row, column, cell / 86_400 + _EPOCH_DAYS, self._date)
        elif isinstance(cell, str):
            if cell:
                sheet.write_string(row, column, _fitting(cell), self._quoted if safe(cell) != cell else None)
        elif cell is not None:
            sheet.write_number(row, column, cell)


def _cells(each: Receipt, found: Sequence[str]) -> Iterator[Cell]:
    """The cells of `report.COLUMNS` and of results."""
    yield from (each.row, each.phone, each.status, each.error_code, each.error or reason(each.why), each.gateway_id)
    yield from (each.parts, float(each.cost), each.attempts, _moment(each.submitted_at), _moment(each.status_at))
    yield from (each.id, each.reference, operator(each))
    yield from (cell_of(each, name) for name in found)


def _moment(at: float) -> Moment | None:
    return Moment(at) if at else None


def _fitting(text: str) -> str:
    """A text as a cell can keep it: whole characters, and not longer than Excel allows."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - len(CUT)] + CUT
