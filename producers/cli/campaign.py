"""`smsq campaign …`: a file of rows, from a first look to the report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import DONE, FAILED, INTERRUPTED, UNDELIVERED, output
from smsq.producers.cli.send import say_who_is_missing
from smsq.producers.cli.shown import campaign_object, counted, print_campaign, print_json, talk

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.producers.cli.found import Balance
    from smsq.producers.drafts import Draft
    from smsq.producers.preflight import Preflight, Price
    from smsq.worker.ledger.views import CampaignView

SAY_EVERY_ROWS = 50_000

Command = Callable[..., Any]
as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")


def _file_options(function: Command) -> Command:
    """What `check` and `run` have in common."""
    options = (
        click.argument("file", type=click.Path(path_type=Path)),
        click.option("--text", required=True, help="The text; {column} is filled from the file."),
        click.option("--phone-column", default="phone", show_default=True, help="The column that holds phones."),
        click.option("--region", default="RU", show_default=True, help="Where phones without a plus are from."),
        click.option("--encoding", help="What FILE is written in, such as koi8-r.  [default: UTF-8 or windows-1251]"),
        click.option("--sender", help="Sender name, one that the account may use."),
        click.option("--valid", help="How long operators try: hours from 1 to 24, or hh:mm."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group("campaign")
def group() -> None:
    """Check, run and watch campaigns."""


@group.command("check")
@_file_options
@as_json_option
def check(file: Path, text: str, as_json: bool, **how: Any) -> None:
    """Look through FILE: what can be sent, what cannot and why, parts, price. Nothing is enrolled."""
    from smsq.producers import preflight
    from smsq.producers.cli.found import check_object, found_lines, price_lines
    from smsq.producers.drafts import draft
    from smsq.worker.domain.errors import SmsqError

    drafted = draft(file, text=text, **how)
    found = preflight.look(drafted.source.rows(), drafted.template, region=drafted.region, seen=_seen())
    price = balance = None
    why = ""
    try:
        with _smsq() as smsq:
            price, balance, why = _price(smsq, drafted, found)
    except SmsqError as error:
        why = error.sentence
    if as_json:
        print_json(check_object(drafted, found, price, balance, why))
        preflight.require_some(found)
        return
    for line in [*found_lines(drafted, found), *price_lines(price, balance, why)]:
        click.echo(line)
    preflight.require_some(found)


@group.command("run")
@_file_options
@click.option("--name", help="What to call it.  [default: the file's name]")
@click.option("--rate", type=float, help="Most parts per second for this campaign.")
@click.option(
    "--at",
    help="Begin at this moment, such as 2026-11-21T18:30, in this machine's time zone, or 2026-11-21T18:30+03:00.",
)
@click.option("--window", help="Send only between these hours of this machine, such as 9-21.")
@click.option("--budget", help="Pause once so much money is spent.")
@click.option(
    "--on-doubt",
    type=click.Choice(["ask", "park"]),
    show_default="ask",
    help="What follows where a message is found not to have arrived: ask sends it once that is certain.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether to send.")
@click.option("--follow", is_flag=True, help="Show progress until every message is final or parked.")
@click.option("--again", is_flag=True, help="Send a file once more that was sent already.")
@as_json_option
def run(file: Path, text: str, yes: bool, follow: bool, again: bool, as_json: bool, **how: Any) -> None:
    """Send --text to every row of FILE; the same command run again goes on where it stopped."""
    from smsq.producers import preflight
    from smsq.producers.campaigns import is_all_in, not_applied
    from smsq.producers.drafts import draft

    drafted = draft(file, text=text, **how)
    with _smsq() as smsq:
        before = _refuse_finished(smsq, drafted, again)
        for option in not_applied(drafted, how["name"], how["on_doubt"], before) if before is not None else ():
            talk(f"{option} is not applied: the campaign goes on as it was begun")
        smsq.campaigns.check_moment(drafted, before)
        if before is not None and is_all_in(before):
            view = before
        else:
            found = preflight.look(drafted.source.rows(), drafted.template, region=drafted.region, seen=_seen())
            preflight.require_some(found)
            drafted = _agree(smsq, drafted, found, is_agreed=yes)
            view = _enrol(smsq, drafted, found.rows, again)
            rows, messages = counted(view.rows, "row"), counted(view.rows - view.invalid, "message")
            talk(f"campaign {view.id} is enrolled: {rows}, {messages}")
        output.changed()
        code = DONE
        if follow:
            view, code = _follow(smsq, view.id)
        else:
            say_who_is_missing(smsq, "bulk", f"campaign {view.id}")
    if as_json:
        print_json(campaign_object(view))
    elif follow:
        print_campaign(view)
    else:
        click.echo(view.id)
    sys.exit(code)


@group.command("list")
@as_json_option
def list_campaigns(as_json: bool) -> None:
    """Show every campaign that is kept, newest first."""
    from smsq.producers.report import iso, printable

    with _smsq() as smsq:
        views = smsq.campaigns.list()
    if as_json:
        print_json([campaign_object(view) for view in views])
        return
    for view in views:
        ended = sum(view.statuses.get(name, 0) for name in ("delivered", "read", "clicked"))
        click.echo(
            f"{view.id}  {view.state:<10} {view.rows:>8} rows  {ended:>8} delivered  "
            f"{iso(view.created_at)}  {printable(view.name)}"
        )


@group.command("show")
@click.argument("campaign_id", metavar="ID")
@click.option("--follow", is_flag=True, help="Show progress until every message is final or parked.")
@as_json_option
def show(campaign_id: str, follow: bool, as_json: bool) -> None:
    """Show counts by status, cost, and why it waits."""
    code = DONE
    with _smsq() as smsq:
        view = smsq.campaigns.show(campaign_id)
        if follow:
            view, code = _follow(smsq, campaign_id)
        why = smsq.campaigns.why(view)
    if as_json:
        print_json(campaign_object(view) | ({"waits": why} if why else {}))
    else:
        print_campaign(view, why)
    sys.exit(code)


@group.command("pause")
@click.argument("campaign_id", metavar="ID")
@as_json_option
def pause(campaign_id: str, as_json: bool) -> None:
    """Send no more of it for now; requests under way end."""
    with _smsq() as smsq:
        _say_state(smsq.campaigns.pause(campaign_id), as_json)


@group.command("resume")
@click.argument("campaign_id", metavar="ID")
@as_json_option
def resume(campaign_id: str, as_json: bool) -> None:
    """Go on at the exact next row."""
    with _smsq() as smsq:
        _say_state(smsq.campaigns.resume(campaign_id), as_json)


@group.command("cancel")
@click.argument("campaign_id", metavar="ID")
@as_json_option
def cancel(campaign_id: str, as_json: bool) -> None:
    """Send no more of it, ever; what the gateway has already is followed to its end."""
    with _smsq() as smsq:
        _say_state(smsq.campaigns.cancel(campaign_id), as_json)


@group.command("report")
@click.argument("campaign_id", metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "table"]),
    default="table",
    show_default=True,
    help="How rows are written.",
)
@click.option("--rejects", is_flag=True, help="Only rows that were turned away.")
@click.option(
    "--output", "path", type=click.Path(path_type=Path), help="Write to this file.  [default: standard output]"
)
@click.option("--mode", default="600", show_default=True, help="Who may use that file, as chmod takes it: 640, 644.")
def report(campaign_id: str, form: str, rejects: bool, path: Path | None, mode: str) -> None:
    """Write what became of every row, in the file's order. A file is its owner's alone, unless --mode says more."""
    from smsq.producers.cli.files import bits, opened
    from smsq.producers.report import WRITERS, rejected

    may = bits(mode)
    with _smsq() as smsq:
        receipts = smsq.campaigns.report(campaign_id)
        with opened(path, may) as out:
            WRITERS[form](rejected(receipts) if rejects else receipts, out)


# What the commands are made of -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _smsq() -> Iterator[Smsq]:
    from smsq.producers.api import Smsq

    with Smsq() as smsq:
        yield smsq


def _refuse_finished(smsq: Smsq, drafted: Draft, again: bool) -> CampaignView | None:
    """The unfinished campaign that this file is already; a finished one is refused before it is looked through."""
    from smsq.producers.campaigns import OVER, is_all_in
    from smsq.worker.domain.errors import Conflict

    before = smsq.campaigns.before(drafted)
    if before is None or (again and before.state in OVER):
        return None
    if before.state in OVER:
        raise Conflict(
            f"this file was sent already as campaign {before.id} ({before.state}); "
            f"see `smsq campaign show {before.id}`, or add --again to send it once more"
        )
    known = f"this file is campaign {before.id} already ({before.state})"
    if is_all_in(before):
        talk(f"{known}, and all of its {counted(before.rows, 'row')} are in: nothing is added")
    else:
        talk(
            f"{known}, and {counted(before.rows, 'row')} are in: going on with it; what follows is about the whole file"
        )
    if before.state == "paused":
        talk(f"it stays paused until `smsq campaign resume {before.id}`")
    return before


def _agree(smsq: Smsq, drafted: Draft, found: Preflight, *, is_agreed: bool) -> Draft:
    """Show count, parts and price and have somebody agree; the draft with the price its budget is guarded by."""
    from smsq.producers.cli.found import found_lines, money
    from smsq.worker.domain.errors import BadInput, Unreachable

    price, balance, why = _price(smsq, drafted, found)
    for line in found_lines(drafted, found):
        talk(line)
    if price is None:
        talk(f"the price is not known: {why}")
        if drafted.budget is not None:
            raise Unreachable(f"a budget cannot be kept while the price is not known: {why}")
    elif balance is not None and balance[0] < price.cost:
        talk(f"the balance is {money(*balance)}, less than that")
    currency = balance[1] if balance is not None else ""
    about = f", about {price.cost:.2f} {currency}".rstrip() if price is not None else ""
    question = f"Send {counted(found.messages, 'message')}, {counted(found.parts, 'part')}{about}?"
    if is_agreed:
        talk(question.removesuffix("?").replace("Send", "Sending", 1))
    elif not sys.stdin.isatty():
        raise BadInput(f"{question} Nobody can be asked here: add --yes")
    elif not click.confirm(question, err=True):
        talk("nothing was enrolled")
        sys.exit(FAILED)
    return replace(drafted, part_price=price.cost / max(1, found.parts)) if price is not None else drafted


def _price(smsq: Smsq, drafted: Draft, found: Preflight) -> tuple[Price | None, Balance | None, str]:
    """Price and balance, each None where it is not known, and why."""
    from smsq.producers import preflight
    from smsq.worker.domain.errors import BadCredentials, SmsqError

    price = balance = None
    try:
        price = preflight.price(found, drafted.template, drafted.options, smsq.price)
        balance = smsq.balance()
    except BadCredentials:
        raise
    except SmsqError as error:
        return price, balance, error.sentence
    return price, balance, ""


def _enrol(smsq: Smsq, drafted: Draft, rows: int, again: bool) -> CampaignView:
    """Put every row in, showing how far it is."""
    with click.progressbar(
        length=rows, label="enrolling", file=output.screen(sys.stderr), hidden=not sys.stderr.isatty()
    ) as bar:
        try:
            return smsq.campaigns.enrol(drafted, again=again, enrolled=lambda done: bar.update(done - bar.pos), of=rows)
        except KeyboardInterrupt:
            talk("\nstopped while enrolling; what is in is being sent, the same command goes on from there")
            sys.exit(INTERRUPTED)


def _follow(smsq: Smsq, campaign_id: str) -> tuple[CampaignView, int]:
    """Show progress to the end; the campaign and the exit code."""
    from smsq.producers.progress import BAD, follow

    clock = smsq.runtime.clock
    try:
        picture = follow(smsq.campaigns.watch(campaign_id), output.screen(sys.stderr), clock=clock)
    except KeyboardInterrupt:
        talk(f"campaign {campaign_id} goes on; `smsq campaign show {campaign_id} --follow` looks again")
        sys.exit(INTERRUPTED)
    return picture.view, UNDELIVERED if picture.count(*BAD, "parked") else DONE


def _seen() -> Callable[[int], None]:
    """Tells a person now and then how far a look through a large file has come."""
    said = 0

    def seen(rows: int) -> None:
        nonlocal said
        if rows - said >= SAY_EVERY_ROWS:
            said = rows
            talk(f"looked through {rows} rows")

    return seen


def _say_state(view: CampaignView, as_json: bool) -> None:
    output.changed()
    if as_json:
        print_json(campaign_object(view))
    else:
        click.echo(f"campaign {view.id} is {view.state}")
