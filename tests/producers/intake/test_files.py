"""Files of every kind: told by their content, read as the same rows, refused whole if they are spoilt."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import threading
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsq.producers.intake.drafts import draft
from smsq.producers.intake.files import read_file, read_files
from smsq.producers.intake.several import OneFile
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput

PEOPLE = [("+79990000001", "Анна"), ("8 (999) 000-00-02", 'Пётр "Первый", мл.'), ("79990000003", "多")]


def as_csv(rows: Iterable[Sequence[str]], columns: Sequence[str] = ("phone", "name")) -> bytes:
    """These rows as CSV."""
    out = io.StringIO()
    import csv

    csv.writer(out, lineterminator="\n").writerows([columns, *rows])
    return out.getvalue().encode()


def as_json_lines(rows: Iterable[Sequence[str]], columns: Sequence[str] = ("phone", "name")) -> bytes:
    """These rows as JSON lines."""
    return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows).encode()


def as_xlsx(rows: Iterable[Sequence[str]], columns: Sequence[str] = ("phone", "name")) -> bytes:
    """These rows as a workbook."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate([columns, *rows]):
            for place, cell in enumerate(row):
                sheet.write_string(at, place, cell)
    return out.getvalue()


Write = Callable[[str, bytes], Path]
KINDS = {"csv": as_csv, "jsonl": as_json_lines, "xlsx": as_xlsx}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of this name."""

    def written(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written


def told(source: OneFile) -> list[tuple[int, ...] | tuple[int, str]]:
    """Each row: its number and its cells, or its number and why it is none."""
    return [(row.row, row.reason) if isinstance(row, Reject) else (row[0], *row[2]) for row in source.rows()]


NUMBERED = [(number, *row) for number, row in enumerate(PEOPLE, 1)]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_rows(write: Write, kind: str, packed: bool) -> None:
    """Whatever it is called: content tells. Packed by gzip it is the same campaign."""
    content = KINDS[kind](PEOPLE)
    plain = read_file(write("people.dat", content))
    source = read_file(write("x.dat", gzip.compress(content) if packed else content))

    assert told(source) == told(source) == NUMBERED
    assert [cells for _, _, cells in source.as_written()] == [list(row) for row in PEOPLE]
    assert (source.digest, source.columns, source.phone_at) == (plain.digest, ("phone", "name"), 0)


def test_a_wrong_name_is_said(write: Write) -> None:
    """The file is read as what it is."""
    said = {
        "a.csv": (as_xlsx(PEOPLE), "it is an XLSX workbook, not a CSV as its name says"),
        "b.xlsx": (as_csv(PEOPLE), "it is a CSV, not an XLSX workbook as its name says"),
        "c.csv.gz": (as_csv(PEOPLE), "it is not compressed (gzip)"),
        "d.csv": (gzip.compress(as_csv(PEOPLE)), "it is compressed (gzip), though its name does not say so"),
        "e.json": (as_csv(PEOPLE), "it is a CSV, not JSON lines as its name says"),
    }

    for name, (content, sentence) in said.items():
        source = read_file(write(name, content))
        assert sentence in source.described
        assert told(source) == NUMBERED


def test_a_right_name_is_not_remarked_on(write: Write) -> None:
    """Nor is one that claims nothing."""
    for name, content in {
        "a.csv": as_csv(PEOPLE),
        "b.xlsx": as_xlsx(PEOPLE),
        "c.jsonl.gz": gzip.compress(as_json_lines(PEOPLE)),
        "d.txt": as_csv(PEOPLE),
    }.items():
        assert "it is" not in read_file(write(name, content)).described


def zipped(**members: str) -> bytes:
    """A zip archive with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def ole(*parts: str) -> bytes:
    """What begins as files of old office programs do, with these names of streams somewhere."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000) + b"".join(part.encode("utf-16-le") for part in parts)


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is empty"),
    "nothing, packed": (gzip.compress(b""), "is empty"),
    "gzip, cut": (gzip.compress(os.urandom(5000))[:-2000], "was cut: its gzip ends too early"),
    "gzip, cut in its checksum": (gzip.compress(as_csv(PEOPLE))[:-3], "was cut: its gzip ends too early"),
    "gzip, damaged": (gzip.compress(as_csv(PEOPLE))[:-8] + b"12345678", "is damaged: gzip cannot unpack it"),
    "gzip and something": (gzip.compress(as_csv(PEOPLE)) + b"more", "is damaged"),
    "gzip in gzip": (gzip.compress(gzip.compress(as_csv(PEOPLE))), "compressed twice"),
    "a workbook, cut": (as_xlsx(PEOPLE)[:-500], "was cut or damaged"),
    "an old workbook": (ole("Workbook"), r"old workbook \(xls\): open it and save it as XLSX"),
    "a password": (ole("EncryptionInfo", "EncryptedPackage"), "protected by a password: save it without one"),
    "a zip": (zipped(**{"people.csv": "phone\n1\n"}), r"zip archive, not a workbook: unpack it .*people\.csv"),
    "a document": (zipped(**{"word/document.xml": ""}), "is a document, not a workbook"),
    "OpenDocument": (zipped(**{"mimetype": "", "content.xml": ""}), "OpenDocument"),
    "a binary workbook": (zipped(**{"xl/workbook.bin": ""}), "xlsb"),
    "a workbook of nothing": (zipped(**{"xl/workbook.xml": "<a/>"}), "cannot be read as a workbook"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "a picture"),
    "bzip2": (b"BZh91AY&SY", "bzip2"),
    "a page": (b"<!DOCTYPE html><html><table>", "is a page"),
    "an array": (b'[{"phone": 1}]', r"one JSON array.*jq -c '\.\[\]'"),
    "JSON lines, cut": (as_json_lines(PEOPLE)[:-9], "ends in the middle of line 3 and was cut there"),
    "no phones": (b'{"fone": 1}\n', "no column phone, it has: fone; did you mean fone"),
}


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_holds_no_rows_is_refused(write: Write, content: bytes, sentence: str) -> None:
    """With what it is and what to do, before a row is read."""
    with pytest.raises(BadInput, match=sentence):
        read_file(write("people", content))


def test_a_bomb_is_refused(write: Write) -> None:
    """A few kilobytes that unpack to a full disk, in either kind of package."""
    bomb = gzip.compress(b"phone\n" + bytes(300 << 20), 9)
    with pytest.raises(BadInput, match=r"unpacks to more than 100 times its size.*gunzip"):
        read_file(write("a.csv.gz", bomb))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "")
        with archive.open("xl/worksheets/sheet1.xml", "w") as member:
            for _ in range(600):
                member.write(bytes(1 << 20))
    with pytest.raises(BadInput, match="more than 200 times its size"):
        read_file(write("a.xlsx", out.getvalue()))


def test_much_alike_is_no_bomb(write: Write) -> None:
    """Rows that are hardly different shrink far, and are sent."""
    rows = b"phone,name\n" + b"".join(b"+7999%07d,Anna\n" % n for n in range(1000)) + b"\n" * 10_000_000

    assert sum(1 for _ in read_file(write("a.csv.gz", gzip.compress(rows, 9))).rows()) == 1000


def test_standard_input_and_pipes_are_of_any_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are copied first, so a workbook can be read from one."""
    content = gzip.compress(as_xlsx(PEOPLE))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    piped = read_file(pipe)
    writer.join()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    assert told(piped) == told(read_file("-")) == NUMBERED
    with pytest.raises(BadInput, match="can be read once"):
        read_files(["-", "-"])


