"""Reports: the receipt of every row as CSV, JSON, JSON lines or a table, streamed row by row.

People open a report in spreadsheets, and its cells have values that strangers wrote, so no cell of the CSV may be a
formula. A plus with digits is left as it is: evaluated it is the same number, and the report can be read as a
campaign's file again. JSON is for programs, which evaluate nothing: its values are as they are. XLSX has types instead
(`report_sheets.py`).
"""

from __future__ import annotations

import csv
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from smsq.producers.intake.own_columns import OwnColumns
from smsq.producers.moments import plain, when
from smsq.producers.moments import printable as printable
from smsq.producers.waits import reason
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.result import fields_of
from smsq.worker.ledger.campaigns.lately import WAYS
from smsq.worker.ledger.views import CampaignView

COLUMNS: Final = (
    *("row", "phone", "status", "error_code", "error", "gateway_id", "parts", "cost", "attempts"),
    *("submitted_at", "status_at", "id", "reference", "operator"),
)
TAG: Final = "tag_"  # begins the name of a column that holds a tag
REJECTED: Final = frozenset({"invalid", "duplicate"})

# What a spreadsheet takes for a formula, also behind blanks and quotes, in its full-width forms too.
_FORMULA = re.compile("[\\s\"'\u200b\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20\u2212]")
_PHONE = re.compile(r"\+[0-9]{1,15}")
_CONTROL = ("\t", "\r", "\n", "\0")


def write_csv(
    receipts: Iterable[Receipt], out: TextIO, own: OwnColumns | None = None, found: Sequence[str] = ()
) -> None:
    """Header and rows, RFC 4180; `out` should not translate newlines.

    Behind the columns of every report are those of results, whose names are `found`, and then the file's own.
    """
    writer = csv.writer(out)
    columns = (*COLUMNS, *found)
    if own is None:
        writer.writerow(columns)
        writer.writerows(_csv_row(each, found) for each in receipts)
        return
    writer.writerow((*columns, *(safe(apart(name, columns)) for name in own.names)))
    writer.writerows((*_csv_row(each, found), *map(safe, cells)) for each, cells in own.beside(receipts))


def write_json(
    receipts: Iterable[Receipt], out: TextIO, own: OwnColumns | None = None, found: Sequence[str] = ()
) -> None:
    """An array of objects, one in each line, so that it need not be read at once; own columns under `columns`.

    An object has its result as far as there is one, whatever `found` names.
    """
    separator = "[\n"
    for each in _objects(receipts, own):
        out.write(separator + json.dumps(each, ensure_ascii=False))
        separator = ",\n"
    out.write("[]\n" if separator == "[\n" else "\n]\n")


def _objects(receipts: Iterable[Receipt], own: OwnColumns | None) -> Iterator[dict[str, Any]]:
    if own is None:
        return (as_object(each) for each in receipts)
    return (
        as_object(each) | {"columns": dict(zip(own.names, cells, strict=False))} for each, cells in own.beside(receipts)
    )


def apart(name: str, columns: Sequence[str]) -> str:
    """A name for a column of the file that differs from the report's own names."""
    return f"file_{name}" if name in columns else name


def write_table(
    receipts: Iterable[Receipt], out: TextIO, own: OwnColumns | None = None, found: Sequence[str] = ()
) -> None:
    """Columns for people, none of the file's own; widths are fixed, so that rows can be shown as they come.

    What a probe found is in the last column.
    """
    if own is not None:
        raise BadInput("a table has no room for the file's own columns: use --format csv or json")
    out.write(f"{'row':>7}  {'id':<12} {'phone':<16} {'status':<13} {'parts':>5} {'cost':>8}  {'at':<25}  why\n")
    for each in receipts:
        why = each.error or reason(each.why) or ", ".join(_in_words(each)) * bool(found)
        out.write(
            f"{each.row or '':>7}  {each.id:<12} {printable(each.phone):<16} {each.status:<13} {each.parts or '':>5} "
            f"{plain(each.cost) if each.cost else '':>8}  {when(each.status_at):<25}  {printable(why)}".rstrip()
            + "\n"
        )


def _in_words(receipt: Receipt) -> Iterator[str]:
    """Where a probe found the phone."""
    told = receipt.result
    for prefix, word in (("", ""), ("roaming_", "now in ")):
        place = [told[name] for name in (f"{prefix}country", f"{prefix}network") if name in told]
        if place:
            yield word + " ".join(place)


