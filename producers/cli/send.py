"""`smsq send`: one message, and with --wait its fate."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import DONE, REFUSED, UNDELIVERED, UNREACHABLE
from smsq.producers.cli.message_options import file_flag, message_flags, options_of, template_flags, values_of
from smsq.producers.terminal import output
from smsq.producers.terminal.display import counted, one_line, print_json, print_receipt, talk
from smsq.producers.terminal.stdin import from_stdin
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.policy import POLICIES

if TYPE_CHECKING:
    from smsq.producers.api import HowToSend, Smsq, WouldSend
    from smsq.worker.domain.receipt import Receipt

LOOK_EVERY_S = 0.1


@click.command("send")
@click.argument("phone")
@click.argument("text", default="")
@template_flags
@message_flags()
@file_flag
@click.option(
    "--at",
    help="When the gateway sends it, such as 2026-11-21T18:30, in this machine's time zone, or 2026-11-21T18:30+03:00.",
)
@click.option("--key", help="Makes it safe to repeat this command: the same key sends nothing twice.")
@click.option(
    "--lane", type=click.Choice(list(SENDING)), default="urgent", show_default=True, help="The lane it is sent by."
)
@click.option(
    "--on-doubt",
    type=click.Choice(list(POLICIES)),
    default="ask",
    show_default=True,
    help="What to do if nobody can tell whether it arrived: ask sends it again once it is certain that it did not, "
    "park leaves that to a person, resend sends a second copy once, a minute later, within --deadline.",
)
@click.option(
    "--client", help="Who asked for it, an IP address or an account; the shield then counts it as it counts codes."
)
@click.option(
    "--deadline", type=click.FloatRange(0, min_open=True), help="Seconds after which it is not sent any more."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be enrolled. Nothing is written.")
@click.option("--even-opted-out", is_flag=True, help="Send it although PHONE has opted out (`smsq optout`).")
@click.option("--wait", is_flag=True, help="Wait for its final status.")
@click.option("--timeout", type=click.FloatRange(0.1), default=120.0, show_default=True, help="Most seconds to wait.")
@click.option("--json", "as_json", is_flag=True, help="One object on standard output.")
def command(
    phone: str,
    text: str,
    template: str | None,
    values: tuple[str, ...],
    at: str | None,
    key: str | None,
    lane: str,
    on_doubt: str,
    client: str | None,
    deadline: float | None,
    dry_run: bool,
    even_opted_out: bool,
    wait: bool,
    timeout: float,
    as_json: bool,
    files: tuple[Path, ...],
    **told: Any,
) -> None:
    """Send TEXT to PHONE, and print the message's id, or with --wait what became of it.

    By --channel mail PHONE is a mail address, by tg and bot it may be a Telegram nick or #id. hlr and ping have no
    TEXT, and that of bin is hex.

    If PHONE or TEXT is -, it is read from standard input, so that no list of processes shows it. If both are -, the
    first line is the phone.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.fields import recipient_of
    from smsq.worker.domain.simulated import is_simulated
    from smsq.worker.gateway.channels import channel

    options = options_of(told)
    phone, text = from_stdin(phone, text) if text else (*from_stdin(phone), "")
    how: HowToSend = {
        "template": template,
        "values": values_of(values) if values else None,
        "key": key,
        "lane": lane,
        "at": at,
        "on_doubt": on_doubt,
        "deadline_s": deadline,
        "client": client,
        "options": options,
        "files": files,
        "even_opted_out": even_opted_out,
    }
    if dry_run:
        with Smsq() as smsq, smsq.named():
            _print_would(smsq.send(phone, text, dry_run=True, **how), as_json)
        return
    with contextlib.ExitStack() as stack:
        smsq = reached(Smsq(), stack)
        sent = smsq.send(phone, text, **how)
        output.changed()
        if is_simulated(recipient_of(phone, channel(options.channel).recipients)):
            talk("a simulated number: smsq answers in the gateway's place, nothing leaves and nothing is paid")
        is_up = say_who_is_missing(smsq, lane, sent.id)
        if not wait:
            if as_json:
                print_json({"id": sent.id, "created": sent.created})
            else:
                click.echo(sent.id)
            return
        receipt, is_cut_off = wait_for(smsq, sent.id, timeout, lane)
    if as_json:
        from smsq.producers.report import as_object

        print_json(as_object(receipt))
    else:
        print_receipt(receipt)
    sys.exit(code_of(receipt, is_up and not is_cut_off))


