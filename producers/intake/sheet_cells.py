"""A workbook's sheet, read in a process of its own: `python -m smsq.producers.intake.sheet_cells`.

calamine keeps a whole sheet in memory, 250 MB for a million rows of three cells, and Python would keep that until the
end. So a child reads the workbook from standard input and writes rows to standard output, and its memory is gone with
it.

Output are JSON lines: first {"sheet", "sheets", "hidden_rows"} or {"error"}, then for each row that is not blank its
number in the sheet, a tab, and an array of its cells: text, or [text, reason] for a cell that no text may be made of
(`ROUNDED`: no phone).

How a cell becomes text: a whole number is its digits, another number has the 15 digits that a spreadsheet keeps, a
date is 2026-11-29, a moment 2026-11-29 18:30 (with seconds if there are any), a time 18:30, a duration 36:15, a
boolean `true` or `false`; a formula is its value. Merged cells have their value in the first one, hidden rows count
as others.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from posixpath import join, normpath
from typing import IO, Any, Final
from xml.etree import ElementTree

import msgspec

MOST_MEMORY: Final = 4 << 30  # bytes of address space; a sheet that needs more is no list of phones
LOST = "this number has more digits than a spreadsheet keeps (15); format the column as text and write it again"
ROUNDED: Final = "rounded?"  # in place of a reason: a phone that is a number with such an end is one
# What a spreadsheet shows of a long number in a narrow cell, 7.99912E+10, has six digits, so five zeros follow them.
_ZEROS, _LEAST_DIGITS = "00000", 10
_EXACT = 10**15
_ROW_HIDDEN = re.compile(rb'<(?:\w+:)?row\b[^>]*\shidden="(?:1|true)"')
_ERROR = re.compile(rb'<(?:\w+:)?c\b[^>]*\st="e"[^>]*>.*?</(?:\w+:)?c>', re.DOTALL)
_ADDRESS = re.compile(rb'\sr="([A-Z]{1,3})([0-9]{1,7})"')
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]{1,40})</")
_LONGEST_CELL = 4096  # bytes of a cell with an error, its formula among them
_BLOCK = 1 << 20


def main() -> None:
    """Read the workbook; the argument is the sheet's name, or nothing for the first that can be seen."""
    with contextlib.suppress(ImportError):  # only Unix has it
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    out, encode = sys.stdout.buffer, msgspec.json.Encoder().encode
    try:
        for line in read(open(0, "rb", closefd=False), wanted):  # noqa: SIM115 - standard input, seekable
            out.write(line if isinstance(line, bytes) else encode(line) + b"\n")
    except Refused as error:
        out.write(encode({"error": str(error)}) + b"\n")
    out.flush()


class Refused(Exception):
    """The workbook cannot be read, as a sentence without its name."""


