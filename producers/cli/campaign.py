"""`smsq campaign …`: a file of rows, from a first look to the report."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import (
    DONE,
    FAILED,
    Suggesting,
    campaign_again,
    campaign_control,
    campaign_log,
    campaign_rejects,
    campaign_report,
    campaign_set,
)
from smsq.producers.cli.campaign_begin import begin, followed, opened, priced, say_why_it_waits, seen, unfinished
from smsq.producers.cli.campaign_draft import drafted as draft_of
from smsq.producers.cli.campaign_draft import would_run
from smsq.producers.cli.campaign_trial import test_flag, tried
from smsq.producers.cli.message_options import file_flags
from smsq.producers.intake.prepare import collect_seldom
from smsq.producers.terminal import output
from smsq.producers.terminal.display import campaign_object, list_lines, print_campaign, print_json, talk

if TYPE_CHECKING:
    from smsq.worker.ledger.views import Failure

Command = Callable[..., Any]
as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")


@click.group("campaign", cls=Suggesting)
def group() -> None:
    """Check, run and watch campaigns."""
    collect_seldom()


def limits(function: Command) -> Command:
    """Give a command the flags that decide when a campaign is sent, and how fast."""
    options = (
        click.option("--rate", metavar="N", help="Most parts per second for this campaign."),
        click.option(
            "--at",
            help="Begin at this moment, such as 2026-11-21T18:30, in this machine's time zone, or "
            "2026-11-21T18:30+03:00.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@group.command("check")
@file_flags
@limits
@test_flag
@click.option("--yes", is_flag=True, help="Send the messages of --test without asking for confirmation.")
@as_json_option
def check(
    file: tuple[Path, ...],
    text: str | None,
    template: str | None,
    files: tuple[Path, ...],
    test: str | None,
    yes: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Check FILE: show what can be sent, what cannot, texts, price and a forecast. Nothing is enrolled.

    FILE is CSV, JSON lines or XLSX, perhaps packed by gzip, or - for standard input. Several files with the same
    columns are one campaign.
    """
    from smsq.producers.cli.campaign_check import (
        check_object,
        forecast_lines,
        found_lines,
        price_lines,
        repeat_lines,
        repeats_object,
    )
    from smsq.producers.intake import preflight
    from smsq.producers.intake.screening import NO_SCREEN
    from smsq.worker.domain.errors import SmsqError

    drafted = draft_of(file, text, template, files, how)
    price = balance = comparison = expected = None
    why = ""
    with contextlib.ExitStack() as stack:
        try:
            smsq = stack.enter_context(opened())
            before = unfinished(smsq, drafted)
            drafted = smsq.campaigns.known(drafted, before)
            comparison = smsq.campaigns.comparison(drafted, before)
        except SmsqError as error:
            why = error.sentence
        heard = comparison.add if comparison is not None else lambda part: None
        screen = smsq.campaigns.capped_of(drafted) if comparison is not None else NO_SCREEN
        found = preflight.look(
            drafted.source.rows(),
            drafted.template,
            region=drafted.region,
            options=drafted.options,
            per_row=drafted.per_row,
            zoning=drafted.zoning,
            seen=seen(),
            heard=heard,
            screen=screen,
            guests=drafted.guests,
        )
        repeats = None
        try:
            if comparison is not None:
                repeats = comparison.repeats()
                expected = smsq.campaigns.forecast(drafted, found)
                price, balance, why = priced(smsq, drafted, found)
        except SmsqError as error:
            why = error.sentence
    told = check_object(drafted, found, price, balance, why, expected) | repeats_object(repeats) if as_json else {}
    lines = (
        *found_lines(drafted, found),
        *repeat_lines(repeats),
        *price_lines(price, balance, why, found),
        *forecast_lines(expected),
    )
    for line in () if as_json else lines:
        click.echo(line)
    if as_json and (test is None or not found.messages):
        print_json(told)
    preflight.require_some(found)
    if test is not None:
        sys.exit(tried(drafted, test, files, yes=yes, told=told if as_json else None))