def _print_would(would: WouldSend, as_json: bool) -> None:
    """A message that was not enrolled."""
    from smsq.worker.domain.text import alphabet

    if as_json:
        told = {
            "phone": would.recipient,
            "text": would.text,
            "channel": would.channel,
            "sender": would.sender,
            "lane": would.lane,
            "parts": would.parts,
            "alphabet": alphabet(would.text),
            "known": would.is_known,
        }
        print_json({"dry_run": True} | told)
        return
    size = f"{counted(len(would.text), 'character')}, {counted(would.parts, 'part')}"
    sender = f", sender {would.sender}" if would.sender else ""
    text = f": {one_line(would.text)}" if would.text else ""
    click.echo(f"would send to {would.recipient} by {would.channel}{sender} ({size}){text}")
    if would.is_known:
        click.echo("this key was used already, so nothing would be added")
    click.echo("dry run: nothing was enrolled")


def reached(smsq: Smsq, stack: contextlib.ExitStack) -> Smsq:
    """Open it, and be sure of its Redis before anything could be enrolled."""
    from smsq.worker.domain.errors import LedgerUnreachable

    stack.callback(smsq.close)
    try:
        smsq.check_account()
        with smsq.named():
            smsq.runtime.ledger.time()
    except LedgerUnreachable as error:
        raise LedgerUnreachable(f"{error.sentence}. Nothing was enrolled; repeat the same command afterwards") from None
    return smsq


def say_who_is_missing(smsq: Smsq, lane: str, message_id: str) -> bool:
    """Whether somebody is up to send it. It is enrolled: a ledger that cannot be asked any more changes nothing."""
    from smsq.worker.domain.errors import LedgerTrouble

    try:
        if smsq.lanes().get(lane):
            return True
    except LedgerTrouble as error:
        talk(f"{message_id} is enrolled; it is not known whether a worker is up to send it: {error.sentence}")
        return True
    talk(f"{message_id} is enrolled and waits: no worker of the {lane} lane is up (`smsq up`)")
    return False


def wait_for(smsq: Smsq, message_id: str, timeout_s: float, lane: str = "urgent") -> tuple[Receipt, bool]:
    """Look until it is final, parked, or the time is up; also whether no mirror could be reached.

    Raises BadCredentials if a refused log-in is why it waits.
    """
    from smsq.producers.progress import PATIENCE_S
    from smsq.producers.waits import brake, halt
    from smsq.worker.domain.errors import BadCredentials, LedgerUnreachable
    from smsq.worker.domain.status import FINAL_STATUSES

    clock = smsq.runtime.clock
    began = clock.monotonic()
    told = ""
    while True:
        waited_s = clock.monotonic() - began
        try:
            receipt = smsq.status(message_id)
            brakes = smsq.runtime.views.brakes() if receipt.status == "queued" else None
        except LedgerUnreachable as error:
            if waited_s > timeout_s:
                raise
            if told != error.sentence:
                told = error.sentence
                talk(f"{message_id} is enrolled; {told}")
            clock.wait(LOOK_EVERY_S)
            continue
        if receipt.status in FINAL_STATUSES or receipt.status == "parked":
            return receipt, False
        if brakes is not None and brakes.halted == "login" and waited_s > min(PATIENCE_S, timeout_s):
            raise BadCredentials(f"{message_id} is enrolled and waits: {halt('login')}", code=2)
        why = brake(brakes, lane) if brakes is not None else ""
        if why and why.partition(",")[0] != told:  # how long we back off is said once
            told = why.partition(",")[0]
            talk(f"{message_id} waits: {why}")
        if waited_s > timeout_s:
            talk(f"{message_id} is still {receipt.status} after {timeout_s:g} s; `smsq status {message_id}` shows more")
            return receipt, brakes is not None and brakes.is_cut_off
        clock.wait(LOOK_EVERY_S)


def code_of(receipt: Receipt, is_up: bool) -> int:
    """What the shell is told of a message."""
    if receipt.status in ("delivered", "read", "clicked"):
        return DONE
    if receipt.status == "refused":
        return REFUSED
    return UNREACHABLE if receipt.status == "queued" and not is_up else UNDELIVERED
