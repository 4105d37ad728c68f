"""`smsq status`: what is known of one message."""

from __future__ import annotations

import click

from smsq.producers.terminal.display import print_json, print_receipt


@click.command("status")
@click.argument("message_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def command(message_id: str, as_json: bool) -> None:
    """Show what is known of message ID. `smsq send` and reports print these ids."""
    from smsq.producers.api import Smsq
    from smsq.producers.machine.sandbox import forgot
    from smsq.producers.report import as_object
    from smsq.worker.domain.status import FINAL_STATUSES

    with Smsq() as smsq:
        receipt = smsq.status(message_id)
    is_under_way = receipt.submitted_at and receipt.status not in FINAL_STATUSES
    waits = forgot(receipt.submitted_at + 1) if is_under_way else ""  # a receipt's moments are whole seconds
    if as_json:
        print_json(as_object(receipt) | ({"waits": waits} if waits else {}))
    else:
        print_receipt(receipt, waits)