def read(stream: IO[bytes], wanted: str | None) -> Iterator[dict[str, Any] | bytes]:
    """The lines of the output."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum
    except ModuleNotFoundError:  # an installation that only sends has none
        raise Refused(
            "is a workbook, and python-calamine is not there to read it: `pip install smsq[worker]` brings it; or save "
            "it as CSV in UTF-8"
        ) from None
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        sheets = [each for each in workbook.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
        names = [each.name for each in sheets]
        visible = [each.name for each in sheets if each.visible == SheetVisibleEnum.Visible]
        name = wanted or next(iter(visible or names), None)
        if name not in names:
            told = ", ".join(names) or "none"
            raise Refused(f"has no sheet {name}; its sheets are: {told}" if name else "has no sheet with cells")
        sheet = workbook.get_sheet_by_name(name)
    except (CalamineError, zipfile.BadZipFile, OSError) as error:
        raise Refused(f"cannot be read as a workbook ({error}): save it again, as XLSX or as CSV in UTF-8") from None
    errors, hidden = _marked_in(stream, name)
    yield {"sheet": name, "sheets": len(visible or names), "hidden_rows": hidden}
    first = sheet.start[1] if sheet.start is not None else 0
    encode = msgspec.json.Encoder().encode
    texts = _TEXTS
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells: list[Any] = [texts[type(cell)](cell) for cell in row]
        if number in errors:
            for place, what in errors[number].items():
                if place - first < len(cells):
                    cells[place - first] = (what, f"a spreadsheet wrote {what} here: its formula failed")
        while cells and not cells[-1]:
            cells.pop()
        if cells and not all(isinstance(cell, str) and not cell.strip() for cell in cells):
            yield b"%d\t%b\n" % (number, encode(cells))


def _number(value: float) -> str | tuple[str, str]:
    """Digits of a whole number; of any other what a spreadsheet keeps of it, never as a power of ten."""
    if value % 1 == 0 and -_EXACT < value < _EXACT:
        digits = str(int(value))
        return (digits, ROUNDED) if digits.endswith(_ZEROS) and len(digits) >= _LEAST_DIGITS else digits
    written = f"{value:.15g}"
    if "e" not in written:
        return written if -_EXACT < value < _EXACT else (written, LOST)
    return f"{value:.20f}".rstrip("0") if abs(value) < 1 else (written.replace("e", "E"), LOST)


def _moment(value: datetime.datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S" if value.second or value.microsecond else "%Y-%m-%d %H:%M")


def _time(value: datetime.time) -> str:
    return value.strftime("%H:%M:%S" if value.second or value.microsecond else "%H:%M")


def _duration(value: datetime.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    shown = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}"
    return f"{shown}:{seconds % 60:02}" if seconds % 60 else shown


_TEXTS: Final[dict[type, Callable[[Any], str | tuple[str, str]]]] = {
    str: lambda value: value,
    float: _number,
    int: lambda value: str(value),
    bool: lambda value: "true" if value else "false",
    datetime.date: lambda value: value.isoformat(),
    datetime.datetime: _moment,
    datetime.time: _time,
    datetime.timedelta: _duration,
    type(None): lambda value: "",
}


def _marked_in(stream: IO[bytes], name: str) -> tuple[dict[int, dict[int, str]], int]:
    """Errors of formulas, by the row's number and the column's place from 0, and how many rows are hidden.

    calamine gives an empty cell for an error, and an empty cell would be sent as a text with nothing in its place.
    """
    errors: dict[int, dict[int, str]] = {}
    hidden = 0
    with zipfile.ZipFile(stream) as archive, archive.open(_member(archive, name)) as sheet:
        rest = b""
        while block := sheet.read(_BLOCK):
            seen = rest + block
            cut = max(0, len(seen) - _LONGEST_CELL)
            cut = seen.rfind(b"</", 0, cut) if len(block) == _BLOCK else len(seen)
            cut = len(seen) if cut < 0 else cut
            end = cut
            for found in _ERROR.finditer(seen):
                if found.start() >= cut:
                    break
                end = max(end, found.end())
                address, value = _ADDRESS.search(found[0]), _VALUE.search(found[0])
                if address is None:
                    raise Refused("has errors of formulas in cells without addresses: save it again, as XLSX or CSV")
                at = errors.setdefault(int(address[2]), {})
                at[_place(address[1])] = value[1].decode("utf-8", "replace") if value else "#ERROR"
            hidden += sum(found.start() < cut for found in _ROW_HIDDEN.finditer(seen))
            rest = seen[end:]
            hidden += sum(found.start() < end for found in _ROW_HIDDEN.finditer(seen, cut))
    return errors, hidden


def _member(archive: zipfile.ZipFile, name: str) -> str:
    """The member of the archive that holds a sheet."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    ids = {
        each.get("name"): next((value for key, value in each.attrib.items() if key.endswith("}id")), "")
        for each in book.iter()
        if each.tag.endswith("}sheet")
    }
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    target = next((each.get("Target", "") for each in relations if each.get("Id") == ids.get(name)), "")
    return target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))


def _place(letters: bytes) -> int:
    """The place of a column from 0: A, B, …, Z, AA."""
    place = 0
    for letter in letters:
        place = place * 26 + letter - 64
    return place - 1


if __name__ == "__main__":
    main()
