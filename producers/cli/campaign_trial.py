"""`--test +7…` of `smsq campaign check` and `run`: a few of its messages to oneself, and nothing enrolled of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import DONE, FAILED, UNDELIVERED
from smsq.producers.cli.campaign_begin import opened
from smsq.producers.terminal import output
from smsq.producers.terminal.display import counted, print_json, print_receipt, talk

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.producers.intake.drafts import Draft
    from smsq.producers.intake.trials import Trial

FOLLOW_S = 120.0
LANE = "bulk"  # a campaign's; codes do not wait for tests

test_flag = click.option(
    "--test",
    metavar="PHONE",
    help="Send the first, the longest and a random row to this phone of yours, and nothing to anybody else.",
)


def tried(
    drafted: Draft,
    to: str,
    files: Sequence[Path],
    *,
    yes: bool,
    follow: bool = False,
    told: dict[str, Any] | None = None,
) -> int:
    """Send the tests and print what was sent, with `told` as one object; the exit code."""
    with opened() as smsq:
        sent = try_first(smsq, drafted, to, files, yes=yes)
        code = fate_of(smsq, sent, follow=follow, is_shown=told is None)
    if told is not None:
        print_json(told | {"tests": sent})
    elif not follow:
        for each in sent:
            click.echo(each["id"])
    return code


def try_first(smsq: Smsq, drafted: Draft, to: str, files: Sequence[Path], *, yes: bool) -> list[dict[str, Any]]:
    """Send a few messages of a draft to `to`, once a person has agreed; what was sent, each as an object.

    Raises BadInput if there is nothing to send or nobody can be asked, and what `Smsq.send` raises.
    """
    chosen = _chosen(smsq, drafted, to)
    for each in chosen:
        talk(f"row {each.row} ({each.which}): {'↵'.join(each.text.splitlines())}")
    _agree(smsq, chosen, to, yes)
    sent = []
    for each in chosen:
        enrolled = smsq.send(to, each.text, lane=LANE, options=each.options, files=files)
        output.changed()
        smsq.runtime.journal.trial(enrolled.id, each.which)
        sent.append({"which": each.which, "row": each.row, "id": enrolled.id})
        talk(f"{enrolled.id}: row {each.row} ({each.which})")
    talk("nothing of the campaign is enrolled: the same command without --test sends it")
    return sent


def _chosen(smsq: Smsq, drafted: Draft, to: str) -> list[Trial]:
    """The rows to try, with options that do not put them off to another moment."""
    from dataclasses import replace

    import msgspec

    from smsq.producers.fields import recipient_of
    from smsq.producers.intake.drafts import ranges
    from smsq.producers.intake.trials import trials
    from smsq.worker.domain.errors import BadInput
    from smsq.worker.gateway.channels import channel

    way = channel(drafted.options.channel)
    smsq.settings.guests.check(recipient_of(to, way.recipients))
    constant = way.read(drafted.template.render(())) if drafted.template.is_constant else None
    found = trials(ranges(drafted, smsq.settings.batch_size), drafted.options, constant, Random())
    if not found:
        raise BadInput("no row can be sent, so there is nothing to try; `smsq campaign check` says why")
    at_once = {"time": None, "tz": None, "period": None, "freq": None, "files": ()}
    return [replace(each, options=msgspec.structs.replace(each.options, **at_once)) for each in found]


def _agree(smsq: Smsq, chosen: Sequence[Trial], to: str, yes: bool) -> None:
    """Say how many messages leave, to whom and for how much, and have somebody agree."""
    from smsq.worker.domain.errors import BadCredentials, BadInput, SmsqError

    cost, parts, why = Decimal(0), 0, ""
    try:
        for each in chosen:
            of_one, parts_of_one = smsq.price({"messages": [(to, each.text)], "options": each.options})
            cost, parts = cost + of_one, parts + parts_of_one
    except BadCredentials:
        raise
    except SmsqError as error:
        why = error.sentence
    if why:
        talk(f"the price is not known: {why}")
    about = f", {counted(parts, 'part')}, about {cost:.2f}" if not why else ""
    question = f"Send {counted(len(chosen), 'test message')} to {to}{about}?"
    if yes:
        talk(question.removesuffix("?").replace("Send", "Sending", 1))
    elif not sys.stdin.isatty():
        raise BadInput(f"{question} Nobody can be asked here: add --yes")
    elif not click.confirm(question, err=True):
        talk("nothing was sent")
        sys.exit(FAILED)


def fate_of(smsq: Smsq, sent: Sequence[dict[str, Any]], *, follow: bool, is_shown: bool) -> int:
    """The exit code; with `follow`, wait until the tests have ended, and add to each what became of it."""
    from smsq.producers.cli.send import say_who_is_missing, wait_for
    from smsq.producers.report import as_object

    if not follow:
        for each in sent[:1]:
            say_who_is_missing(smsq, LANE, each["id"])
        return DONE
    code = DONE
    for each in sent:
        receipt, _ = wait_for(smsq, each["id"], FOLLOW_S, LANE)
        each |= as_object(receipt)
        if receipt.status not in ("delivered", "read", "clicked"):
            code = UNDELIVERED
        if is_shown:
            print_receipt(receipt)
    return code
