"""`smsq campaign log`: who did what to a campaign, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from smsq.worker.ledger.campaigns.log import Change, Entry


@click.command("log")
@click.argument("campaign_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")
def command(campaign_id: str, as_json: bool) -> None:
    """List what was done to a campaign: when, by whom, and what it changed. The oldest comes first.

    It is kept as long as the campaign, the latest five hundred entries at most. It holds no phones and no texts.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.terminal.display import print_json, talk

    with Smsq() as smsq:
        entries = smsq.campaigns.log(campaign_id)
    if as_json:
        print_json([_object(entry) for entry in entries])
        return
    if not entries:
        talk(f"nothing is noted of campaign {campaign_id}: it was begun by an earlier version")
    for entry in entries:
        click.echo(_line(entry))


def _line(entry: Entry) -> str:
    from smsq.producers.moments import when
    from smsq.producers.report import printable

    changes = ", ".join(_changed(change) for change in entry.changes)
    said = ": ".join(filter(None, (changes, entry.why)))
    return printable(f"{when(entry.at)}  {entry.by:<20}  {entry.what:<8}  {said}").rstrip()


def _changed(change: Change) -> str:
    before, after = _shown(change.name, change.before), _shown(change.name, change.after)
    return f"{change.name} {before} → {after or 'none'}" if before else f"{change.name} {after or 'none'}"


def _shown(name: str, value: str) -> str:
    """A value for people: a moment in this machine's time."""
    from smsq.producers.moments import when

    return when(float(value)) if name.endswith("_at") and value else value


def _object(entry: Entry) -> dict[str, Any]:
    from smsq.producers.report import iso

    return {
        "at": iso(entry.at),
        "by": entry.by,
        "what": entry.what,
        "why": entry.why,
        "changes": [
            {"name": each.name, "before": _value(each.name, each.before), "after": _value(each.name, each.after)}
            for each in entry.changes
        ],
    }


def _value(name: str, value: str) -> str | None:
    """A value for machines: a moment in UTC, null for none."""
    from smsq.producers.report import iso

    if not value:
        return None
    return iso(float(value)) if name.endswith("_at") else value
