"""`smsq campaign set`: change what a campaign goes by while it runs; and the same options of `campaign run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from smsq.producers.terminal import output
from smsq.producers.terminal.display import campaign_object, print_json, talk

NONE = "none"


def pace_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `campaign run` that say how it shares, and what pauses it by itself."""
    flags = (
        click.option("--weight", metavar="N", help="Share beside other campaigns that send.  [default: 1]"),
        click.option(
            "--stop-if-bad",
            metavar="PERCENT",
            help="Pause if so many of the latest messages fail, or none.  [default: SMSQ_STOP_IF_BAD]",
        ),
        click.option("--auto-resume", is_flag=True, help="If a low balance pauses it, go on by itself after a top-up."),
    )
    for flag in reversed(flags):
        command = flag(command)
    return command


@click.command("set")
@click.argument("campaign_id", metavar="ID")
@click.option("--name", help="Another name.")
@click.option("--rate", metavar="N", help="Most parts per second, or none.")
@click.option("--window", metavar="HOURS", help="Sending hours such as 9-21, or none.")
@click.option("--budget", metavar="AMOUNT", help="What it may spend in all, with what it has spent already, or none.")
@click.option("--weight", metavar="N", help="Share beside other campaigns; a new one has 1.")
@click.option("--stop-if-bad", metavar="PERCENT", help="Pause if so many of the latest messages fail; none, default.")
@click.option("--auto-resume/--no-auto-resume", default=None, help="Go on by itself after a pause for low balance.")
@click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")
def command(campaign_id: str, as_json: bool, **wishes: Any) -> None:
    """Change a campaign while it runs. It stays in force if the campaign's file is run again.

    A new rate holds within a second. A paused campaign stays paused until it is resumed.
    """
    from smsq.producers.api import Smsq

    given = {name: _value(name, value) for name, value in wishes.items() if value is not None}
    with Smsq() as smsq:
        changed = smsq.campaigns.set(campaign_id, **given)
        output.changed()
        view = smsq.campaigns.show(campaign_id)
        why = smsq.campaigns.why(view)
    if as_json:
        told = [{"name": each.name, "before": each.before, "after": each.after} for each in changed]
        print_json(campaign_object(view) | {"changed": told} | ({"waits": why} if why else {}))
        return
    click.echo(f"campaign {campaign_id}: {', '.join(map(str, changed)) or 'nothing to change, it is so already'}")
    if why:
        talk(f"it waits: {why}")


def _value(name: str, written: Any) -> Any:
    """A wish as `Campaigns.set` takes it; the word for none depends on what it is said of."""
    if name in ("rate", "window", "budget") and written == NONE:
        return None
    if name == "stop_if_bad" and written == "default":
        return None
    return written
