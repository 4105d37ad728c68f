"""`smsq sandbox messages` and `smsq sandbox misfortunes`: ask the sandbox that runs, of this home or at an address."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import click

from smsq.producers.fields import recipient_of
from smsq.producers.machine.sandbox import ask, of_this_home, received
from smsq.producers.terminal.display import counted, print_json, talk
from smsq.worker.domain.recipient import EVERY_KIND, Recipient, answered, shown

LOOK_EVERY_S = 0.3

control_option = click.option(
    "--control",
    metavar="URL",
    help="Control address of a sandbox that was started alone.  [default: that of the `smsq up --sandbox` here]",
)


@click.command("messages")
@click.argument("phone", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Most messages to show.")
@click.option("--follow", is_flag=True, help="Then show each new one, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one object a line, on standard output.")
@control_option
def messages(phone: str | None, limit: int, follow: bool, as_json: bool, control: str | None) -> None:
    """Show the messages that the sandbox received, the newest last.

    If PHONE is given, only those to it are shown. None of them was sent to anybody.
    """
    base = control or of_this_home()
    wanted = None if phone is None else recipient_of(phone, EVERY_KIND)
    told = {"limit": str(limit), **({"phone": str(wanted)} if isinstance(wanted, int) else {})}
    found = received(base, **told)
    for each in reversed(found["messages"]):
        _print(each, wanted, as_json)
    if not found["messages"] and not follow:
        talk("nothing was received" + (" for this phone" if phone is not None else ""))
    after = found["last"]
    while follow:
        time.sleep(LOOK_EVERY_S)
        found = received(base, **{**told, "limit": "1000", "after": str(after)})
        if found["last"] < after:  # it was reset, or another one
            after = 0
            continue
        for each in reversed(found["messages"]):
            _print(each, wanted, as_json)
        after = found["last"]


@click.command("misfortunes")
@click.argument("kind", required=False)
@click.option("--next", "count", type=click.IntRange(1), metavar="N", help="Apply KIND to the next N requests.")
@click.option("--share", metavar="SHARE", help="Apply KIND to this share of requests: 5% or 0.05; 0 ends it.")
@click.option(
    "--command", default="send", show_default=True, help="Which requests: send, status, balance, price, history or any."
)
@click.option("--mirror", type=int, metavar="N", help="Only at mirror N.")
@click.option("--seconds", type=float, metavar="S", help="Duration, for kinds that take time.")
@click.option("--end", is_flag=True, help="End all misfortunes.")
@control_option
def misfortunes(
    kind: str | None,
    count: int | None,
    share: str | None,
    command: str,
    mirror: int | None,
    seconds: float | None,
    end: bool,
    control: str | None,
) -> None:
    """Show, start or end misfortunes of the sandbox.

    Without KIND it shows the misfortunes in force, and all kinds.
    """
    base = control or of_this_home()
    if end and kind is None:
        ask(base, "misfortunes", method="DELETE")
    elif kind is not None and not end and (count is None) != (share is None):
        told = {"kind": kind, "command": command, "mirror": mirror, "seconds": seconds or 0.0}
        told |= {"next": count} if count is not None else {"share": share_of(share or "")}
        ask(base, "misfortunes", told)
    elif kind is not None or count is not None or share is not None:
        raise click.UsageError("give KIND with --next or --share; or --end alone; or nothing, to see them all")
    found = ask(base, "misfortunes")
    if kind is None and not end:
        for name, meaning in found["kinds"].items():
            click.echo(f"{name:22} {meaning}")
    talk(f"in force: {counted(len(found['in_force']), 'misfortune')}")
    for rule in found["in_force"]:
        often = f"the next {rule['next']}" if rule["next"] else f"{rule['share']:.0%} of all"
        at = f" at mirror {rule['mirror']}" if rule["mirror"] else ""
        click.echo(f"{rule['kind']}: {often} {rule['command']} requests{at}")


def share_of(written: str) -> float:
    """5% or 0.05."""
    try:
        share = float(written.removesuffix("%")) / (100 if written.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise click.UsageError(f"a share is 5% or 0.05, not {written!r}")
    return share


def _print(each: dict[str, Any], wanted: Recipient | None, as_json: bool) -> None:
    if wanted is not None and answered(each["phone"]) != wanted:
        return
    if as_json:
        print_json(each)
        return
    from smsq.producers.report import printable
    from smsq.worker.domain.batch import PLAIN_CHANNEL

    at = datetime.fromtimestamp(each["at"]).astimezone().strftime("%H:%M:%S")
    way = "" if each["channel"] == PLAIN_CHANNEL else f" by {each['channel']}"
    click.echo(f"{at}  {printable(shown(each['phone']))}{way}  {each['status']}  {printable(each['text'])}")
