"""A report as XLSX, read back by another library."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from python_calamine import load_workbook

from smsq.producers.intake.own_columns import OwnColumns
from smsq.producers.report import COLUMNS
from smsq.producers.report_sheets import CUT, LONGEST_CELL, write_xlsx
from tests.producers.test_report import DELIVERED

FORMULAS = ["=1+1", "+1+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "http://x", "007", "{=1}"]


@dataclass
class File:
    """A campaign's file."""

    cells: list[str]
    name: str = "people.csv"
    columns: tuple[str, ...] = ("phone", "note")

    def rows(self) -> Any:
        return iter((n, "+79991234567", ("+79991234567", cell)) for n, cell in enumerate(self.cells, 1))


def sheets(book: io.BytesIO) -> list[list[list[Any]]]:
    """The cells of every sheet."""
    book.seek(0)
    read = load_workbook(book)
    return [read.get_sheet_by_index(n).to_python() for n in range(len(read.sheet_names))]


def test_cells_have_types() -> None:
    """Numbers are numbers, moments are dates in UTC, and a phone keeps its plus and all its digits."""
    book = io.BytesIO()
    write_xlsx([DELIVERED], book)
    header, row = sheets(book)[0]

    assert tuple(header) == COLUMNS
    assert row[:8] == [1, "+79991234567", "delivered", 0, "", 1_000_000_001, 2, 7.6]
    assert row[9:12] == [*map(datetime.fromisoformat, ("2023-11-14T22:13:20", "2023-11-14T22:13:23")), "4711.0"]


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    """Not when it is opened, and not when somebody edits it: it is marked as quoted. Values stay as they are."""
    book = io.BytesIO()
    many = [replace(DELIVERED, row=n) for n in range(1, len(FORMULAS) + 1)]
    write_xlsx(many, book, OwnColumns(File(FORMULAS)), folder=tmp_path)
    (rows,) = sheets(book)
    with zipfile.ZipFile(book) as packed:
        written, styles = (packed.read(f"xl/{name}").decode() for name in ("worksheets/sheet1.xml", "styles.xml"))

    assert [row[-1] for row in rows[1:]] == FORMULAS
    assert "<f>" not in written
    assert "hyperlink" not in written.replace("HYPERLINK", "")
    assert 'quotePrefix="1"' in styles
    assert rows[0][-2:] == ["file_phone", "note"]
    assert list(tmp_path.iterdir()) == []  # what waited there is gone


def test_a_full_sheet_is_followed_by_another() -> None:
    """Excel has 1,048,575 rows below a header; each sheet has one."""
    book = io.BytesIO()
    write_xlsx((replace(DELIVERED, row=n) for n in range(1, 8)), book, most_rows=3)
    found = sheets(book)

    assert [[row[0] for row in sheet] for sheet in found] == [["row", 1, 2, 3], ["row", 4, 5, 6], ["row", 7]]


def test_a_full_last_sheet_is_the_last() -> None:
    """No sheet is empty but for its header, unless the report is."""
    book, empty = io.BytesIO(), io.BytesIO()
    write_xlsx((replace(DELIVERED, row=n) for n in range(1, 4)), book, most_rows=3)
    write_xlsx([], empty)

    assert [len(sheet) for sheet in sheets(book)] == [4]
    assert sheets(empty) == [[list(COLUMNS)]]


@pytest.mark.parametrize(
    "cell", ["x" * 40_000, "a\ud800b", "a\x00b\x1b"], ids=["too long", "half a letter", "controls"]
)
def test_what_no_cell_can_keep_is_cut_and_says_so(cell: str) -> None:
    """XlsxWriter alone would leave a long one out in silence."""
    book = io.BytesIO()
    write_xlsx([DELIVERED], book, OwnColumns(File([cell])))
    kept = sheets(book)[0][1][-1]

    assert len(kept) <= LONGEST_CELL
    assert kept.startswith(cell[0])
    assert (len(cell) > LONGEST_CELL) == kept.endswith(CUT)
