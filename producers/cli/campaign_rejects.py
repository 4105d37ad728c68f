"""`smsq campaign rejects`: the rows that could not be sent, to be mended and run as a campaign of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smsq.producers.terminal.display import counted, talk

if TYPE_CHECKING:
    from smsq.producers.intake.rejects import Rejected
    from smsq.producers.intake.several import OneFile
    from smsq.worker.domain.read_as import ReadAs

FORMS = ("csv", "jsonl", "xlsx")


@click.command("rejects")
@click.argument("campaign_id", metavar="ID")
@click.argument("files", metavar="[FILE]...", type=click.Path(path_type=Path), nargs=-1)
@click.option("--format", "form", type=click.Choice(FORMS), help="Form of the rows.  [default: by --out, else as FILE]")
@click.option("--duplicates", is_flag=True, help="Also rows whose phone is in an earlier row.")
@click.option("--out", "path", type=click.Path(path_type=Path), help="Write to this file.  [default: standard output]")
@click.option("--mode", default="600", show_default=True, help="Permissions of that file, as for chmod: 640, 644.")
def command(
    campaign_id: str,
    files: tuple[Path, ...],
    form: str | None,
    duplicates: bool,
    path: Path | None,
    mode: str,
) -> None:
    """Write the rows of a campaign that could not be sent, as FILE has them, each with the reason in front.

    Mend them and run the file as a campaign of its own; the column smsq_reason is ignored then. FILE is read where the
    campaign found it, unless it is named because it has moved.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.intake.rejects import MENDED, rejected_rows
    from smsq.producers.intake.sources import read_again
    from smsq.producers.terminal.files import bits

    may = bits(mode)
    with Smsq() as smsq:
        source = read_again(_said(campaign_id, smsq.campaigns.show(campaign_id).read_as, files), files)
        statuses = MENDED | ({"duplicate"} if duplicates else frozenset())
        rows = rejected_rows(source, smsq.campaigns.report(campaign_id), statuses)
        many = _write(source, rows, form, path, may)
    where = f" in {path}" if path is not None else ""
    talk(f"{counted(many, 'row')}{where} to mend" if many else "no row of it needs mending")


def _said(campaign_id: str, told: ReadAs | None, files: tuple[Path, ...]) -> ReadAs:
    """How the files are read: as the campaign read them; raises BadInput if it had none and none is named."""
    from smsq.worker.domain.errors import BadInput
    from smsq.worker.domain.read_as import ReadAs

    if told is not None:
        return told
    if not files:
        raise BadInput(
            f"campaign {campaign_id} was made of rows that a program or a pipe gave: name a file with the same rows"
        )
    return ReadAs(files=tuple(map(str, files)))


def _write(source: OneFile, rows: Rejected, form: str | None, path: Path | None, may: int) -> int:
    from smsq.producers.intake import rejects
    from smsq.producers.terminal.files import opened, opened_bytes
    from smsq.worker.domain.errors import BadInput

    named = path.suffix.lower().removeprefix(".") if path is not None else ""
    own = {"json": "jsonl", "xlsx": "xlsx" if path is not None else "csv"}.get(source.kind, "csv")
    form = form or {"ndjson": "jsonl"}.get(named, named if named in FORMS else own)
    if form != "xlsx":
        with opened(path, may) as out:
            return (rejects.write_jsonl if form == "jsonl" else rejects.write_csv)(source, rows, out)
    if path is None:
        raise BadInput("a workbook is no text for a terminal or a pipe: say where it goes, --out rejects.xlsx")
    with opened_bytes(path, may) as book:
        return rejects.write_xlsx(source, rows, book)
