"""`smsq balance`: what is left on the account."""

from __future__ import annotations

import click

from smsq.producers.terminal.display import print_json


@click.command("balance")
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def command(as_json: bool) -> None:
    """Show what is left on the account. A worker asks the gateway, so one must be up."""
    from smsq.producers.api import Smsq
    from smsq.producers.moments import plain

    with Smsq() as smsq:
        balance, currency = smsq.balance()
    if as_json:
        print_json({"balance": float(balance), "currency": currency})
    else:
        click.echo(f"{plain(balance)} {currency}".strip())
