"""`smsq campaign retry|copy|edit`: campaigns that are made of an earlier one, whose file is not needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import DONE
from smsq.producers.cli.campaign_begin import agree, begin, followed, opened, say_why_it_waits
from smsq.producers.cli.message_options import named_columns, per_row_flag, zone_unknown_flag
from smsq.producers.terminal import output
from smsq.producers.terminal.display import campaign_object, counted, print_campaign, print_json, talk
from smsq.worker.domain.read_as import SEVERAL_PHONES

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.producers.campaigns.remade import Remade
    from smsq.worker.ledger.views import CampaignView

Command = Any
LATER = (
    click.option("--name", help="Name of the new campaign.  [default: that of campaign ID, and (again)]"),
    click.option("--rate", type=float, help="Most parts per second.  [default: as campaign ID]"),
    click.option("--at", help="Begin at this moment, as for `campaign run`.  [default: at once]"),
    click.option("--window", help="Send only between these hours of this machine.  [default: as campaign ID]"),
    click.option("--budget", help="Pause it once it has spent this much, in the account's currency.  [default: none]"),
    click.option("--on-doubt", type=click.Choice(["ask", "park"]), help="As for `campaign run`.  [default: as ID]"),
    click.option("--yes", is_flag=True, help="Send without asking for confirmation."),
    click.option("--follow", is_flag=True, help="Show progress until every message is final or parked."),
    click.option("--json", "as_json", is_flag=True, help="For machines, on standard output."),
)


dry_run_flag = click.option("--dry-run", is_flag=True, help="Only say what would be enrolled. Nothing is written.")


def later_flags(function: Command) -> Command:
    """Give a command what can be otherwise in a campaign that is made of an earlier one."""
    for option in reversed(LATER):
        function = option(function)
    return function


@click.command("retry")
@click.argument("campaign_id", metavar="ID")
@click.option("--failed", is_flag=True, help="Messages that expired, were undeliverable or refused; the default.")
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    help="Of the failed only those: expired, undeliverable, refused, or an error code. May be given several times.",
)
@click.option("--unsent", is_flag=True, help="Messages that never left, as of a cancelled campaign.")
@click.option("--parked", is_flag=True, help="Messages that `smsq doubts drop` gave up: they MAY HAVE ARRIVED.")
@click.option("--again", is_flag=True, help="Also messages that another campaign has sent meanwhile.")
@later_flags
@dry_run_flag
def retry(
    campaign_id: str,
    failed: bool,
    reasons: Sequence[str],
    unsent: bool,
    parked: bool,
    again: bool,
    dry_run: bool,
    yes: bool,
    follow: bool,
    as_json: bool,
    **otherwise: Any,
) -> None:
    """Send again what campaign ID did not bring to its recipients, as a new campaign.

    Needs no file: texts, sender and options are those of each message. Each message is retried once: the same command
    goes on where it was interrupted, and afterwards adds nothing. What fails again belongs to the new campaign: retry
    that one. Campaign ID must be over.
    """
    with opened() as smsq:
        wanted = smsq.campaigns.wanted(failed=failed, unsent=unsent, parked=parked, reasons=reasons)
        remade = smsq.campaigns.retried(campaign_id, wanted, again=again, **otherwise)
        _say(remade)
        if wanted.parked:
            talk("these messages may have arrived: a person gave them up, so some recipients may get them TWICE")
        if dry_run:
            _would(remade, as_json)
            return
        remade = _agreed(smsq, remade, is_agreed=yes, **otherwise)
        view = smsq.campaigns.enrol_remade(remade, of=len(remade.rows))
        _end(smsq, view, follow, as_json)


@click.command("copy")
@click.argument("campaign_id", metavar="ID")
@click.option("--text", help="Another text, the same for all: the file's columns are not kept.")
@click.option("--sender", help="Another sender.")
@click.option("--again", is_flag=True, help="One more copy, though the same one was made already and is over.")
@later_flags
@dry_run_flag
def copy(
    campaign_id: str,
    text: str | None,
    sender: str | None,
    again: bool,
    dry_run: bool,
    yes: bool,
    follow: bool,
    as_json: bool,
    **otherwise: Any,
) -> None:
    """Send all messages of campaign ID once more, as a new campaign, with what the options change.

    Needs no file: rows, texts, sender and options are those of campaign ID.
    """
    with opened() as smsq:
        remade = smsq.campaigns.copied(campaign_id, text=text, sender=sender, again=again, **otherwise)
        _say(remade)
        if dry_run:
            _would(remade, as_json)
            return
        remade = _agreed(smsq, remade, is_agreed=yes, **otherwise)
        _end(smsq, smsq.campaigns.enrol_remade(remade, of=len(remade.rows)), follow, as_json)


@click.command("edit")
@click.argument("campaign_id", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--text", help="Another text; {column} needs FILE. With FILE it may stay as it was.")
@click.option("--sender", help="Another sender.")
@click.option("--phone-column", help="The column of FILE that holds recipients.")
@click.option("--region", help="Country of phones in FILE that have no plus.")
@click.option("--encoding", help="Encoding of FILE, such as koi8-r.")
@click.option("--sheet", help="Sheet of FILE, if that is a workbook.")
@click.option("--several-phones", type=click.Choice(SEVERAL_PHONES), help="What becomes of a cell of FILE with two.")
@per_row_flag
@zone_unknown_flag
@later_flags
def edit(
    campaign_id: str,
    file: Path | None,
    text: str | None,
    sender: str | None,
    phone_column: str | None,
    region: str | None,
    encoding: str | None,
    sheet: str | None,
    several_phones: str | None,
    per_row: Sequence[str],
    zone_unknown: str | None,
    yes: bool,
    follow: bool,
    as_json: bool,
    **otherwise: Any,
) -> None:
    """Change campaign ID, of which nothing was handed out yet.

    Its name, moment, rate, window and budget change in place. With another text or sender a new campaign of the same
    rows takes its place, whose id is printed, and campaign ID is cancelled. With FILE the rows are read anew.
    """
    with opened() as smsq:
        if file is not None:
            read: dict[str, Any] = {
                "phone_column": phone_column,
                "region": region or "RU",
                "encoding": encoding,
                "sheet": sheet,
                "several_phones": several_phones,
                "per_row": named_columns(per_row) or None,
                "zone_unknown": zone_unknown,
            }
            drafted = smsq.campaigns.replacing(campaign_id, file, text=text, sender=sender, **read, **otherwise)
            view = begin(smsq, drafted, name=otherwise["name"], on_doubt=otherwise["on_doubt"], yes=yes)
            talk(f"campaign {view.id} takes the place of campaign {campaign_id}, which is cancelled")
        elif text is None and sender is None:
            view = smsq.campaigns.edit_in_place(campaign_id, **otherwise)
            talk(f"campaign {view.id} is changed; `smsq campaign log {view.id}` shows how")
        else:
            remade = smsq.campaigns.replacement(campaign_id, text, sender, **otherwise)
            remade = _agreed(smsq, remade, is_agreed=yes, **otherwise)
            view = smsq.campaigns.replace_with(remade)
            talk(f"campaign {view.id} takes the place of campaign {campaign_id}, which is cancelled")
        _end(smsq, view, follow, as_json)


COMMANDS = (retry, copy, edit)


def _say(remade: Remade) -> None:
    """What it takes and what stays out, or how far an interrupted one is."""
    from smsq.producers.campaigns import is_all_in
    from smsq.producers.cli.campaign_check import repeat_lines
    from smsq.producers.report import printable

    origin, before = remade.origin, remade.before
    messages = counted(len(remade.rows) - (remade.erased if remade.kin.rows is None else 0), "message")
    if before is None:
        talk(f"{messages} of campaign {origin.id} ({printable(origin.name)}) again, as a new campaign")
    elif is_all_in(before):
        talk(f"campaign {before.id} sends these {messages} of campaign {origin.id} already: nothing is added")
    else:
        talk(f"campaign {before.id} is to send these {messages}, and {before.rows} of them are in: going on with it")
    if remade.erased:
        talk(f"{counted(remade.erased, 'message')} left out: their recipients were erased (`smsq forget`)")
    for line in repeat_lines(remade.repeats, "only_new"):
        talk(line)
    if remade.kin.rows is None:  # of a retry alone it matters what may still come
        return
    if waiting := origin.statuses.get("accepted", 0):
        talk(f"{counted(waiting, 'message')} of campaign {origin.id} may still fail: retry it again when that is known")
    if (parked := origin.statuses.get("parked", 0)) and before is None:
        talk(f"{counted(parked, 'message')} of campaign {origin.id} stay parked: see `smsq doubts list`")


def _would(remade: Remade, as_json: bool) -> None:
    """What a new campaign would enrol."""
    found = remade.found
    if as_json:
        print_json(
            {
                "dry_run": True,
                "origin": remade.origin.id,
                "campaign": remade.before.id if remade.before is not None else None,
                "valid": found.messages,
                "parts": found.parts,
                "longest_parts": found.longest,
            }
        )
        return
    messages, parts = counted(found.messages, "message"), counted(found.parts, "part")
    click.echo(f"dry run: {messages}, {parts}; nothing was enrolled")


def _agreed(smsq: Smsq, remade: Remade, *, is_agreed: bool, **otherwise: Any) -> Remade:
    """The same with a price, once a person has agreed to it; what is all in needs no word."""
    from smsq.producers.campaigns import is_all_in, not_applied

    before = remade.before
    if before is not None:
        for option in not_applied(remade.draft, otherwise.get("name"), otherwise.get("on_doubt"), before):
            talk(f"{option} is not applied: the campaign goes on as it was begun")
        if is_all_in(before):
            return remade
    return replace(remade, draft=agree(smsq, remade.draft, remade.found, is_agreed=is_agreed))


def _end(smsq: Smsq, view: CampaignView, follow: bool, as_json: bool) -> None:
    """Say what became of it, in the form that was asked for, and leave with the exit code."""
    output.changed()
    code, failures = DONE, None
    if follow:
        view, code = followed(smsq, view.id)
        failures = smsq.campaigns.failures(view)
    else:
        say_why_it_waits(smsq, view)
    if as_json:
        print_json(campaign_object(view, failures))
    elif follow:
        print_campaign(view, failures=failures or ())
    else:
        click.echo(view.id)
    sys.exit(code)
