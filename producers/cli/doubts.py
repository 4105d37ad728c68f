"""`smsq doubts …`: messages of which nobody can tell whether they were accepted, and deciding about them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import Suggesting
from smsq.producers.terminal import output
from smsq.producers.terminal.display import print_json, talk

if TYPE_CHECKING:
    from smsq.producers.doubts import Doubt

MEANS = {
    "settle": "count as accepted: {} will not be sent again, and its status is asked for",
    "resend": "send again: {} may arrive TWICE",
    "drop": "give up: {} will not be sent again, and is reported as cancelled",
}
as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")


@click.group("doubts", cls=Suggesting)
def group() -> None:
    """Show messages of which nobody knows whether the gateway accepted them, and decide about them."""


@group.command("list")
@click.option(
    "--all", "everything", is_flag=True, help="Also show messages that smsq is still asking the gateway about."
)
@as_json_option
def list_doubts(everything: bool, as_json: bool) -> None:
    """List batches that wait for a person to decide."""
    from smsq.producers.api import Smsq
    from smsq.producers.doubts import waits_for

    with Smsq() as smsq:
        found = smsq.doubts.list(parked_only=not everything)
    if as_json:
        print_json([_object(doubt) for doubt in found])
        return
    if not found:
        talk("nothing is parked" if not everything else "nothing is parked or in doubt")
    for doubt in found:
        click.echo(_line(doubt))
    if waiting := waits_for([doubt for doubt in found if doubt.state == "doubtful"]):
        talk(waiting)


@group.command("show")
@click.argument("named", metavar="ID")
@as_json_option
def show(named: str, as_json: bool) -> None:
    """Show everything that is known about a batch.

    ID is that of the batch or of one of its messages.
    """
    from smsq.producers.api import Smsq

    with Smsq() as smsq:
        doubt = smsq.doubts.show(named)
    if as_json:
        print_json(_object(doubt))
    else:
        _print(doubt)


def _decision(name: str, help_text: str) -> None:
    """One command per decision: they differ in a word."""

    @group.command(name, help=help_text)
    @click.argument("named", metavar="ID")
    @click.option("--reason", required=True, help="Why you decide so; it is kept with the batch.")
    @click.option(
        "--fence", type=int, help="Decide only if the batch still has this fence number, as `show --json` printed it."
    )
    @click.option("--yes", is_flag=True, help="Decide without asking for confirmation.")
    @as_json_option
    def command(named: str, reason: str, fence: int | None, yes: bool, as_json: bool) -> None:
        from smsq.producers.api import Smsq
        from smsq.worker.domain.errors import BadInput, Conflict

        with Smsq() as smsq:
            doubt = smsq.doubts.show(named)
            if fence is not None and fence != doubt.batch.fence:
                raise Conflict(f"batch {doubt.id} has changed since: its fence is {doubt.batch.fence}, not {fence}")
            if doubt.state not in ("parked", "doubtful"):
                raise BadInput(f"batch {doubt.id} is {doubt.state}: there is nothing to decide")
            if not as_json:
                _print(doubt, talk)
            meaning = MEANS[name].format(_many(len(doubt.messages)))
            if not yes and not sys.stdin.isatty():
                raise BadInput(f"{meaning}. Nobody can be asked here: add --yes")
            if not yes and not click.confirm(f"{meaning[0].upper()}{meaning[1:]}?", err=True):
                raise click.Abort
            after = smsq.doubts.decide(doubt, name, reason)
            output.changed()
        if as_json:
            print_json(_object(after))
        else:
            click.echo(f"batch {after.id} is {after.state}")


_decision(
    "settle", "Count the messages of batch ID as accepted. Use it if they were seen on a handset or at the gateway."
)
_decision("resend", "Send the messages of batch ID again. They may then arrive twice.")
_decision("drop", "Give up the messages of batch ID. They are not sent again, and are reported as cancelled.")


def _many(messages: int) -> str:
    return "1 message" if messages == 1 else f"{messages} messages"


def _object(doubt: Doubt) -> dict[str, Any]:
    from smsq.producers.waits import reason

    batch = doubt.batch
    return {
        "id": doubt.id,
        "campaign": batch.ref.campaign,
        "lane": batch.lane,
        "state": doubt.state,
        "why": batch.why,
        "why_in_words": reason(batch.why),
        "since": batch.since,
        "fence": batch.fence,
        "asked": batch.asked,
        "next_ask": doubt.next_ask or None,
        "absence_from": doubt.absence_from if doubt.state == "doubtful" else None,
        "waits": doubt.waits or None,
        "died": batch.deaths,
        "on_doubt": batch.on_doubt,
        "resent_by": batch.resent_by or None,
        "messages": doubt.messages,
        "phones": doubt.phones,
        "attempts": [
            {
                "gateway_id": known.gateway_id,
                "mirror": known.mirror,
                "claimed_at": known.claimed_at,
                "state": _fate(known.state),
            }
            for known in batch.ids
        ],
        "decisions": [{"at": at, "decision": what, "reason": why} for at, what, why in doubt.decisions],
    }


def _fate(state: int) -> str:
    from smsq.worker.domain.status import IdState

    return IdState(state).name.lower()


def _line(doubt: Doubt) -> str:
    from smsq.producers.moments import when
    from smsq.producers.waits import reason

    of = f"campaign {doubt.batch.ref.campaign}" if doubt.batch.ref.campaign else f"{doubt.batch.lane} message"
    many = _many(len(doubt.messages))
    return f"{doubt.id:>8}  {doubt.state:<9} {when(doubt.batch.since)}  {many:<13}  {of:<18}  {reason(doubt.batch.why)}"


def _print(doubt: Doubt, say: Callable[[str], None] = click.echo) -> None:
    from smsq.producers.moments import when
    from smsq.producers.report import printable

    batch = doubt.batch
    say(_line(doubt).strip())
    shown = doubt.phones[:5]
    say("  to        " + printable(", ".join(shown)) + (", …" if len(doubt.phones) > len(shown) else ""))
    for known in batch.ids:
        where = f" by {known.mirror}" if known.mirror else ""
        say(f"  attempt   {when(known.claimed_at)} under gateway id {known.gateway_id}{where}: {_fate(known.state)}")
    say(f"  asked     {batch.asked} times" + (f"; workers died on it {batch.deaths} times" if batch.deaths else ""))
    if doubt.waits:
        say(f"  waits     {doubt.waits}")
    if batch.resent_by:
        say(f"  may double: its {batch.resent_by} had it sent again and accepted the risk of two copies")
    for at, what, why in doubt.decisions:
        say(f"  decided   {when(at)} {what}: {printable(why)}")