@group.command("run")
@file_flags
@click.option("--name", help="Name of the campaign.  [default: the file's name]")
@limits
@click.option(
    "--every",
    help="Send all of it again and again: 'day 10:00', 'mon,thu 10:00', 'mon-fri 09:30' or 'month:1 09:00'.",
)
@click.option("--every-zone", help="Time zone of --every, such as Europe/Moscow.  [default: this machine's]")
@click.option("--until", help="With --every: no more after this day or moment.")
@click.option("--count", type=int, help="With --every: so many times.")
@click.option("--budget", help="Pause the campaign once it has spent this much, in the account's currency.")
@click.option(
    "--on-doubt",
    type=click.Choice(["ask", "park"]),
    show_default="ask",
    help="If a message did not arrive: ask sends it again once that is certain, park leaves it to a person.",
)
@campaign_set.pace_flags
@click.option("--dry-run", is_flag=True, help="Only say what would be enrolled. Nothing is written.")
@click.option("--yes", is_flag=True, help="Send without asking for confirmation.")
@click.option("--follow", is_flag=True, help="Show progress until every message is final or parked.")
@click.option("--only-new", is_flag=True, help="Leave out rows that were already sent with this text and sender.")
@click.option("--again", is_flag=True, help="Send again to rows that were already sent.")
@test_flag
@as_json_option
def run(
    file: tuple[Path, ...],
    text: str | None,
    template: str | None,
    files: tuple[Path, ...],
    dry_run: bool,
    yes: bool,
    follow: bool,
    only_new: bool,
    again: bool,
    test: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Send --text to every row of FILE. The same command, run again, goes on where it stopped.

    FILE is CSV, JSON lines or XLSX, perhaps packed by gzip, or - for standard input. Several files with the same
    columns are one campaign. The rows are those that FILE held when the command began to read it. If another
    campaign has already sent some of them, nothing is sent until --only-new or --again says what to do with those
    rows.
    """
    from smsq.producers.files import keep_named
    from smsq.producers.intake.repeats import check_flags

    check_flags(again=again, only_new=only_new)
    drafted = draft_of(file, text, template, files, how)
    if dry_run:
        if test is not None:
            raise click.UsageError("--dry-run sends nothing, and --test sends messages: leave one of them out")
        would_run(drafted, again=again, only_new=only_new, as_json=as_json)
        return
    if test is not None:
        sys.exit(tried(drafted, test, files, yes=yes, follow=follow, told={} if as_json else None))
    with opened() as smsq:
        drafted = replace(drafted, options=keep_named(smsq.runtime, drafted.options, files))
        view = begin(smsq, drafted, name=how["name"], on_doubt=how["on_doubt"], yes=yes, again=again, only_new=only_new)
        failures: Sequence[Failure] = ()
        output.changed()
        code = DONE
        if follow:
            view, code = followed(smsq, view.id)
            failures = smsq.campaigns.failures(view)
        elif view.state == "cancelled":
            talk("it was cancelled meanwhile: messages that had not left are never sent")
            code = FAILED
        else:
            say_why_it_waits(smsq, view)
    if as_json:
        print_json(campaign_object(view, failures if follow else None))
    elif follow:
        print_campaign(view, failures=failures)
    else:
        click.echo(view.id)
    sys.exit(code)


@group.command("list")
@as_json_option
def list_campaigns(as_json: bool) -> None:
    """List the campaigns that are kept, newest first."""
    with opened() as smsq:
        views = smsq.campaigns.list()
        stopped = {view.id: said for view in views if (said := smsq.campaigns.stands_still(view))}
    if as_json:
        print_json(
            [campaign_object(view) | ({"waits": stopped[view.id]} if view.id in stopped else {}) for view in views]
        )
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in list_lines(views, width, stopped):
        click.echo(line)


@group.command("show")
@click.argument("campaign_id", metavar="ID")
@click.option("--follow", is_flag=True, help="Show progress until every message is final or parked.")
@as_json_option
def show(campaign_id: str, follow: bool, as_json: bool) -> None:
    """Show a campaign: counts, cost, failures, and why it waits."""
    from smsq.producers.machine.sandbox import forgotten

    code = DONE
    with opened() as smsq:
        view = smsq.campaigns.show(campaign_id)
        if follow:
            view, code = followed(smsq, campaign_id)
        why = "; ".join(filter(None, (smsq.campaigns.why(view), forgotten(view))))
        failures = smsq.campaigns.failures(view)
    if as_json:
        print_json(campaign_object(view, failures) | ({"waits": why} if why else {}))
    else:
        print_campaign(view, why, failures)
    sys.exit(code)


for command in (
    campaign_report.command,
    campaign_rejects.command,
    campaign_log.command,
    campaign_set.command,
    *campaign_control.COMMANDS,
    *campaign_again.COMMANDS,
):
    group.add_command(command)
