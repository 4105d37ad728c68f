"""`smsq otp`: send a one-time code, check one, send it again, see where it stands. The code is never shown."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import DONE, FAILED, Suggesting
from smsq.producers.cli.send import code_of, reached, say_who_is_missing, wait_for
from smsq.producers.terminal import output
from smsq.producers.terminal.display import counted, print_json, print_receipt
from smsq.producers.terminal.stdin import from_stdin
from smsq.worker.domain.otp import PURPOSE
from smsq.worker.domain.policy import POLICIES

if TYPE_CHECKING:
    from smsq.producers.otp import CodeShown, OneTimeCode

LONGEST_TYPED = 200  # characters read from standard input

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One object on standard output, for errors too.")


@click.group("otp", cls=Suggesting)
def group() -> None:
    """Send one-time codes, and check what people typed. The code itself is in its message and nowhere else."""


@group.command("send")
@click.argument("phone")
@click.option(
    "--purpose",
    default=PURPOSE,
    show_default=True,
    help="What the code is for, such as login; `check` must name the same.",
)
@click.option("--length", type=int, default=6, show_default=True, help="Number of digits, 4 to 8.")
@click.option("--ttl", type=float, default=300, show_default=True, help="Seconds until it expires.")
@click.option(
    "--channels",
    default="sms",
    show_default=True,
    help="Channel: sms, tg or call; or several, tried in turn until one delivers: sms:20s,tg:20s,call.",
)
@click.option("--max-cost", help="Most that all messages of this code may cost together, in the account's currency.")
@click.option("--locale", help="Language of the text: en, ru or kk.  [default: that of the phone's country]")
@click.option("--template", help="The text; {code} is replaced by the code, {minutes} and {purpose} likewise.")
@click.option("--key", help="Makes it safe to repeat this command: the same key sends nothing twice.")
@click.option("--client", help="Who asks for the code, such as an IP address or an account; limits count per client.")
@click.option("--sender", help="Sender name; one that is registered for the account.")
@click.option(
    "--on-doubt",
    type=click.Choice(list(POLICIES)),
    default="ask",
    show_default=True,
    help="What to do if nobody can tell whether its message arrived; as for `smsq send`.",
)
@click.option("--wait", is_flag=True, help="Wait for the final status of its message.")
@click.option("--timeout", type=click.FloatRange(0.1), default=120.0, show_default=True, help="Most seconds to wait.")
@AS_JSON
def send(
    phone: str,
    purpose: str,
    length: int,
    ttl: float,
    channels: str,
    max_cost: str | None,
    locale: str | None,
    template: str | None,
    key: str | None,
    client: str | None,
    sender: str | None,
    on_doubt: str,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Send a new code to PHONE, and print its id, which `check` needs.

    If PHONE is -, it is read from standard input.
    """
    from smsq.producers.api import Smsq

    with _errors(as_json), contextlib.ExitStack() as stack:
        (phone,) = from_stdin(phone)
        smsq = reached(Smsq(), stack)
        code = smsq.otp.send(
            phone,
            purpose=purpose,
            length=length,
            ttl=ttl,
            channels=channels,
            max_cost=max_cost,
            locale=locale,
            template=template,
            key=key,
            client=client,
            sender=sender,
            on_doubt=on_doubt,
        )
        output.changed()
        is_up = not code.message_id or say_who_is_missing(smsq, "urgent", code.message_id)
        if not wait or not code.message_id:
            _print_sent(code, as_json)
            return
        receipt, is_cut_off = wait_for(smsq, code.message_id, timeout)
    if as_json:
        print_json({**_object(code), "status": receipt.status})
    else:
        click.echo(code.id)
        print_receipt(receipt)
    sys.exit(code_of(receipt, is_up and not is_cut_off))


