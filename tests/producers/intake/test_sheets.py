"""A workbook: how each kind of cell becomes text, which sheet and which header are taken, and what is refused."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from smsq.producers.intake import sheet_cells
from smsq.producers.intake.drafts import draft
from smsq.producers.intake.files import read_file
from smsq.producers.intake.stored import Stored
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput

Fill = Callable[[Any, Any], None]  # takes a workbook and its first sheet
MOMENT = datetime.datetime(2026, 11, 29, 18, 30)  # noqa: DTZ001 - a sheet knows no zones
FORMATS = {"day": "dd.mm.yyyy", "moment": "dd.mm.yyyy hh:mm", "time": "hh:mm", "long": "[h]:mm"}


def book(path: Path, fill: Fill, names: tuple[str, ...] = ("People",)) -> Path:
    """A workbook with these sheets."""
    with xlsxwriter.Workbook(path) as written:
        sheets = [written.add_worksheet(name) for name in names]
        fill(written, sheets[0])
    return path


def cell_of(tmp_path: Path, value: Any, form: str = "") -> str:
    """What a cell with this value becomes."""

    def fill(written: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["phone", "value"])
        sheet.write(1, 0, "+79990000001")
        sheet.write(1, 1, value, written.add_format({"num_format": FORMATS[form]}) if form else None)

    (row,) = read_file(book(tmp_path / "x.xlsx", fill)).rows()
    return row.reason if isinstance(row, Reject) else row[2][1]


LOST = f"column value: {sheet_cells.LOST}"
CELLS: dict[str, tuple[Any, str, str]] = {
    "a whole number": (79990000001, "", "79990000001"),
    "a whole number as it is kept": (79990000001.0, "", "79990000001"),
    "a power": (7.9e10, "", "79000000000"),
    "the largest that is kept": (999_999_999_999_999, "", "999999999999999"),
    "too many digits": (4_111_111_111_111_111_111, "", LOST),
    "a fraction": (1500.5, "", "1500.5"),
    "a sum that is not exact": (0.1 + 0.2, "", "0.3"),
    "a small one": (0.0000001, "", "0.0000001"),
    "below zero": (-3, "", "-3"),
    "text that looks like a number": ("0079", "", "0079"),
    "text with blanks": (" a  b ", "", " a  b "),
    "two lines": ("a\nb", "", "a\nb"),
    "a day": (MOMENT.replace(hour=0, minute=0), "day", "2026-11-29"),
    "a moment": (MOMENT, "moment", "2026-11-29 18:30"),
    "a moment with seconds": (MOMENT.replace(second=5), "moment", "2026-11-29 18:30:05"),
    "a time": (datetime.time(9, 5), "time", "09:05"),
    "a duration": (1.5, "long", "36:00"),
    "yes": (True, "", "true"),
    "no": (False, "", "false"),
    "nothing": (None, "", ""),
}


@pytest.mark.parametrize(("value", "form", "expected"), CELLS.values(), ids=CELLS.keys())
def test_a_cell_becomes_text_in_a_stated_form(tmp_path: Path, value: Any, form: str, expected: str) -> None:
    """Never with a `.0`, and never as a power of ten."""
    assert cell_of(tmp_path, value, form) == expected


def test_formulas_are_their_values_and_errors_are_named(tmp_path: Path) -> None:
    """An error would else be an empty cell, and the text would be sent with nothing in its place."""

    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 1, ["phone", "sum", "town"])
        for at in range(1, 60):
            sheet.write_number(at, 1, 79990000000 + at)
            sheet.write_formula(at, 2, "=A1+1", value=at)
        sheet.write_formula(7, 3, "=VLOOKUP(1,A1:B2,2)", value="#N/A")
        sheet.write_formula(9, 2, "=1/0", value="#DIV/0!")

    path = book(tmp_path / "x.xlsx", fill)
    sums = list(draft(path, text="{sum}").source.rows())
    rejects = [row for row in sums if isinstance(row, Reject)]

    assert [(each.row, each.reason, each.value) for each in rejects] == [
        (9, "column sum: a spreadsheet wrote #DIV/0! here: its formula failed", "79990000009")
    ]
    assert sums[6] == (7, "79990000007", ["79990000007", "7", "#N/A"])  # a column that the text does not use


def test_a_rounded_phone_is_named(tmp_path: Path) -> None:
    """What 7.99912E+10 becomes once a spreadsheet saves it as a number: somebody else's phone."""

    def fill(_: Any, sheet: Any) -> None:
        for at, value in enumerate(["phone", 79991200000, "79991200000", 79991230000, "7.99912E+10"]):
            sheet.write(at, 0, value)

    rounded, *others = read_file(book(tmp_path / "x.xlsx", fill)).rows()

    assert isinstance(rounded, Reject)
    assert "column phone: this number ends in five zeros" in rounded.reason
    assert [row[1] for row in others if not isinstance(row, Reject)] == ["79991200000", "79991230000", "7.99912E+10"]


