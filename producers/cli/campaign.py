"""`smsq campaign …`: a file of rows, from a first look to the report."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import DONE, FAILED, INTERRUPTED, UNDELIVERED, Suggesting, campaign_control
from smsq.producers.cli.message_options import file_flags, with_options
from smsq.producers.terminal import output
from smsq.producers.terminal.display import campaign_object, counted, list_lines, print_campaign, print_json, talk

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.producers.cli.campaign_check import Balance
    from smsq.producers.intake.drafts import Draft
    from smsq.producers.intake.preflight import Preflight, Price
    from smsq.worker.ledger.views import CampaignView, Failure

SAY_EVERY_ROWS = 50_000

Command = Callable[..., Any]
as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")


@click.group("campaign", cls=Suggesting)
def group() -> None:
    """Check, run and watch campaigns."""


@group.command("check")
@file_flags
@as_json_option
def check(file: Path, text: str, as_json: bool, **how: Any) -> None:
    """Check FILE: show what can be sent, what cannot, and the price. Nothing is enrolled."""
    from smsq.producers.cli.campaign_check import check_object, found_lines, price_lines, repeat_lines, repeats_object
    from smsq.producers.intake import preflight
    from smsq.producers.intake.drafts import draft
    from smsq.worker.domain.errors import SmsqError

    drafted = draft(file, text=text, **with_options(how))
    price = balance = comparison = None
    why = ""
    with contextlib.ExitStack() as stack:
        try:
            smsq = stack.enter_context(_smsq())
            comparison = smsq.campaigns.comparison(drafted, _unfinished(smsq, drafted))
        except SmsqError as error:
            why = error.sentence
        heard = comparison.add if comparison is not None else lambda part: None
        found = preflight.look(
            drafted.source.rows(),
            drafted.template,
            region=drafted.region,
            options=drafted.options,
            per_row=drafted.per_row,
            seen=_seen(),
            heard=heard,
        )
        repeats = None
        try:
            if comparison is not None:
                repeats = comparison.repeats()
                price, balance, why = _price(smsq, drafted, found)
        except SmsqError as error:
            why = error.sentence
    if as_json:
        print_json(check_object(drafted, found, price, balance, why) | repeats_object(repeats))
        preflight.require_some(found)
        return
    for line in [*found_lines(drafted, found), *repeat_lines(repeats), *price_lines(price, balance, why)]:
        click.echo(line)
    preflight.require_some(found)


@group.command("run")
@file_flags
@click.option("--name", help="Name of the campaign.  [default: the file's name]")
@click.option("--rate", type=float, help="Most parts per second for this campaign.")
@click.option(
    "--at",
    help="Begin at this moment, such as 2026-11-21T18:30, in this machine's time zone, or 2026-11-21T18:30+03:00.",
)
@click.option("--window", help="Send only between these hours of this machine, such as 9-21.")
@click.option("--budget", help="Pause the campaign once it has spent this much, in the account's currency.")
@click.option(
    "--on-doubt",
    type=click.Choice(["ask", "park"]),
    show_default="ask",
    help="If a message did not arrive: ask sends it again once that is certain, park leaves it to a person.",
)
@click.option("--yes", is_flag=True, help="Send without asking for confirmation.")
@click.option("--follow", is_flag=True, help="Show progress until every message is final or parked.")
@click.option("--only-new", is_flag=True, help="Leave out rows that were already sent with this text and sender.")
@click.option("--again", is_flag=True, help="Send again to rows that were already sent.")
@as_json_option
def run(file: Path, text: str, yes: bool, follow: bool, only_new: bool, again: bool, as_json: bool, **how: Any) -> None:
    """Send --text to every row of FILE. The same command, run again, goes on where it stopped.

    The rows are those that FILE held when the command began to read it. If another campaign has already sent some of
    them, nothing is sent until --only-new or --again says what to do with those rows.
    """
    from smsq.producers.campaigns import is_all_in, not_applied
    from smsq.producers.cli.campaign_check import repeat_lines
    from smsq.producers.intake import preflight
    from smsq.producers.intake.drafts import draft
    from smsq.producers.intake.repeats import check_flags

    check_flags(again=again, only_new=only_new)
    drafted = draft(file, text=text, **with_options(how))
    with _smsq() as smsq:
        before = _refuse_finished(smsq, drafted, again or only_new)
        for option in not_applied(drafted, how["name"], how["on_doubt"], before) if before is not None else ():
            talk(_not_applied(option, before))
        smsq.campaigns.check_moment(drafted, before)
        failures: Sequence[Failure] = ()
        if before is not None and is_all_in(before):
            view = before
        else:
            drafted, looked, repeats = smsq.campaigns.compared(
                drafted, before, again=again, only_new=only_new, seen=_seen()
            )
            for line in repeat_lines(repeats, drafted.choice.word):
                talk(line)
            found = looked or smsq.campaigns.look(drafted, seen=_seen())
            if before is None:  # one that is begun ends, be it with nothing more to send
                preflight.require_some(found)
            drafted = _agree(smsq, drafted, found, is_agreed=yes)
            view = _enrol(smsq, drafted, found.rows, again or only_new)
            rows, messages = counted(view.rows, "row"), counted(view.rows - view.invalid, "message")
            talk(f"campaign {view.id} is enrolled: {rows}, {messages}")
        output.changed()
        code = DONE
        if follow:
            view, code = _follow(smsq, view.id)
            failures = smsq.campaigns.failures(view)
        elif view.state == "cancelled":
            talk("it was cancelled meanwhile: messages that had not left are never sent")
            code = FAILED
        else:
            _say_why_it_waits(smsq, view)
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
    with _smsq() as smsq:
        views = smsq.campaigns.list()
        stopped = {view.id: said for view in views if (said := smsq.campaigns.stopped(view))}
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
    with _smsq() as smsq:
        view = smsq.campaigns.show(campaign_id)
        if follow:
            view, code = _follow(smsq, campaign_id)
        why = "; ".join(filter(None, (smsq.campaigns.why(view), forgotten(view))))
        failures = smsq.campaigns.failures(view)
    if as_json:
        print_json(campaign_object(view, failures) | ({"waits": why} if why else {}))
    else:
        print_campaign(view, why, failures)
    sys.exit(code)


@group.command("report")
@click.argument("campaign_id", metavar="ID")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "table"]),
    default="table",
    show_default=True,
    help="Format of the report.",
)
@click.option("--rejects", is_flag=True, help="Only rows that were never sent: invalid ones and duplicates.")
@click.option(
    "--output", "path", type=click.Path(path_type=Path), help="Write to this file.  [default: standard output]"
)
@click.option("--mode", default="600", show_default=True, help="Permissions of that file, as for chmod: 640, 644.")
@click.option(
    "--columns-of",
    type=click.Path(path_type=Path),
    help="The campaign's file; its columns are added to each row of the report.",
)
@click.option("--phone-column", default="phone", show_default=True, help="The column of that file that holds phones.")
@click.option("--encoding", help="Encoding of that file.  [default: UTF-8 or windows-1251]")
def report(
    campaign_id: str,
    form: str,
    rejects: bool,
    path: Path | None,
    mode: str,
    columns_of: Path | None,
    phone_column: str,
    encoding: str | None,
) -> None:
    """Write what became of every row, in the file's order. --columns-of adds the file's own columns.

    Only its owner may read the file that is written, unless --mode says otherwise.
    """
    from smsq.producers.intake.own_columns import OwnColumns
    from smsq.producers.intake.rows import inspect
    from smsq.producers.report import REJECTED, WRITERS, rejected
    from smsq.producers.terminal.files import bits, opened

    may, own = bits(mode), None
    if columns_of is not None:
        own = OwnColumns(inspect(columns_of, phone_column, encoding), REJECTED if rejects else frozenset())
    with _smsq() as smsq:
        receipts = smsq.campaigns.report(campaign_id)
        if rejects and own is None:
            receipts = rejected(receipts)
        with opened(path, may) as out:
            WRITERS[form](receipts, out, own)


for command in campaign_control.COMMANDS:
    group.add_command(command)


@contextlib.contextmanager
def _smsq() -> Iterator[Smsq]:
    from smsq.producers.api import Smsq

    with Smsq() as smsq:
        yield smsq


def _refuse_finished(smsq: Smsq, drafted: Draft, again: bool) -> CampaignView | None:
    """The unfinished campaign that this file is already; a finished one is refused before it is looked through."""
    from smsq.producers.campaigns import is_all_in, sent_already
    from smsq.worker.domain.campaign import OVER
    from smsq.worker.domain.errors import Conflict

    before = smsq.campaigns.before(drafted)
    if before is None or (again and before.state in OVER):
        return None
    if before.state in OVER:
        raise Conflict(sent_already(before))
    known = f"this file is campaign {before.id} already ({before.state})"
    if is_all_in(before):
        talk(f"{known}, and all of its {counted(before.rows, 'row')} are enrolled: nothing is added")
    else:
        talk(
            f"{known}, and {counted(before.rows, 'row')} are in: going on with it; what follows is about the whole file"
        )
    if before.state == "paused":
        talk(f"it stays paused until `smsq campaign resume {before.id}{_more_money(before)}`")
    return before


def _more_money(view: CampaignView) -> str:
    return " --budget N" if view.why == "budget" else ""


def _not_applied(option: str, view: CampaignView | None) -> str:
    """What becomes of a wish that a begun campaign does not follow; a budget has a way of its own."""
    said = f"{option} is not applied: the campaign goes on as it was begun"
    if option == "--budget" and view is not None:
        return f"{said}; `smsq campaign resume {view.id} --budget N` sets another"
    return said


def _unfinished(smsq: Smsq, drafted: Draft) -> CampaignView | None:
    """The unfinished campaign that a file is already: `run` would go on with it."""
    from smsq.worker.domain.campaign import OVER

    before = smsq.campaigns.before(drafted)
    return None if before is None or before.state in OVER else before


def _agree(smsq: Smsq, drafted: Draft, found: Preflight, *, is_agreed: bool) -> Draft:
    """Show count, parts and price and have somebody agree; the draft with the price its budget is guarded by."""
    from smsq.producers.cli.account import whose_line
    from smsq.producers.cli.campaign_check import found_lines
    from smsq.worker.domain.errors import BadInput, Unreachable

    price, balance, why = _price(smsq, drafted, found)
    for line in found_lines(drafted, found):
        talk(line)
    talk(whose_line(smsq, drafted.options))
    if price is None:
        talk(f"the price is not known: {why}")
        if drafted.budget is not None:
            raise Unreachable(f"a budget cannot be kept while the price is not known: {why}")
    currency = balance[1] if balance is not None else ""
    about = f", about {price.cost:.2f} {currency}".rstrip() if price is not None else ""
    above = _above(price, drafted.budget, balance) if price is not None else ""
    question = f"Send {counted(found.messages, 'message')}, {counted(found.parts, 'part')}{about}{above}?"
    if is_agreed:
        talk(question.removesuffix("?").replace("Send", "Sending", 1))
    elif not sys.stdin.isatty():
        raise BadInput(f"{question} Nobody can be asked here: add --yes")
    elif not click.confirm(question, err=True):
        talk("nothing was enrolled")
        sys.exit(FAILED)
    return replace(drafted, part_price=price.cost / max(1, found.parts)) if price is not None else drafted


def _above(price: Price, budget: Decimal | None, balance: Balance | None) -> str:
    """What the price is more than: then not all of it will be sent."""
    from smsq.producers.cli.campaign_check import money

    currency = balance[1] if balance is not None else ""
    limits = [f"the budget of {money(budget, currency)}"] if budget is not None and budget < price.cost else []
    limits += [f"the balance of {money(*balance)}"] if balance is not None and balance[0] < price.cost else []
    return f", which is more than {' and '.join(limits)}" if limits else ""


def _price(smsq: Smsq, drafted: Draft, found: Preflight) -> tuple[Price | None, Balance | None, str]:
    """Price and balance, each None if it is not known, and why."""
    from smsq.producers.intake import preflight
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
            return smsq.campaigns.enrol(
                drafted, again=again, enrolled=lambda done: bar.update(done - bar.pos), of=rows, told=talk
            )
        except KeyboardInterrupt:
            talk("\nstopped while enrolling; what is in is being sent, the same command goes on from there")
            sys.exit(INTERRUPTED)


def _say_why_it_waits(smsq: Smsq, view: CampaignView) -> None:
    """It is enrolled: a ledger that cannot be asked any more changes nothing."""
    from smsq.worker.domain.errors import LedgerTrouble

    try:
        if why := smsq.campaigns.why(view):
            talk(f"it waits: {why}")
    except LedgerTrouble as error:
        talk(f"campaign {view.id} is enrolled; why it may wait is not known: {error.sentence}")


def _follow(smsq: Smsq, campaign_id: str) -> tuple[CampaignView, int]:
    """Show progress to the end; the campaign and the exit code."""
    from smsq.producers.progress import BAD, CANCELLED, follow

    clock = smsq.runtime.clock
    try:
        picture = follow(smsq.campaigns.watch(campaign_id), output.screen(sys.stderr), clock=clock)
    except KeyboardInterrupt:
        talk(f"campaign {campaign_id} goes on; `smsq campaign show {campaign_id} --follow` looks again")
        sys.exit(INTERRUPTED)
    if picture.count(*CANCELLED):
        talk(f"{counted(picture.count(*CANCELLED), 'message')} cancelled")
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
