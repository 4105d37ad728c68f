"""Files of rows, whatever kind they are: the door to `rows`, `sheets` and `json_lines`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smsq.producers.intake import kinds
from smsq.producers.intake.encodings import look_through
from smsq.producers.intake.json_lines import read_json_lines
from smsq.producers.intake.rows import read_csv, unread
from smsq.producers.intake.several import OneFile, Several
from smsq.producers.intake.sheets import read_sheet
from smsq.producers.intake.snapshot import STANDARD_INPUT, Snapshot
from smsq.worker.domain.errors import BadInput


def read_files(
    paths: Sequence[str | Path],
    phone_column: str = "phone",
    encoding: str | None = None,
    sheet: str | None = None,
) -> OneFile | Several:
    """One file, or several as one; raises BadInput with what is wrong and what to try."""
    if not paths:
        raise BadInput("no file is named")
    if [str(path) for path in paths].count(STANDARD_INPUT) > 1:
        raise BadInput("standard input (-) can be read once: name it once")
    found = [read_file(path, phone_column, encoding, sheet) for path in paths]
    return found[0] if len(found) == 1 else Several.of(found)


def read_file(
    path: str | Path, phone_column: str = "phone", encoding: str | None = None, sheet: str | None = None
) -> OneFile:
    """Learn how a file is to be read: CSV, JSON lines or XLSX, each perhaps packed by gzip.

    `-` is standard input; `encoding` None has it told from the bytes; `sheet` names a sheet of a workbook. Raises
    BadInput.
    """
    with unread(path):
        snapshot = Snapshot(Path(path), encoding)
    with unread(snapshot.name):
        if not snapshot.size:
            raise BadInput(f"{snapshot.name} is empty")
        kind = kinds.kind_of(snapshot, is_told=encoding is not None)
        if sheet is not None and kind != "xlsx":
            raise BadInput(f"{snapshot.name} is {kinds.CALLED[kind]}, which has no sheets: leave --sheet out")
        found = _read(snapshot, kind, phone_column, encoding, sheet)
    wrong = kinds.mismatch(snapshot.name, kind, was_gzip=snapshot.was_gzip)
    return found.noted(f" (it is {wrong})") if wrong else found


def _read(snapshot: Snapshot, kind: kinds.Kind, phone_column: str, encoding: str | None, sheet: str | None) -> OneFile:
    if kind == "xlsx":
        return read_sheet(snapshot, phone_column, sheet)
    if kind == "json":
        look = look_through(snapshot, snapshot.name, "utf-8" if snapshot.was_utf16 else encoding)
        return read_json_lines(snapshot, phone_column, look.encoding, is_guessed=look.is_guessed)
    return read_csv(snapshot, phone_column, encoding)
