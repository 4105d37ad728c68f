"""`smsq campaign report`: what became of every row, or the totals of it, or a picture over time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.terminal import output
from smsq.producers.terminal.display import print_json
from smsq.worker.domain.errors import BadInput

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.producers.intake.own_columns import OwnColumns
    from smsq.worker.domain.receipt import Receipt
    from smsq.worker.ledger.views import CampaignView

FORMATS = ("csv", "jsonl", "xlsx", "json", "table")
KINDS = ("status", "error", "operator", "country", "hour", "cost")  # of `totals.KINDS`; a test keeps them together
OUT = "--out"


@click.command("report")
@click.argument("campaign_id", metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Format of the report.  [default: by the ending of --out, else table]",
)
@click.option(
    "--only",
    multiple=True,
    help="Only rows of these statuses: failed, delivered, unsent, undecided, rejected, or a status by its name.",
)
@click.option("--rejects", is_flag=True, help="Only rows that were never sent: invalid ones and duplicates.")
@click.option("--totals", is_flag=True, help="Not the rows, but how many, their parts and their cost.")
@click.option("--by", "kinds", multiple=True, type=click.Choice(KINDS), help="Totals by this.  [default: status]")
@click.option("--timeline", is_flag=True, help="Not the rows, but a picture of what left and what ended, over time.")
@click.option("--json", "as_json", is_flag=True, help="Totals and timeline for machines, as one object.")
@click.option(
    OUT,
    "--output",
    "path",
    type=click.Path(path_type=Path),
    help="Write to this file, which is there only once it is whole.  [default: standard output]",
)
@click.option("--mode", default="600", show_default=True, help="Permissions of that file, as for chmod: 640, 644.")
@click.option(
    "--columns-of",
    type=click.Path(path_type=Path),
    multiple=True,
    help="The campaign's file, or each of them; its columns are added to each row of the report.",
)
@click.option("--phone-column", help="The column of that file that holds phones.  [default: as the campaign read it]")
@click.option("--encoding", help="Encoding of that file.  [default: as the campaign read it]")
def command(
    campaign_id: str,
    form: str | None,
    only: tuple[str, ...],
    rejects: bool,
    totals: bool,
    kinds: tuple[str, ...],
    timeline: bool,
    as_json: bool,
    path: Path | None,
    mode: str,
    columns_of: tuple[Path, ...],
    phone_column: str | None,
    encoding: str | None,
) -> None:
    """Write what became of every row, in the file's order. --columns-of adds the file's own columns.

    --totals sums it up by status, error, operator, country, hour or cost; --timeline draws it over time. Only its owner
    may read the file that is written, unless --mode says otherwise. No cell of CSV or XLSX is a formula.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.report import REJECTED
    from smsq.producers.report_choice import chosen
    from smsq.producers.report_choice import only as of_these
    from smsq.producers.terminal.files import bits

    statuses = chosen(only) | (REJECTED if rejects else frozenset())
    is_summed = totals or timeline or bool(kinds)
    _check_together(form, is_summed=is_summed, as_json=as_json, columns_of=columns_of)
    may = bits(mode)
    if is_summed:
        with Smsq() as smsq:
            view = smsq.campaigns.show(campaign_id)
            receipts = of_these(smsq.campaigns.report(campaign_id), statuses)
            summed = _Summed(view, kinds or (() if timeline and not totals else ("status",)), timeline)
            summed.write(receipts, path, may, as_json=as_json)
        return
    with Smsq() as smsq:
        own = _own_columns(smsq, campaign_id, columns_of, phone_column, encoding, statuses) if columns_of else None
        _write(smsq, campaign_id, form or _form_of(path), own, statuses, path, may)


def _check_together(form: str | None, *, is_summed: bool, as_json: bool, columns_of: Sequence[Path]) -> None:
    """Raise BadInput for options that make no sense together."""
    if as_json and not is_summed:
        raise BadInput("--json is for --totals and --timeline; rows for machines are --format jsonl, json or csv")
    if is_summed and (form is not None or columns_of):
        raise BadInput("--format and --columns-of are for rows, and totals have none: leave them out, or add --json")


def _form_of(path: Path | None) -> str:
    """The format that the ending of a file names; `.jsonl` may also be `.ndjson`."""
    ending = path.suffix.lower().removeprefix(".") if path is not None else ""
    return {"ndjson": "jsonl"}.get(ending, ending if ending in FORMATS else "table")


