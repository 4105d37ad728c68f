"""`smsq campaign report`: what became of every row."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("campaign_id", metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "table"]),
    default="table",
    show_default=True,
    help="Format of the report.",
)
@click.option("--rejects", is_flag=True, help="Only rows that were never sent: invalid ones and duplicates.")
@click.option(
    "--output", "path", type=click.Path(path_type=Path), help="Write to this file.  [default: standard output]"
)
@click.option("--mode", default="600", show_default=True, help="Permissions of that file, as for chmod: 640, 644.")
@click.option(
    "--columns-of",
    type=click.Path(path_type=Path),
    help="The campaign's file; its columns are added to each row of the report.",
)
@click.option("--phone-column", default="phone", show_default=True, help="The column of that file that holds phones.")
@click.option("--encoding", help="Encoding of that file.  [default: UTF-8 or windows-1251]")
def command(
    campaign_id: str,
    form: str,
    rejects: bool,
    path: Path | None,
    mode: str,
    columns_of: Path | None,
    phone_column: str,
    encoding: str | None,
) -> None:
    """Write what became of every row, in the file's order. --columns-of adds the file's own columns.

    Only its owner may read the file that is written, unless --mode says otherwise.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.intake.own_columns import OwnColumns
    from smsq.producers.intake.rows import inspect
    from smsq.producers.report import REJECTED, WRITERS, found_columns, rejected
    from smsq.producers.terminal.files import bits, opened

    may, own = bits(mode), None
    if columns_of is not None:
        own = OwnColumns(inspect(columns_of, phone_column, encoding), REJECTED if rejects else frozenset())
    with Smsq() as smsq:
        found = found_columns(smsq.campaigns.show(campaign_id))
        receipts = smsq.campaigns.report(campaign_id)
        receipts = rejected(receipts) if rejects and own is None else receipts
        with opened(path, may) as out:
            WRITERS[form](receipts, out, own, found)
