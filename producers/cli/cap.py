"""`smsq cap`: how many messages of campaigns one recipient gets."""

from __future__ import annotations

import click

from smsq.producers.terminal import output
from smsq.producers.terminal.display import print_json


@click.command("cap")
@click.argument("written", metavar="[CAP]", required=False)
@click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")
def command(written: str | None, as_json: bool) -> None:
    """Show how many messages of all campaigns together one recipient gets at most, or set it: 3/day,10/week, or none.

    It holds from the next claim on. A message above it is not sent, and ends as capped. Days are those of UTC, a week
    is today and the six days before. Single messages and one-time codes are not counted.
    """
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        if written is not None:
            smsq.caps.set(written)
            output.changed()
        told = smsq.caps.get()
    if as_json:
        print_json({"cap": None if told == "none" else told})
    else:
        click.echo(told)
