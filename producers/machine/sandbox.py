"""`smsq sandbox messages` and `smsq sandbox misfortunes`: ask the sandbox that runs, of this home or at an address."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from smsq.producers.adoption import running
from smsq.producers.fields import phone_of
from smsq.producers.moments import when
from smsq.producers.terminal.display import counted, print_json, talk
from smsq.worker.domain.errors import BadInput, Unreachable
from smsq.worker.domain.status import FINAL_STATUSES
from smsq.worker.settings import Settings

if TYPE_CHECKING:
    from smsq.worker.ledger.views import CampaignView

TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.3

control_option = click.option(
    "--control",
    metavar="URL",
    help="Of a sandbox that runs by itself.  [default: that of the `smsq up --sandbox` here]",
)


@click.command("messages")
@click.argument("phone", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="So many at most.")
@click.option("--follow", is_flag=True, help="Then show each that comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="For machines: a line for each, on standard output.")
@control_option
def messages(phone: str | None, limit: int, follow: bool, as_json: bool, control: str | None) -> None:
    """Show what the sandbox received, texts and all, the newest last; of PHONE alone if one is given.

    Nothing of it reached anybody.
    """
    base = control or of_this_home()
    told = {"limit": str(limit), **({"phone": str(phone_of(phone))} if phone is not None else {})}
    found = received(base, **told)
    for each in reversed(found["messages"]):
        _print(each, as_json)
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
            _print(each, as_json)
        after = found["last"]


@click.command("misfortunes")
@click.argument("kind", required=False)
@click.option("--next", "count", type=click.IntRange(1), metavar="N", help="Let the next N requests suffer KIND.")
@click.option("--share", metavar="SHARE", help="Let this share of them, 5% or 0.05; 0 ends it.")
@click.option("--command", default="send", show_default=True, help="Of these requests: send, status, …, or any.")
@click.option("--mirror", type=int, metavar="N", help="At mirror N alone.")
@click.option("--seconds", type=float, metavar="S", help="How long, for kinds that take time.")
@click.option("--end", is_flag=True, help="Let nothing go wrong any more.")
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
    """Show what goes wrong at the sandbox and what might, let KIND befall it, or end all of it."""
    base = control or of_this_home()
    if end and kind is None:
        ask(base, "misfortunes", method="DELETE")
    elif kind is not None and not end and (count is None) != (share is None):
        from smsq.producers.cli.sandbox import share_of

        told = {"kind": kind, "command": command, "mirror": mirror, "seconds": seconds or 0.0}
        told |= {"next": count} if count is not None else {"share": share_of(share or "")}
        ask(base, "misfortunes", told)
    elif kind is not None or count is not None or share is not None:
        raise click.UsageError("give a KIND with either --next or --share; or --end alone; or nothing, to see them")
    found = ask(base, "misfortunes")
    if kind is None and not end:
        for name, meaning in found["kinds"].items():
            click.echo(f"{name:22} {meaning}")
    talk(f"in force: {counted(len(found['in_force']), 'misfortune')}")
    for rule in found["in_force"]:
        often = f"the next {rule['next']}" if rule["next"] else f"{rule['share']:.0%} of all"
        at = f" at mirror {rule['mirror']}" if rule["mirror"] else ""
        click.echo(f"{rule['kind']}: {often} {rule['command']} requests{at}")


def of_this_home() -> str:
    """Where the sandbox of the running `smsq up --sandbox` is told what to do; raises Unreachable if there is none."""
    home = Settings.load().home
    up = running(home)
    if up is None or not up.control:
        what = "`smsq up` runs without a sandbox" if up is not None else "no `smsq up --sandbox` runs"
        raise Unreachable(
            f"{what} in {home.expanduser().absolute()}: start one, set SMSQ_HOME to the .smsq of the folder in which "
            "it runs, or give --control URL of a sandbox that runs by itself"
        )
    return up.control


def forgot(sent_at: float) -> str:
    """That the sandbox of this home began after `sent_at` (Unix seconds), and what this means; '' if it did not.

    '' also if nothing was sent (0), without a sandbox, and for one that does not answer.
    """
    settings = Settings.load()
    up = running(settings.home)
    if not sent_at or up is None or not up.control or settings.redis_url not in (None, up.redis_url):
        return ""
    try:
        began = float(ask(up.control, "tally")["began"])
    except (Unreachable, BadInput, KeyError):
        return ""
    if sent_at > began:
        return ""
    return (
        f"the sandbox began anew on {when(began)} and has forgotten what was sent to it before: no status comes of it"
    )


def forgotten(view: CampaignView) -> str:
    """`forgot` for a campaign of which messages are under way."""
    is_under_way = any(many and name not in {*FINAL_STATUSES, "queued"} for name, many in view.statuses.items())
    return forgot(view.first_sent_at) if is_under_way else ""


def received(base: str, **asked: str) -> dict[str, Any]:
    """What it received, as `GET /_sandbox/messages` tells it."""
    return ask(base, f"messages?{urlencode(asked)}")


def ask(base: str, what: str, told: object = None, *, method: str | None = None) -> dict[str, Any]:
    """One call of the control endpoint; raises Unreachable, or BadInput with its sentence."""
    body = json.dumps(told).encode() if told is not None else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine
    try:
        request = urllib.request.Request(f"{base.rstrip('/')}/_sandbox/{what}", body, method=method)
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        with error:
            raise BadInput(_sentence(error.read())) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unreachable(f"no sandbox answers at {base} ({type(error).__name__})") from None


def _sentence(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        return "this is not a sandbox's control address"


def _print(each: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(each)
        return
    from smsq.producers.report import printable

    at = datetime.fromtimestamp(each["at"]).astimezone().strftime("%H:%M:%S")
    way = "" if each["channel"] == "sms" else f" by {each['channel']}"
    click.echo(f"{at}  +{printable(each['phone'])}{way}  {each['status']}  {printable(each['text'])}")
