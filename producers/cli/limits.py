"""`smsq limits`: the limits of the whole installation, shown and changed while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import Suggesting
from smsq.producers.terminal import output
from smsq.producers.terminal.display import print_json

if TYPE_CHECKING:
    from smsq.producers.limits import InForce

NONE = "none"
OWN = "(the account's own)"
as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")


@click.group("limits", cls=Suggesting)
def group() -> None:
    """Show and change the pace of all sending, of single senders, and the reserve for urgent messages."""


@group.command("show")
@as_json_option
def show(as_json: bool) -> None:
    """Show the limits that are in force."""
    from smsq.producers.api import Smsq

    with Smsq() as smsq:
        _print(smsq.limits.show(), as_json)


@group.command("set")
@click.option("--rate", metavar="N", help="Most parts per second over all workers, or none; codes never wait for it.")
@click.option(
    "--sender",
    "senders",
    metavar="NAME=N",
    multiple=True,
    help="Most parts per second under a sender, or NAME=none; =N is for the account's own. May be repeated.",
)
@click.option("--reserve", metavar="AMOUNT", help="What campaigns leave of the balance for urgent messages, or none.")
@click.option("--default", "is_default", is_flag=True, help="Let SMSQ_RATE and SMSQ_RESERVE hold again.")
@as_json_option
def set_(rate: str | None, senders: tuple[str, ...], reserve: str | None, is_default: bool, as_json: bool) -> None:
    """Change limits while everything runs; all workers go by them within a second."""
    from smsq.producers.api import Smsq
    from smsq.producers.intake.terms import rate_of
    from smsq.producers.limits import reserve_of
    from smsq.worker.domain.errors import BadInput

    if rate is None and not senders and reserve is None and not is_default:
        raise BadInput("nothing to set: name --rate, --sender, --reserve or --default")
    rates = dict(_sender_rate(each) for each in senders)
    for each in (rate, *rates.values()):  # all is checked before anything is set
        if each is not None and each != NONE:
            rate_of(each)
    reserve_of(0 if reserve in (None, NONE) else reserve)
    with Smsq() as smsq:
        if is_default:
            smsq.limits.forget()
        if rate is not None:
            smsq.limits.set_rate(None if rate == NONE else rate)
        for sender, limit in rates.items():
            smsq.limits.set_sender_rate(sender, None if limit == NONE else limit)
        if reserve is not None:
            smsq.limits.set_reserve(None if reserve == NONE else reserve)
        output.changed()
        _print(smsq.limits.show(), as_json)


def _sender_rate(written: str) -> tuple[str, str]:
    from smsq.worker.domain.errors import BadInput

    sender, is_given, rate = written.rpartition("=")
    if not is_given or not rate:
        raise BadInput(f"a sender's limit looks like Shop=20, or Shop=none, not {written!r}")
    return sender, rate


def _print(limits: InForce, as_json: bool) -> None:
    from smsq.producers.moments import plain
    from smsq.producers.report import printable

    told = limits.was_set
    if as_json:
        said: dict[str, Any] = {
            "rate": limits.rate or None,
            "reserve": float(limits.reserve) or None,
            "senders": dict(told.senders),
            "set": {"rate": told.rate is not None, "reserve": told.reserve is not None},
        }
        print_json(said)
        return
    of_rate = "set by `smsq limits`" if told.rate is not None else "by SMSQ_RATE"
    of_reserve = "set by `smsq limits`" if told.reserve is not None else "by SMSQ_RESERVE"
    lines = [
        ("rate", f"{limits.rate:g} parts a second at most, {of_rate}" if limits.rate else f"no limit, {of_rate}"),
        ("reserve", f"{plain(limits.reserve) if limits.reserve else 'none'}, {of_reserve}"),
        *(
            ("sender", f"{printable(name) or OWN}: {rate:g} parts a second at most")
            for name, rate in told.senders.items()
        ),
    ]
    for name, value in lines:
        click.echo(f"{name:<16}{value}")
