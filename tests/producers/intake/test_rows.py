"""Campaign files: what is read, what is turned away, and what spoils the file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from smsq.producers.intake.rows import Source, digest, inspect, of_iterable
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / "people.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def read(source: Source) -> list[tuple[int, str] | tuple[int, str, str]]:
    """Good rows as (number, phone), rejects as (number, status, reason)."""
    return [(r.row, r.status, r.reason) if isinstance(r, Reject) else (r[0], r[1]) for r in source.rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1251"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_habit_of_writing_is_read(write, encoding: str, separator: str, newline: str) -> None:
    """Encodings, separators and line ends that spreadsheets produce."""
    lines = ["имя;phone;город", '"Иван ""Ваня""";79991234567;Москва', "", "Пётр;79991234568;Тверь"]
    path = write(newline.join(lines).replace(";", separator), encoding)
    source = inspect(path)

    assert source.columns == ("имя", "phone", "город")
    assert list(source.rows()) == [
        (1, "79991234567", ['Иван "Ваня"', "79991234567", "Москва"]),
        (2, "79991234568", ["Пётр", "79991234568", "Тверь"]),
    ]


def test_the_digest_is_that_of_the_bytes(write) -> None:
    """The digest names the file's content, whatever its encoding."""
    path = write("phone\n79991234567\n")

    assert inspect(path).digest == digest(path) == sha256(path.read_bytes()).hexdigest()


def test_another_column_and_other_letters(write) -> None:
    """The phone's column may be named, and its case does not matter."""
    assert inspect(write("Phone,name\n1,a\n")).phone_at == 0
    assert inspect(write("name,mobile\na,1\n"), "mobile").phone_at == 1


SPOILT = {
    "empty": (b"", "is empty"),
    "no phone column": (b"name,fone\na,1\n", "no column phone, it has, split at commas: name, fone; did you mean fone"),
    "no header": (b"79991234567\n79991234568\n", r"begins with a phone \(7999\*\*\*4567\), so it has no header"),
    "no header, names": (
        "Анна;8 (999) 123-45-67;Тверь\nИван;8 (999) 123-45-68;Омск\n".encode(),
        "put a line above that names the columns, such as column1,phone,column3",
    ),
    "blank header": (b"\nphone\n", "not a header"),
    "twice": (b"phone,name,name\n1,a,b\n", "names name more than once"),
}