def test_a_change_is_seen_in_the_file_as_it_is(write: Write) -> None:
    """Though the copy was unpacked, or is rows of a sheet."""
    for name, content in {"a.csv.gz": gzip.compress(as_csv(PEOPLE)), "b.xlsx": as_xlsx(PEOPLE)}.items():
        source = read_file(path := write(name, content))
        assert source.changed() == ""
        path.write_bytes(content + b"\0")
        assert "has changed since it was checked" in source.changed()


# Cells that every kind can hold as they are: no blanks at their ends, which nobody sees, and no control characters.
_CELL = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp"), exclude_characters="\ufffe\uffff"),
    max_size=12,
).map(str.strip)
_ROWS = st.lists(
    st.tuples(st.integers(0, 9_999_999).map(lambda n: f"+7999{n:07}"), _CELL, _CELL), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
def test_the_same_cells_whatever_the_kind(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    """CSV, JSON lines and XLSX, plain and packed: one list of rows."""
    columns = ("phone", "имя", "c")
    for kind, written in KINDS.items():
        for packed in (False, True):
            content = written(rows, columns)
            path = tmp_path / kind
            path.write_bytes(gzip.compress(content) if packed else content)
            assert told(read_file(path, encoding="utf-8")) == [(n, *row) for n, row in enumerate(rows, 1)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    junk=st.binary(max_size=200), head=st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08", b'{"phone":', b"\xff\xfe"])
)
def test_junk_is_rows_or_a_sentence(tmp_path: Path, junk: bytes, head: bytes) -> None:
    """No bytes end in anything but rows, rejects or BadInput."""
    path = tmp_path / "junk"
    path.write_bytes(head + junk)
    try:
        source = read_file(path)
        numbers = [row.row if isinstance(row, Reject) else row[0] for row in source.rows()]
    except BadInput:
        return

    assert numbers == list(range(1, len(numbers) + 1)) == [number for number, _, _ in source.as_written()]


def test_several_files_are_one(write: Write) -> None:
    """Rows are numbered through; a reject names its file and its own number; columns may stand in any order."""
    first = write("a.csv", as_csv(PEOPLE))
    second = write("b.jsonl", b'{"name": "B", "phone": "+79990000011"}\n{"name": ["x"], "phone": "+79990000012"}\n')
    third = write("c.csv", b"NAME;phone\nC;+79990000021\nD\n")
    drafted = draft([first, second, third], text="Hi {name}")
    source = drafted.source

    assert told(source)[3:] == [
        (4, "+79990000011", "B"),
        (5, "column name: this is a list, and a text takes a word or a number; give its parts names of their own"
            f" ({second}, row 2)"),
        (6, "+79990000021", "C"),
        (7, f"too few columns: 1, but the header has 2 ({third}, row 2)"),
    ]  # fmt: skip
    assert source.places({1, 5, 7}) == {1: (str(first), 1, 2), 5: (str(second), 2, 2), 7: (str(third), 2, 3)}
    assert drafted.name == "a and 2 more"


def test_files_that_do_not_belong_together_are_named(write: Write) -> None:
    """Other columns, the same rows again, or one that is spoilt: nothing of the others is sent either."""
    first = write("a.csv", as_csv(PEOPLE))
    with pytest.raises(BadInput, match=r"b\.csv has other columns than .*a\.csv: it lacks name and has town besides"):
        read_files([first, write("b.csv", b"phone,town\n1,x\n")])
    with pytest.raises(BadInput, match=r"c\.csv\.gz holds the same rows as .*a\.csv: name it once"):
        read_files([first, write("c.csv.gz", gzip.compress(as_csv(PEOPLE)))])
    with pytest.raises(BadInput, match=r"d\.csv is empty"):
        read_files([first, write("d.csv", b"")])
    with pytest.raises(BadInput, match="a CSV, which has no sheets"):
        read_files([first], sheet="one")


def test_a_row_that_ends_early_is_judged_by_what_is_used(write: Write) -> None:
    """Also if its file has its columns in another order."""
    first = write("a.csv", b"phone,name,town\n+79990000001,A,X\n")
    second = write("b.csv", b"phone,town,name\n+79990000002,Y\n")

    assert told(draft([first, second], text="Hi {town}").source)[1] == (2, "+79990000002", "", "Y")
    assert told(draft([first, second], text="Hi {name}").source)[1][1] == (
        f"too few columns: the row ends before name ({second}, row 1)"
    )
