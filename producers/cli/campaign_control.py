"""`smsq campaign pause|resume|cancel`: what a person does to a campaign."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from smsq.producers.cli import FAILED
from smsq.producers.terminal import output
from smsq.producers.terminal.display import campaign_object, counted, print_json, talk

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.worker.ledger.views import CampaignView

as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")


@click.command("pause")
@click.argument("campaign_id", metavar="ID")
@as_json_option
def pause(campaign_id: str, as_json: bool) -> None:
    """Stop sending a campaign for now. Requests that are under way are finished."""
    from smsq.producers.api import Smsq

    with Smsq() as smsq:
        _say_state(smsq, smsq.campaigns.pause(campaign_id), as_json)


@click.command("resume")
@click.argument("campaign_id", metavar="ID")
@click.option("--budget", help="New budget: what the campaign may spend in all, including what it has already spent.")
@as_json_option
def resume(campaign_id: str, budget: str | None, as_json: bool) -> None:
    """Resume a paused campaign at its exact next row. --budget sets a new budget.

    If its budget is spent, it stays paused: the exit code is 1, and the message says which budget it needs.
    """
    from smsq.producers.api import Smsq

    with Smsq() as smsq:
        _say_state(smsq, smsq.campaigns.resume(campaign_id, budget=budget), as_json)


@click.command("cancel")
@click.argument("campaign_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Cancel without asking for confirmation.")
@as_json_option
def cancel(campaign_id: str, yes: bool, as_json: bool) -> None:
    """Stop a campaign for ever. Statuses of what the gateway already has are still collected.

    This cannot be undone, so the command asks first; without a terminal it needs --yes.
    """
    from smsq.producers.api import Smsq
    from smsq.worker.domain.campaign import OVER

    with Smsq() as smsq:
        view = smsq.campaigns.show(campaign_id)
        if view.state not in OVER:
            _agree(view, is_agreed=yes)
        _say_state(smsq, smsq.campaigns.cancel(campaign_id), as_json)


COMMANDS = (pause, resume, cancel)


def _agree(view: CampaignView, *, is_agreed: bool) -> None:
    """Show what will never be sent and what cannot be called back, and have somebody agree."""
    from smsq.producers.moments import when
    from smsq.producers.progress import NEVER_LEFT
    from smsq.producers.report import printable
    from smsq.worker.domain.errors import BadInput

    waiting = view.statuses.get("queued", 0)
    left = view.messages - waiting - sum(view.statuses.get(name, 0) for name in NEVER_LEFT)
    of = f"{waiting} of {counted(view.messages, 'message')}"
    more = "" if view.closed else ", and rows that are not in yet,"
    gone = f"{left} {'has' if left == 1 else 'have'} left already" if left else "nothing has left yet"
    question = (
        f"Cancel campaign {view.id} ({printable(view.name)}, created {when(view.created_at)}) for ever? "
        f"{of}{more} will never be sent; {gone}."
    )
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"{question} Nobody can be asked here: add --yes")
    talk(question)
    if not click.confirm("Cancel it?", err=True):
        talk("nothing was cancelled")
        sys.exit(FAILED)


def _say_state(smsq: Smsq, view: CampaignView, as_json: bool) -> None:
    """What it is now, and why it does not move all the same."""
    from smsq.worker.domain.campaign import GOING

    output.changed()
    why = smsq.campaigns.why(view)
    if as_json:
        print_json(campaign_object(view) | ({"waits": why} if why else {}))
        return
    click.echo(f"campaign {view.id} is {view.standing}")
    if why and view.state in GOING:
        talk(f"it waits: {why}")