@pytest.mark.parametrize(("content", "sentence"), SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_file_is_refused_at_once(write, content: bytes, sentence: str) -> None:
    """What spoils the whole file is said before a row is read."""
    with pytest.raises(BadInput, match=sentence):
        inspect(write(content))


READ_AS_MEANT = {
    "an empty cell more in every row": ("phone,name\n1,a,\n2,b,\n", [("1", "a"), ("2", "b")]),
    "several, of blanks": ("phone;name\n1;a; ;;\n2;b\n", [("1", "a"), ("2", "b")]),
    "the header has it too": ("phone,name,\n1,a,\n2,b,\n", [("1", "a", ""), ("2", "b", "")]),
    "the last cells left out": ("phone,name,city\n1,a\n2\n3,,c\n", [("1", "a", ""), ("2", "", ""), ("3", "", "c")]),
    "rows of empty cells": ("phone,name\n,\n1,a\n , \n,,,\n2,b\n,\n", [("1", "a"), ("2", "b")]),
    "the separator is named": ("sep=;\nphone;name\n1;a,b\n", [("1", "a,b")]),
    "another one is": ('\ufeff"sep=|"\r\nphone|name\r\n1|a\r\n', [("1", "a")]),
    "a tab is": ("sep=\t\nphone\tname\n1\ta\n", [("1", "a")]),
    "a second mark": ("\ufeff\ufeffphone,name\n1,a\n", [("1", "a")]),
    "signs that nobody sees": ("\u200bpho\u00adne\u200f,\u202aname\u202c\n1,a\n", [("1", "a")]),
}


@pytest.mark.parametrize(("content", "rows"), READ_AS_MEANT.values(), ids=READ_AS_MEANT.keys())
def test_what_spreadsheets_write_is_read_as_it_is_meant(write, content: str, rows: list[tuple[str, ...]]) -> None:
    """Empty cells and rows, a named separator, marks."""
    source = inspect(write(content))
    read_rows = list(source.rows())

    assert source.columns[:2] == ("phone", "name")
    assert [row if isinstance(row, Reject) else tuple(row[2]) for row in read_rows] == rows
    assert [row[0] for row in read_rows if not isinstance(row, Reject)] == list(range(1, len(rows) + 1))


SPLIT = {
    "a decimal comma": "7,1500,50,a",
    "beside an empty cell": "7,1500,50,",
    "where the last cell is left out": "7,1500,50",
    "thousands": "7,1,500,a",
    "with a currency": "7,a,1500,50 rub.",
    "a list of words": "7,Bern, Basel",
}


@pytest.mark.parametrize("row", SPLIT.values(), ids=SPLIT.keys())
def test_a_comma_inside_a_cell_stays_an_error(write, row: str) -> None:
    """Nobody gets a text with half of a sum in it."""
    columns = "phone,sum,name" if row.count(",") > 2 else "phone,sum,name,city"
    (reject,) = inspect(write(f"{columns}\n{row}\n")).rows()

    assert isinstance(reject, Reject)
    assert reject.reason.endswith("; put quotes around a cell that holds a comma")


def test_columns_are_compared_as_they_are_seen(write) -> None:
    """Letters in pieces and blanks of other kinds make no other column."""
    source = inspect(write("и\u0306мя\u00a0,\u2066Теле\u00adфон\u2069\n1,2\n"), "Телефон")

    assert (source.columns, source.phone_at) == (("ймя", "Телефон"), 1)
    assert inspect(write("телефон,a\n1,2\n"), "\u200bТелефон ").phone_at == 0


def test_a_row_of_empty_cells_shifts_no_line(write) -> None:
    """Rows are found in an editor behind a named separator and rows that are none."""
    source = inspect(write("sep=,\nphone,name\n,\n1,a\n\n2,b\n"))

    assert source.lines({1, 2}) == {1: 4, 2: 6}


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """A path that is no readable file is named."""
    with pytest.raises(BadInput, match=r"there is no file .*none\.csv"):
        inspect(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="is a folder: name the files in it"):
        inspect(tmp_path)
    with pytest.raises(BadInput, match="cannot be read"):
        digest(tmp_path)


def test_no_rows(write) -> None:
    """A header alone is no campaign."""
    with pytest.raises(BadInput, match="no rows"):
        read(inspect(write("phone,name\n\n")))


@pytest.mark.parametrize("tail", ['2,"b\n3,c\n', '2,"b\n3,c\n4,"d"\n', '2,"' + "b\n" * 70000])
def test_a_quote_that_never_closes_names_its_row(write, tail: str) -> None:
    """Rows behind an open quote are never sent nor dropped in silence."""
    with pytest.raises(BadInput, match="row 2: the quote that opens in line 3"):
        read(inspect(write("phone,name\n1,a\n" + tail)))


def test_bad_rows_are_rejected_and_good_ones_go_on(write) -> None:
    """Each bad row is named with its reason; its neighbours are not touched."""
    content = b'phone,name\n1,a\n2\n3,c,d\n4,"x"y\n5,\xff\n6,n\x00l\n7,' + b"z" * 140000 + b"\n8,h\n9,\xd0\xaf\n"

    assert read(inspect(write(content))) == [
        (1, "1"),
        (2, "2"),
        (3, "invalid", "too many columns: 3, but the header has 2"),
        (4, "invalid", "there is text after a closing quote; write a quote inside a cell twice"),
        (5, "invalid", "column name holds bytes that are not UTF-8"),
        (6, "invalid", "column name holds a NUL byte"),
        (7, "invalid", "a cell holds more than 131072 characters"),
        (8, "8"),
        (9, "9"),
    ]


def test_the_phone_of_a_row_that_cannot_be_read_is_kept(write) -> None:
    """Where it stands in plain sight before what spoils the row."""
    rejects = list(inspect(write('phone,name\n1,"x"y\n2,' + "z" * 140000 + '\n"3","x"y\n4,d\n')).rows())

    assert [row.value for row in rejects if isinstance(row, Reject)] == ["1", "2", ""]


def test_a_cell_may_hold_lines(write) -> None:
    """A quoted cell with line ends is one row."""
    assert read(inspect(write('phone,name\n1,"a\nb\nc"\n2,d\n'))) == [(1, "1"), (2, "2")]


def test_rows_of_a_program() -> None:
    """An iterable of values is held to the same rules."""
    rows = list(of_iterable([("a", "1"), ("b",)], ["name", "phone"]))

    assert rows == [
        (1, "1", ("a", "1")),
        Reject(2, "invalid", "1 values, but 2 columns are named", ""),
    ]