def _own_columns(
    smsq: Smsq,
    campaign_id: str,
    files: tuple[Path, ...],
    phone_column: str | None,
    encoding: str | None,
    statuses: frozenset[str],
) -> OwnColumns:
    """The columns of these files, which are read as the campaign read its own unless it is said otherwise."""
    import msgspec

    from smsq.producers.intake.own_columns import OwnColumns
    from smsq.producers.intake.sources import read_again
    from smsq.worker.domain.read_as import ReadAs

    said = smsq.campaigns.show(campaign_id).read_as or ReadAs(files=())
    told = {"phone_column": phone_column, "encoding": encoding}
    said = msgspec.structs.replace(said, **{name: value for name, value in told.items() if value is not None})
    return OwnColumns(read_again(said, files).using(()), statuses)


def _write(
    smsq: Smsq, campaign_id: str, form: str, own: Any, statuses: frozenset[str], path: Path | None, may: int
) -> None:
    """Every row that is wanted, in this format."""
    from smsq.producers.report import WRITERS, found_columns
    from smsq.producers.report_choice import only
    from smsq.producers.terminal.files import opened, opened_bytes

    if form == "xlsx" and path is None:
        raise BadInput(f"a workbook is no text for a terminal or a pipe: say where it goes, {OUT} report.xlsx")
    view = smsq.campaigns.show(campaign_id)
    found = found_columns(view)
    receipts = smsq.campaigns.report(campaign_id)
    receipts = only(receipts, statuses) if own is None else receipts  # a file is compared with all rows
    if form == "xlsx" and path is not None:
        from smsq.producers.report_sheets import write_xlsx

        with opened_bytes(path, may) as book:
            folder = Path(os.path.realpath(path)).parent if path.is_file() or not path.exists() else None
            write_xlsx(receipts, book, own, found, folder=folder)
        return
    with opened(path, may) as out:
        if form == "table":
            out.writelines(f"{line}\n" for line in head_lines(view))
        WRITERS[form](receipts, out, own, found)


def head_lines(view: CampaignView) -> Iterator[str]:
    """Which campaign a report for people is of, and which saved template its text was; nothing without a template."""
    from smsq.producers.report import printable

    if view.saved_as:
        yield printable(f"campaign {view.id} ({view.name}), template {view.saved_as}")


class _Summed:
    """Totals and timeline of one campaign, made in one reading."""

    def __init__(self, view: CampaignView, kinds: Sequence[str], with_timeline: bool) -> None:
        from smsq.producers.timeline import Timeline
        from smsq.producers.totals import Totals

        self._view = view
        self._totals = Totals(tuple(dict.fromkeys(kinds)))
        self._has_kinds = bool(kinds)
        self._timeline = Timeline() if with_timeline else None

    def write(self, receipts: Iterator[Receipt], path: Path | None, may: int, *, as_json: bool) -> None:
        """Read everything, then write it."""
        from smsq.producers.terminal.files import opened

        for receipt in receipts:
            self._totals.add(receipt)
            if self._timeline is not None:
                self._timeline.add(receipt)
        if as_json and path is None:
            print_json(self._object())
            return
        with opened(path, may) as out:
            if as_json:
                import json

                out.write(json.dumps(self._object(), ensure_ascii=False) + "\n")
                return
            is_drawn = path is None and out.isatty()
            out = output.screen(out) if is_drawn else out
            for line in self._lines(is_drawn, getattr(out, "encoding", None) or "utf-8"):
                out.write(line + "\n")

    def _object(self) -> dict[str, Any]:
        told = {"id": self._view.id, "name": self._view.name, "template": self._view.saved_as or None}
        told |= self._totals.as_object()
        return told if self._timeline is None else told | {"timeline": self._timeline.as_object()}

    def _lines(self, is_drawn: bool, encoding: str) -> Iterator[str]:
        from smsq.producers.timeline import draws_plainly, may_colour

        yield from head_lines(self._view)
        if self._has_kinds:
            yield from self._totals.lines()
        if self._timeline is not None:
            yield from self._timeline.lines(
                shutil.get_terminal_size().columns,
                is_plain=draws_plainly(os.environ, encoding),
                is_coloured=may_colour(os.environ, is_terminal=is_drawn),
            )
