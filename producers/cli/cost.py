"""`smsq cost`: what a message, or a whole file, would cost; nothing is sent."""

from __future__ import annotations

from pathlib import Path

import click

from producers.cli.shown import print_json


@click.command("cost")
@click.argument("phone_or_file")
@click.argument("text", required=False)
@click.option("--text", "template", help="The text for a file; may hold {column}.")
@click.option("--sender", help="Sender name.")
@click.option("--phone-column", default="phone", show_default=True, help="The column that holds phones.")
@click.option("--region", default="RU", show_default=True, help="Where phones without a plus are from.")
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def command(
    phone_or_file: str,
    text: str | None,
    template: str | None,
    sender: str | None,
    phone_column: str,
    region: str,
    as_json: bool,
) -> None:
    """Show what TEXT to a phone, or --text to a CSV file's rows, would cost."""
    from producers import preflight
    from producers.api import Smsq
    from producers.drafts import draft

    written = template or text
    if written is None:
        raise click.UsageError("say which text: smsq cost PHONE TEXT, or smsq cost FILE --text TEXT")
    is_file = template is not None or Path(phone_or_file).is_file()
    rows = phone_or_file if is_file else [phone_or_file]
    # A single text is taken as it stands.
    written = written if is_file else written.replace("{", "{{").replace("}", "}}")
    drafted = draft(rows, text=written, sender=sender, phone_column=phone_column, region=region)
    found = preflight.look(drafted.source.rows(), drafted.template, region=drafted.region)
    preflight.require_some(found)
    with Smsq() as smsq:
        price = preflight.price(found, drafted.template, drafted.options, smsq.price)
    if as_json:
        print_json(
            {
                "messages": found.messages,
                "parts": found.parts,
                "cost": float(price.cost),
                "exact": price.is_exact,
            }
        )
    else:
        click.echo(f"{found.messages} messages, {found.parts} parts: {price}")
