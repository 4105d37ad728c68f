"""A workbook as rows: a child reads it (`sheet_cells`), and its rows are kept as text.

The header is the first row, among the first twenty, that has a column for phones; titles may stand above it. Blank rows
are none, as in a CSV. The child's memory is gone before the first row is looked at.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

import msgspec

from smsq.producers.intake import sheet_cells
from smsq.producers.intake.rows import phone_place, tidy
from smsq.producers.intake.snapshot import Snapshot
from smsq.producers.intake.stored import Store, Stored
from smsq.worker.domain.errors import BadInput

HEADER_WITHIN: Final = 20  # rows that are not blank
# One in 100,000 phones has such an end by itself; if a spreadsheet has rounded them, all or many have.
LEAST_ROWS_OF_ROUNDED: Final = 1000
WHY_ROUNDED = (
    "this number ends in five zeros, as one does whose digits a spreadsheet lost; if it is right, format the cell "
    "as text"
)
_CELLS = msgspec.json.Decoder(list[str | tuple[str, str]])


def read_sheet(snapshot: Snapshot, phone_column: str, sheet: str | None) -> Stored:
    """The rows of a workbook's sheet, by default of the first that can be seen; raises BadInput."""
    store = Store()
    with _child(snapshot, sheet) as (told, lines):
        columns, phone_at = _header(lines, snapshot.name, phone_column, told["sheet"])
        store.header(columns)
        rounded = _keep(lines, store, phone_at)
    notes = [f"{snapshot.name} read as a workbook: sheet {told['sheet']}"]
    if told["sheets"] > 1 and sheet is None:
        notes.append(f"the first of {told['sheets']} (--sheet names another)")
    if told["hidden_rows"]:
        notes.append(f"{told['hidden_rows']} hidden rows are read too")
    return Stored(
        snapshot=snapshot,
        store=store,
        name=snapshot.name,
        kind="xlsx",
        described=", ".join(notes),
        columns=columns,
        phone_at=phone_at,
        sheet=told["sheet"],
        forgiven=WHY_ROUNDED if rounded * LEAST_ROWS_OF_ROUNDED <= store.rows else "",
    )


def _keep(lines: Iterator[tuple[int, list[Any]]], store: Store, phone_at: int) -> int:
    """Store every row; how many phones may be rounded."""
    rounded = 0
    for number, cells in lines:
        marked = {}
        for at, cell in enumerate(cells):
            if type(cell) is tuple:
                cells[at], reason = cell
                if reason != sheet_cells.ROUNDED:
                    marked[at] = reason
                elif at == phone_at:
                    marked[at] = WHY_ROUNDED
                    rounded += 1
        store.add(number, cells, marked)
    return rounded


def _header(
    lines: Iterator[tuple[int, list[Any]]], name: str, phone_column: str, sheet: str
) -> tuple[tuple[str, ...], int]:
    """The names of the columns, and the place of the phones; `lines` is then at the first row of data."""
    wanted, first = tidy(phone_column).casefold(), None
    for _, (_, cells) in zip(range(HEADER_WITHIN), lines, strict=False):
        names = tuple(tidy(cell if isinstance(cell, str) else cell[0]) for cell in cells)
        first = first or names
        if wanted in map(str.casefold, names):
            return _checked(names, name), phone_place(names, phone_column, name)
    if first is None:
        raise BadInput(f"{name}: sheet {sheet} is empty")
    return first, phone_place(first, phone_column, name, f" in sheet {sheet}")


def _checked(names: Sequence[str], name: str) -> tuple[str, ...]:
    twice = {each for each in names if names.count(each) > 1 and each}
    if twice:
        raise BadInput(f"{name}: the header names {', '.join(sorted(twice))} more than once")
    return tuple(names)


@contextlib.contextmanager
def _child(snapshot: Snapshot, sheet: str | None) -> Iterator[tuple[dict[str, Any], Iterator[tuple[int, list[Any]]]]]:
    """What a child tells of the sheet, and its rows; raises BadInput for what it refuses, and if it does not live."""
    argv = [sys.executable, "-P", "-m", sheet_cells.__name__, *([sheet] if sheet is not None else [])]
    process = subprocess.Popen(argv, stdin=snapshot.as_input(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    try:
        told = _read(process.stdout.readline(), process, snapshot.name)
        if "error" in told:
            raise BadInput(f"{snapshot.name} {told['error']}")
        yield told, _rows(process.stdout)
        _check_end(process, snapshot.name)
    finally:
        process.kill()
        process.communicate()


def _rows(stream: IO[bytes]) -> Iterator[tuple[int, list[Any]]]:
    for line in stream:
        number, _, cells = line.partition(b"\t")
        if not line.endswith(b"\n"):
            return  # it died while it wrote: its exit code tells
        yield int(number), _CELLS.decode(cells)


def _read(line: bytes, process: subprocess.Popen[bytes], name: str) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        _check_end(process, name)
        raise BadInput(f"{name} cannot be read as a workbook: save it again, as XLSX or as CSV in UTF-8")
    told: dict[str, Any] = msgspec.json.decode(line)
    return told


def _check_end(process: subprocess.Popen[bytes], name: str) -> None:
    """Raise BadInput if the child ended before it had read everything."""
    stderr = process.communicate()[1].decode("utf-8", "replace").strip()
    if process.returncode == 0:
        return
    most = sheet_cells.MOST_MEMORY >> 30
    if process.returncode in (-signal.SIGABRT, -signal.SIGKILL) or "MemoryError" in stderr:
        raise BadInput(
            f"{name} needs more than the memory that is there, or than {most} GB: a cell far below or beside the rows "
            "makes a sheet so large; save its rows as CSV in UTF-8"
        )
    why = stderr.splitlines()[-1] if stderr else f"exit code {process.returncode}"
    raise BadInput(f"{name} cannot be read as a workbook ({why}): save it again, as XLSX or as CSV in UTF-8")
