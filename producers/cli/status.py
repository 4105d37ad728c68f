"""`smsq status`: what is known of one message or campaign, and why it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smsq.producers.terminal.display import campaign_object, print_campaign, print_json, print_receipt

if TYPE_CHECKING:
    from smsq.producers.api import Smsq


@click.command("status")
@click.argument("what", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def command(what: str, as_json: bool) -> None:
    """Show what is known of message or campaign ID, and why it waits.

    `smsq send` and reports print ids of messages, such as 4711.0; `smsq campaign run` those of campaigns.
    """
    from smsq.producers.api import Smsq

    with Smsq() as smsq:
        is_message = "." in what or (what.isdigit() and smsq.runtime.views.campaign(what) is None)
        (_message if is_message else _campaign)(smsq, what, as_json)


def _message(smsq: Smsq, message_id: str, as_json: bool) -> None:
    from smsq.producers.machine.sandbox import forgot
    from smsq.producers.report import as_object
    from smsq.worker.domain.status import FINAL_STATUSES

    receipt = smsq.status(message_id)
    is_under_way = receipt.submitted_at and receipt.status not in FINAL_STATUSES
    waits = forgot(receipt.submitted_at + 1) if is_under_way else ""  # a receipt's moments are whole seconds
    waits = waits or smsq.why(receipt)
    if as_json:
        print_json(_with(as_object(receipt), waits))
    else:
        print_receipt(receipt, waits)


def _campaign(smsq: Smsq, campaign_id: str, as_json: bool) -> None:
    from smsq.producers.machine.sandbox import forgotten

    view = smsq.campaigns.show(campaign_id)
    waits = "; ".join(filter(None, (smsq.campaigns.why(view), forgotten(view))))
    if as_json:
        print_json(_with(campaign_object(view), waits))
    else:
        print_campaign(view, waits)


def _with(told: dict[str, Any], waits: str) -> dict[str, Any]:
    return told | ({"waits": waits} if waits else {})
