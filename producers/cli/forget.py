"""`smsq forget`: erase what is kept of a person."""

from __future__ import annotations

import sys

import click

from smsq.producers.cli import DONE, FAILED
from smsq.producers.terminal import output
from smsq.producers.terminal.display import counted, print_json, talk

SHOWN = 20


@click.command("forget")
@click.argument("phone")
@click.option("--yes", is_flag=True, help="Erase without asking for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")
def command(phone: str, yes: bool, as_json: bool) -> None:
    """Erase what is kept of PHONE (a mail address, a Telegram nick or #id too). - reads it from standard input.

    Recipient and texts go from every message that is over and from rows that were not sent; reports keep the row,
    without a number. An opt-out stays as a keyed hash, so that nothing is sent there. A message in motion is not
    erased: it is named with the reason, the command exits with 1, and the same command finishes the work later.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.fields import recipient_of
    from smsq.producers.optouts import KINDS
    from smsq.producers.terminal.stdin import from_stdin
    from smsq.worker.domain.errors import BadInput

    (phone,) = from_stdin(phone)
    recipient_of(phone, KINDS)
    if not yes and not sys.stdin.isatty():
        raise BadInput("what is erased cannot be brought back. Nobody can be asked here: add --yes")
    if not yes and not click.confirm("Erase what is kept of it? It cannot be brought back.", err=True):
        raise click.Abort
    with Smsq() as smsq, smsq.named():
        done = smsq.optouts.forget(phone)
        output.changed()
    if as_json:
        print_json(
            {
                "messages": done.messages,
                "rows": done.rows,
                "optouts": done.optouts,
                "left": [{"id": each, "reason": why} for each, why in done.left],
            }
        )
    else:
        hashed = f"; {counted(done.optouts, 'opt-out')} kept as a hash" if done.optouts else ""
        click.echo(f"erased: {counted(done.messages, 'message')}, {counted(done.rows, 'unsent row')}{hashed}")
    for each, why in done.left[:SHOWN]:
        talk(f"  not erased: message {each}: {why}")
    if done.left:
        talk(f"{counted(len(done.left), 'message')} cannot be erased yet; the same command goes on later")
    sys.exit(DONE if done.is_whole else FAILED)
