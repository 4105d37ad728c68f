"""From a draft to a campaign that is enrolled: what a person is told, shown and asked on the way, and its progress."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from smsq.producers.cli import DONE, FAILED, INTERRUPTED, UNDELIVERED
from smsq.producers.terminal import output
from smsq.producers.terminal.display import counted, talk

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.producers.cli.campaign_check import Balance
    from smsq.producers.intake.drafts import Draft
    from smsq.producers.intake.preflight import Preflight, Price
    from smsq.worker.ledger.views import CampaignView

SAY_EVERY_ROWS = 50_000
CHANGED_BY_SET = ("--name", "--rate", "--window", "--budget", "--weight", "--stop-if-bad", "--auto-resume")


@contextlib.contextmanager
def opened() -> Iterator[Smsq]:
    """The installation of this shell, for one command."""
    from smsq.producers.api import Smsq

    with Smsq() as smsq:
        yield smsq


def begin(
    smsq: Smsq,
    drafted: Draft,
    *,
    name: str | None = None,
    on_doubt: str | None = None,
    yes: bool = False,
    again: bool = False,
    only_new: bool = False,
) -> CampaignView:
    """Enrol a draft, once a person has agreed to its price, or go on where an earlier run stopped.

    `name` and `on_doubt` are what the command asks for, None for its own choice. With `yes` nobody is asked.
    """
    from smsq.producers.campaigns import is_all_in, not_applied
    from smsq.producers.cli.campaign_check import repeat_lines
    from smsq.producers.intake import preflight
    from smsq.producers.intake.series import first_said

    before = _refuse_finished(smsq, drafted, again or only_new)
    for option in not_applied(drafted, name, on_doubt, before) if before is not None else ():
        talk(_not_applied(option, before))
    smsq.campaigns.check_moment(drafted, before)
    if before is not None and is_all_in(before):
        return before
    drafted, looked, repeats = smsq.campaigns.compared(drafted, before, again=again, only_new=only_new, seen=seen())
    for line in repeat_lines(repeats, drafted.choice.word):
        talk(line)
    found = looked or smsq.campaigns.look(drafted, seen=seen())
    if before is None:  # one that is begun ends, be it with nothing more to send
        preflight.require_some(found)
    if drafted.series is not None and before is None:
        talk(first_said(drafted.series, smsq.runtime.clock.now()))
    drafted = agree(smsq, drafted, found, is_agreed=yes)
    view = _enrol(smsq, drafted, found.rows, again or only_new)
    rows, messages = counted(view.rows, "row"), counted(view.enrolled, "message")
    talk(f"campaign {view.id} is enrolled: {rows}, {messages}")
    return view


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
    """What becomes of a wish that a begun campaign does not follow, and how it can be changed."""
    said = f"{option} is not applied: the campaign goes on as it was begun"
    if option in CHANGED_BY_SET and view is not None:
        return f"{said}; `smsq campaign set {view.id} {option} …` changes it"
    return said


def unfinished(smsq: Smsq, drafted: Draft) -> CampaignView | None:
    """The unfinished campaign that a file is already: `run` would go on with it."""
    from smsq.worker.domain.campaign import OVER

    before = smsq.campaigns.before(drafted)
    return None if before is None or before.state in OVER else before


def agree(smsq: Smsq, drafted: Draft, found: Preflight, *, is_agreed: bool) -> Draft:
    """Show count, parts and price and have somebody agree; the draft with the price its budget is guarded by."""
    from smsq.producers.cli.account import whose_line
    from smsq.producers.cli.campaign_check import forecast_lines, found_lines
    from smsq.worker.domain.errors import BadInput, Unreachable

    price, balance, why = priced(smsq, drafted, found)
    for line in (*found_lines(drafted, found), *forecast_lines(smsq.campaigns.forecast(drafted, found))):
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


def priced(smsq: Smsq, drafted: Draft, found: Preflight) -> tuple[Price | None, Balance | None, str]:
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


def say_why_it_waits(smsq: Smsq, view: CampaignView) -> None:
    """It is enrolled: a ledger that cannot be asked any more changes nothing."""
    from smsq.worker.domain.errors import LedgerTrouble

    try:
        if why := smsq.campaigns.why(view):
            talk(f"it waits: {why}")
    except LedgerTrouble as error:
        talk(f"campaign {view.id} is enrolled; why it may wait is not known: {error.sentence}")


def followed(smsq: Smsq, campaign_id: str) -> tuple[CampaignView, int]:
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


def seen() -> Callable[[int], None]:
    """Tells a person now and then how far a look through a large file has come."""
    said = 0

    def seen(rows: int) -> None:
        nonlocal said
        if rows - said >= SAY_EVERY_ROWS:
            said = rows
            talk(f"looked through {rows} rows")

    return seen