def test_one_such_phone_in_many_is_somebody_s(tmp_path: Path) -> None:
    """One in a hundred thousand ends so."""

    def fill(_: Any, sheet: Any) -> None:
        sheet.write_column(0, 0, ["phone", *range(79991199001, 79991200001)])

    rows = list(read_file(book(tmp_path / "x.xlsx", fill)).rows())

    assert rows[-1] == (1000, "79991200000", ["79991200000"])


def test_the_header_is_found_below_titles(tmp_path: Path) -> None:
    """Blank rows are none, a line is what the sheet calls it, merged and hidden rows are as they are."""

    def fill(_: Any, sheet: Any) -> None:
        sheet.write(0, 2, "Customers")
        sheet.write_row(3, 2, ["Phone", "name"])
        sheet.write_row(4, 2, ["+79990000001", "A"])
        sheet.merge_range(6, 2, 7, 2, "+79990000002")
        sheet.write(6, 3, "B")
        sheet.write(7, 3, "C")
        sheet.set_row(8, None, None, {"hidden": True})
        sheet.write_row(8, 2, ["+79990000004", "D"])

    source = read_file(book(tmp_path / "x.xlsx", fill))
    rows = [row for row in source.rows() if not isinstance(row, Reject)]

    assert rows == [
        (1, "+79990000001", ["+79990000001", "A"]),
        (2, "+79990000002", ["+79990000002", "B"]),
        (3, "", ["", "C"]),
        (4, "+79990000004", ["+79990000004", "D"]),
    ]
    assert {row: place.line for row, place in source.places({1, 4}).items()} == {1: 5, 4: 9}
    assert "1 hidden rows are read too" in source.described


def test_a_sheet_is_the_first_that_can_be_seen_or_the_named_one(tmp_path: Path) -> None:
    """Which it was is said if there are several."""

    def fill(written: Any, first: Any) -> None:
        for sheet, name in zip(written.worksheets(), "abc", strict=True):
            sheet.write_column(0, 0, ["phone", f"+7999000000{ord(name) % 10}"])
        first.hide()
        written.worksheets()[1].activate()
        written.worksheets()[1].set_first_sheet()

    path = book(tmp_path / "x.xlsx", fill, ("a", "b <1>", "c"))
    first = read_file(path)
    assert isinstance(first, Stored)

    assert (first.sheet, read_file(path, sheet="a").digest == first.digest) == ("b <1>", False)
    assert "sheet b <1>, the first of 2 (--sheet names another)" in first.described
    with pytest.raises(BadInput, match="has no sheet d; its sheets are: a, b <1>, c"):
        read_file(path, sheet="d")


BAD: dict[str, tuple[Fill, str]] = {
    "nothing": (lambda book, sheet: None, "sheet People is empty"),
    "no column of phones": (
        lambda book, sheet: sheet.write_row(0, 0, ["fone", "a"]),
        "no column phone, it has in sheet People: fone, a; did you mean fone",
    ),
    "no header": (
        lambda book, sheet: sheet.write_row(0, 0, [79991234567, "Anna"]),
        r"begins with a phone \(7999\*\*\*4567\), so it has no header",
    ),
    "a name twice": (lambda book, sheet: sheet.write_row(0, 0, ["phone", "a", "a"]), "names a more than once"),
    "no rows": (lambda book, sheet: sheet.write(0, 0, "phone"), "has a header and no rows"),
}


@pytest.mark.parametrize(("fill", "sentence"), BAD.values(), ids=BAD.keys())
def test_a_sheet_without_rows_is_refused(tmp_path: Path, fill: Fill, sentence: str) -> None:
    """By the same rules as a CSV."""
    with pytest.raises(BadInput, match=sentence):
        list(read_file(book(tmp_path / "x.xlsx", fill)).rows())


def test_one_cell_far_away_does_not_take_the_machine_down(tmp_path: Path) -> None:
    """A sheet is kept as a whole rectangle: this one would have sixteen thousand million cells."""

    def fill(_: Any, sheet: Any) -> None:
        sheet.write_column(0, 0, ["phone", "+79990000001"])
        sheet.write(1_048_575, 16_383, "x")

    with pytest.raises(BadInput, match="a cell far below or beside the rows"):
        read_file(book(tmp_path / "x.xlsx", fill))


def test_extra_cells_are_named(tmp_path: Path) -> None:
    """A value beside the last column has no name."""

    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["phone"])
        sheet.write_row(1, 0, ["+79990000001", "more"])

    (row,) = read_file(book(tmp_path / "x.xlsx", fill)).rows()

    assert isinstance(row, Reject)
    assert row.reason == "too many columns: 2, but the header has 1"


def test_a_workbook_needs_no_file_name(tmp_path: Path) -> None:
    """It is copied first: what is read is what was there then."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as written:
        written.add_worksheet().write_column(0, 0, ["phone", 79990000001])
    path = tmp_path / "x"
    path.write_bytes(out.getvalue())
    source = read_file(path)
    path.unlink()

    assert [row[1] for row in source.rows() if not isinstance(row, Reject)] == ["79990000001"]
    assert "has been removed since it was checked" in source.changed()
