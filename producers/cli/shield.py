"""`smsq shield …`: see what keeps pumping away from one-time codes, and adjust it while everything runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import DONE, FAILED, Suggesting
from smsq.producers.terminal import output
from smsq.producers.terminal.display import print_json, talk
from smsq.producers.terminal.stdin import from_stdin

if TYPE_CHECKING:
    from smsq.worker.domain.shield import Decision
    from smsq.worker.ledger.otp.shield_admin import Rule, ShieldView, Usage

BUSIEST = 10  # lines of prefixes on a screen; --json has more
as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")


@click.group("shield", cls=Suggesting)
def group() -> None:
    """Show and adjust the shield: the limits that keep SMS pumping away from one-time codes.

    A change holds everywhere at once.
    """


@group.command("show")
@as_json_option
def show(as_json: bool) -> None:
    """Show limits, holds with their reason, and the busiest prefixes."""
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        view = smsq.shield.show()
    if as_json:
        print_json(_object(view))
    else:
        _print(view)


@group.command("try")
@click.argument("phone")
@click.option("--client", help="Who would ask, such as an IP address or an account.")
@click.option("--channel", default="sms", show_default=True, help="Channel of the code: sms, tg or call.")
@as_json_option
def try_(phone: str, client: str | None, channel: str, as_json: bool) -> None:
    """Show how the shield would decide about a code to PHONE now. Nothing is sent or counted.

    If PHONE is -, it is read from standard input. The exit code is 0 if the code may go, and 1 if not.
    """
    from smsq.producers.api import Smsq

    (phone,) = from_stdin(phone)
    with Smsq() as smsq, smsq.named():
        decision = smsq.shield.dry_run(phone, client=client, channel=channel)
    if as_json:
        print_json(_decision(decision))
    else:
        click.echo(decision.would or decision.code)
        if decision.why:
            talk(decision.why + _when(decision.retry_after_s) + ("; the shield only watches" if decision.would else ""))
    sys.exit(DONE if decision.allowed else FAILED)


@group.command("allow")
@click.argument("name", metavar="COUNTRY|PREFIX")
def allow(name: str) -> None:
    """Serve an excluded country, or exempt a prefix from limits.

    A prefix that is allowed is exempt from the limits and holds of prefixes. Landlines and premium numbers get codes
    only if their prefix is allowed.
    """
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        _told("allowed", smsq.shield.allow(name))


@group.command("deny")
@click.argument("name", metavar="COUNTRY|PREFIX")
def deny(name: str) -> None:
    """Send no code to a country or a prefix."""
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        _told("denied", smsq.shield.deny(name))


@group.command("hold")
@click.argument("name", metavar="COUNTRY|PREFIX")
@click.option("--for", "lasts", metavar="TIME", help="Such as 30min or 12h.  [default: until it is released]")
def hold(name: str, lasts: str | None) -> None:
    """Refuse codes to a prefix or a country for a time."""
    from smsq.producers.api import Smsq
    from smsq.worker.domain.errors import BadInput
    from smsq.worker.domain.limits import span

    try:
        for_s = span(lasts) if lasts is not None else None
    except ValueError as error:
        raise BadInput(f"--for: {lasts!r} is not valid; give {error}") from None
    with Smsq() as smsq, smsq.named():
        _told("held", smsq.shield.hold(name, for_s=for_s), f" for {lasts}" if lasts else " until it is released")


@group.command("release")
@click.argument("name", metavar="COUNTRY|PREFIX")
def release(name: str) -> None:
    """End a hold, or undo `allow` or `deny`."""
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        _told("released", smsq.shield.release(name))


@group.command("limit")
@click.argument("name")
@click.argument("value")
def limit(name: str, value: str) -> None:
    """Set limit NAME to VALUE, written as in `show`. VALUE `default` returns to the settings.

    Names: mode, phone, block, wide, country, client, daily, daily_cost, price, countries, deny, hold_after,
    hold_below, hold_for. docs/settings.md says what each is.
    """
    _set(name, None if value == "default" else value)


@group.command("on")
def on() -> None:
    """Refuse what limits and holds forbid; as `limit mode on`."""
    _set("mode", "on")


@group.command("watch")
def watch() -> None:
    """Only count what would be refused; as `limit mode watch`."""
    _set("mode", "watch")


@group.command("off")
def off() -> None:
    """Refuse nothing and count nothing; as `limit mode off`."""
    _set("mode", "off")


def _set(name: str, value: str | None) -> None:
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        held = smsq.shield.limit(name, value)
        output.changed()
        is_deaf = smsq.settings.shield == "off"
    click.echo(f"{name} {held}")
    if is_deaf:
        click.echo("SMSQ_SHIELD is off here: this process ignores the shield, whatever is set", err=True)


def _told(what: str, name: str, more: str = "") -> None:
    from smsq.worker.domain.shield import shown

    output.changed()
    click.echo(f"{what} {shown(name)}{more}")


def _when(seconds: float) -> str:
    return f"; again in {seconds:.0f} s" if seconds else ""


def _object(view: ShieldView) -> dict[str, Any]:
    return {
        "limits": dict(view.limits),
        "live": sorted(view.live),
        "rules": [
            {
                "name": rule.name,
                "kind": rule.kind,
                "since": rule.since,
                "until": rule.until or None,
                "why": rule.why,
                "times": rule.times,
                "sent": rule.sent,
                "verified": rule.verified,
            }
            for rule in view.rules
        ],
        "all": _usage(view.all) | {"cost": float(view.all.cost)},
        "busiest": [_usage(usage) for usage in view.busiest],
        "prices": {name: float(price) for name, price in view.prices.items()},
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "kind": usage.kind,
        "name": usage.name,
        "sent": usage.sent,
        "verified": usage.verified,
        "used": [{"used": used, "most": most, "seconds": seconds} for used, most, seconds in usage.used],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "allowed": decision.allowed,
        "decision": decision.code,
        "would": decision.would,
        "why": decision.why,
        "retry_after_s": round(decision.retry_after_s, 3),
        "price": float(decision.price),
    }


def _print(view: ShieldView) -> None:
    from smsq.producers.moments import plain

    for name, written in view.limits.items():
        click.echo(f"{name:<14}{written}" + ("  (set by hand)" if name in view.live else ""))
    for name, price in sorted(view.prices.items()):
        click.echo(f"{'cost of ' + name:<14} {plain(price)}")
    day = f", cost {plain(view.all.cost)} in a day" if view.all.cost else ""
    click.echo(f"{'last hour':<14}{_share(view.all)}{day}{_limits(view.all)}")
    for rule in view.rules:
        click.echo(_rule(rule))
    for kind in ("country", "wide", "block"):
        for usage in [each for each in view.busiest if each.kind == kind][:BUSIEST]:
            click.echo(f"{kind:<8} {_name(usage.name):<14} {_share(usage)}{_limits(usage)}")


def _rule(rule: Rule) -> str:
    from smsq.producers.moments import when

    word = {"hold": "held", "grace": "released", "allow": "allowed", "deny": "denied"}[rule.kind]
    until = f"until {when(rule.until)}" if rule.until else "until it is changed"
    return f"{word:<8} {_name(rule.name):<14} {until}: {rule.why}"


def _share(usage: Usage) -> str:
    return f"{usage.verified} of {usage.sent} verified"


def _limits(usage: Usage) -> str:
    from smsq.worker.domain.limits import write_rates

    return "".join(f"; {used} of {write_rates(((most, seconds),))}" for used, most, seconds in usage.used)


def _name(name: str) -> str:
    from smsq.worker.domain.shield import shown

    return shown(name)