@group.command("check")
@click.argument("code_id", metavar="ID")
@click.argument("code")
@click.option(
    "--purpose",
    default=PURPOSE,
    show_default=True,
    help="The purpose that the code was sent for; with another one every try is wrong.",
)
@AS_JSON
def check(code_id: str, code: str, purpose: str, as_json: bool) -> None:
    """Check CODE, as a person typed it.

    If CODE is -, it is read from standard input, so that no list of processes shows it. The exit code is 0 if it is
    right, 1 if it is wrong, and 4 if the ledger cannot tell: then let nobody in.
    """
    from smsq.producers.api import Smsq
    from smsq.worker.domain.errors import LedgerFull, LedgerHalted, LedgerUnreachable
    from smsq.worker.domain.otp import Verdict

    with _errors(as_json), contextlib.ExitStack() as stack:
        typed = sys.stdin.readline(LONGEST_TYPED) if code == "-" else code
        smsq = Smsq()
        stack.callback(smsq.close)
        try:
            smsq.check_account()
            with smsq.named():
                verdict = smsq.otp.check(code_id, typed, purpose)
                output.changed()
        except (LedgerHalted, LedgerFull) as error:
            raise LedgerUnreachable(error.sentence) from None
    if as_json:
        print_json({"id": code_id, "verdict": verdict.value})
    else:
        click.echo(verdict.value)
    sys.exit(DONE if verdict is Verdict.RIGHT else FAILED)


@group.command("resend")
@click.argument("code_id", metavar="ID")
@AS_JSON
def resend(code_id: str, as_json: bool) -> None:
    """Send the same code again, and print the new message's id."""
    from smsq.producers.api import Smsq

    with _errors(as_json), contextlib.ExitStack() as stack:
        smsq = reached(Smsq(), stack)
        code = smsq.otp.resend(code_id)
        output.changed()
        say_who_is_missing(smsq, "urgent", code.message_id)
        _print_sent(code, as_json)


@group.command("show")
@click.argument("code_id", metavar="ID")
@AS_JSON
def show(code_id: str, as_json: bool) -> None:
    """Show the state of a code, and its messages."""
    from smsq.producers.api import Smsq

    with _errors(as_json), Smsq() as smsq, smsq.named():
        shown = smsq.otp.show(code_id)
    if as_json:
        print_json(_shown_object(shown))
    else:
        _print_shown(shown)


@contextlib.contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """If a machine reads, an error is an object too; the sentence and the exit code stay."""
    from smsq.worker.domain.errors import Limited, SmsqError

    try:
        yield
    except SmsqError as error:
        output.changed()  # or at least decided: the exit code says what
        if as_json:
            told: dict[str, Any] = {"error": error.word, "message": error.sentence}
            if isinstance(error, Limited) and error.retry_after_s is not None:
                told["retry_after_s"] = round(error.retry_after_s, 3)
            if isinstance(error, Limited) and error.decision:
                told["decision"] = error.decision
            print_json(told)
        raise


def _print_sent(code: OneTimeCode, as_json: bool) -> None:
    if as_json:
        print_json(_object(code))
    else:
        click.echo(code.id)


def _object(code: OneTimeCode) -> dict[str, Any]:
    return {
        "id": code.id,
        "created": code.created,
        "expires_at": code.expires_at,
        "channel": code.channel,
        "message_id": code.message_id,
    }


def _shown_object(shown: CodeShown) -> dict[str, Any]:
    return {
        "id": shown.id,
        "state": shown.state,
        "made_at": shown.made_at,
        "expires_at": shown.expires_at,
        "tries_left": shown.tries_left,
        "resends_left": shown.resends_left,
        "channels": shown.channels,
        "steps": [
            {
                "channel": step.channel,
                "at": step.at,
                "message_id": step.message_id,
                "status": step.status,
                "why": step.why,
            }
            for step in shown.steps
        ],
        "ahead": [{"channel": ahead.channel, "why": ahead.why} for ahead in shown.ahead],
        "ended": shown.ended,
    }


def _print_shown(shown: CodeShown) -> None:
    from smsq.producers.moments import when
    from smsq.worker.domain.cascade import TAKEN, not_taken

    lines = [
        ("code", shown.id),
        ("state", shown.state),
        ("expires", when(shown.expires_at)),
        ("tries left", str(shown.tries_left)),
        ("resends left", str(shown.resends_left)),
    ]
    for name, value in lines:
        click.echo(f"{name:<14}{value}")
    click.echo(counted(len(shown.steps), "message"))
    for step in shown.steps:
        why = f": {TAKEN[step.why]}" if step.why != "first" else ""
        click.echo(f"  {step.channel:<6} {when(step.at)}  {step.message_id or '-'}  {step.status}{why}".rstrip())
    for ahead in shown.ahead:
        click.echo(f"  {ahead.channel:<6} not tried: {not_taken(ahead.why)}")