def write_lines(
    receipts: Iterable[Receipt], out: TextIO, own: OwnColumns | None = None, found: Sequence[str] = ()
) -> None:
    """JSON lines: the objects of `write_json`, one in each line."""
    for each in _objects(receipts, own):
        out.write(json.dumps(each, ensure_ascii=False) + "\n")


WRITERS: Final[dict[str, Callable[[Iterable[Receipt], TextIO, OwnColumns | None, Sequence[str]], None]]] = {
    "csv": write_csv,
    "json": write_json,
    "jsonl": write_lines,
    "table": write_table,
}


def found_columns(view: CampaignView) -> Sequence[str]:
    """Columns of a campaign's report for what its messages find out; none for most campaigns."""
    return (*fields_of(view.options.channel), *(name for name in view.words if name != "reference"))


def cell_of(receipt: Receipt, name: str) -> str:
    """What one of those columns holds: a key, a tag, a sender or a channel, or a part of a result."""
    if name.startswith(TAG):
        return receipt.tags.get(name.removeprefix(TAG), "")
    if name in WAYS:
        return receipt.sender if name == "sender" else receipt.channel
    return receipt.key if name == "key" else receipt.result.get(name, "")


def rejected(receipts: Iterable[Receipt]) -> Iterator[Receipt]:
    """The rows that were never messages: invalid rows and duplicates."""
    return (each for each in receipts if each.status in REJECTED)


def as_object(receipt: Receipt) -> dict[str, Any]:
    """A receipt for machines; times in ISO 8601, null if nothing happened yet, cost a number."""
    told: dict[str, Any] = {
        "id": receipt.id,
        "phone": receipt.phone,
        "status": receipt.status,
        "gateway_id": receipt.gateway_id,
        "error_code": receipt.error_code,
        "error": receipt.error,
        "parts": receipt.parts,
        "cost": float(receipt.cost),
        "attempts": receipt.attempts,
        "submitted_at": iso(receipt.submitted_at) or None,
        "status_at": iso(receipt.status_at) or None,
    }
    if receipt.row is not None:
        told = {"row": receipt.row, **told}
    if receipt.reference:
        told["reference"] = receipt.reference
    if receipt.tags:
        told["tags"] = dict(receipt.tags)
    if receipt.key:
        told["key"] = receipt.key
    if receipt.channel:
        told |= {"sender": receipt.sender, "channel": receipt.channel}
    if named := operator(receipt):
        told["operator"] = named
    if receipt.result:
        told["result"] = dict(receipt.result)
    if receipt.campaign:
        told["campaign"] = receipt.campaign
    if receipt.may_double:
        told["may_double"] = True
    if receipt.why:
        told |= {"why": receipt.why, "why_in_words": reason(receipt.why)}
    return told


def operator(receipt: Receipt) -> str:
    """The operator that the gateway named for this phone: its name, else its code; '' if it named none.

    It is kept of probes; a phone's digits say nothing sure of it, since people keep their numbers.
    """
    told = receipt.result
    return told.get("network") or told.get("mcc", "") + told.get("mnc", "")


@functools.lru_cache(maxsize=4096)  # messages of one request have it in common
def iso(at: float) -> str:
    """A moment in UTC; nothing for 0.

    >>> iso(1_700_000_000), iso(0)
    ('2023-11-14T22:13:20Z', '')
    """
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def safe(cell: str) -> str:
    """A cell that no spreadsheet evaluates: what could be a formula gets an apostrophe in front."""
    if cell[:1].isalnum() or _PHONE.fullmatch(cell):  # no sign of a formula is a letter, and none can follow one
        return cell
    return "'" + cell if cell.startswith(_CONTROL) or _FORMULA.match(cell) else cell


def _csv_row(each: Receipt, found: Sequence[str]) -> tuple[object, ...]:
    return (
        "" if each.row is None else each.row,
        safe(each.phone),
        each.status,
        each.error_code,
        safe(each.error or reason(each.why)),
        "" if each.gateway_id is None else each.gateway_id,
        each.parts,
        plain(each.cost),
        each.attempts,
        iso(each.submitted_at),
        iso(each.status_at),
        each.id,
        safe(each.reference),
        safe(operator(each)),
        *(safe(cell_of(each, name)) for name in found),
    )
