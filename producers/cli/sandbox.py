"""`smsq sandbox`: a gateway on this machine, until it is told to stop; and commands that ask one which runs.

Prints one JSON line with the real addresses once it listens; talks to nobody else.
"""

from __future__ import annotations

import json
import signal
import threading
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from smsq.producers.cli.sandbox_calls import messages, misfortunes, share_of
from smsq.worker.domain.errors import BadSettings


@click.group("sandbox", invoke_without_command=True)
@click.option(
    "--ports", default="9101,9102,9103", show_default=True, help="One port for each mirror; 0 is any free port."
)
@click.option("--control-port", default=0, show_default=True, help="Port of the control endpoint; 0 is any free port.")
@click.option("--smtp-port", type=int, help="Port that letters are taken at; 0 is any free port. By default none.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="TOML file; may set any field of the sandbox's profile."
)
@click.option("--login", help="The account's log-in.")
@click.option("--password", help="Its password.", envvar="SANDBOX_PASSWORD")
@click.option("--apikey", help="Its API key.")
@click.option("--balance", help="Money on the account.")
@click.option("--price", multiple=True, metavar="PREFIX=PRICE", help="Price of one part to phones with this prefix.")
@click.option("--quick", is_flag=True, help="Shorten the gateway's minute to six seconds, as in the demo.")
@click.option("--time-scale", type=float, help="Factor for the times of all limits.")
@click.option("--think-ms", type=float, help="Milliseconds before each answer.")
@click.option(
    "--lose-answers", metavar="SHARE", help="Share of sends that are accepted and never answered: 5% or 0.05."
)
@click.option("--refuse", metavar="SHARE", help="Share of connections that are reset as soon as they are made.")
@click.option(
    "--misfortune",
    multiple=True,
    metavar="[N:]KIND=SHARE",
    help="Let this share of requests suffer KIND, on mirror N only if given; `list` prints all kinds.",
)
@click.option("--down", default="", help="Numbers of the mirrors that are down: 2 or 1,3.")
@click.option("--callback-url", help="Address that statuses are pushed to.")
@click.option("--callback-secret", help="Secret that signs them.", envvar="SANDBOX_CALLBACK_SECRET")
@click.option("--callback-style", type=click.Choice(["form", "get", "json", "xml"]), help="Format of the statuses.")
@click.option("--callback-digest", type=click.Choice(["md5", "sha1"]), help="Digest that signs them.")
@click.option("--callback-twice", metavar="SHARE", help="Share of statuses that are pushed twice.")
@click.option("--callback-early", metavar="SHARE", help="Share of statuses that are pushed at once.")
@click.option("--callback-disorder", metavar="SHARE", help="Share of statuses after which an older one follows.")
@click.option("--callback-lost", metavar="SHARE", help="Share of statuses that are never pushed.")
@click.option(
    "--duplicate-window", type=float, metavar="S", help="Seconds within which the same send is refused as a duplicate."
)
@click.option("--mass-ask-every", type=float, metavar="S", help="Least seconds between two mass status requests.")
@click.option("--asks-per-minute", type=int, help="Most status requests per message in a minute.")
@click.option("--minute", type=float, metavar="S", help="Length of a minute for the limits.")
@click.option("--parallel-sends", type=int, help="Number of sends at once that is too many.")
@click.option("--parallel-asks", type=int, help="Number of status requests at once that is too many.")
@click.option(
    "--visible-after", type=float, metavar="S", help="Status answers say -3 (not found) for so long after acceptance."
)
@click.option("--arrival", type=float, metavar="S", help="How late a late request is accepted.")
@click.option("--deliver-after", metavar="S..S", help="Seconds until handsets answer: 0.5..3 or 1.")
@click.option("--undeliverable", metavar="SHARE", help="Share of messages that cannot be delivered.")
@click.option("--expire", metavar="SHARE", help="Share of messages that expire.")
@click.option(
    "--end",
    multiple=True,
    metavar="CHANNEL:ENDING=HOW",
    help="How messages end on a channel to phones with this ending: tg:7=busy.",
)
@click.option("--peer-close", type=float, metavar="S", help="Seconds until a silent connection is closed.")
@click.option("--seed", type=int, help="Seed of the random choices; the same seed gives the same fates.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    ports: str,
    control_port: int,
    smtp_port: int | None,
    host: str,
    config: Path | None,
    **told: Any,
) -> None:
    """Run a gateway on this machine that fails on demand; or look at the one that runs."""
    if ctx.invoked_subcommand is not None:
        return
    from smsq.worker.sandbox import KINDS, Profile, Sandbox

    if "list" in told["misfortune"]:
        for kind in KINDS.values():
            click.echo(f"{kind.name:22} {kind.meaning}")
        return
    try:
        profile = Profile.quick() if told["quick"] else Profile()
        if config is not None:
            profile = profile.with_file(config)
        if told["time_scale"] is not None:
            profile = profile.scaled(told["time_scale"])
        misfortunes = {**profile.misfortunes, **_misfortunes(told)}
        changes = _changes(told)
        if told["price"]:
            changes["prices"] = dict(_pair(one, _money) for one in told["price"])
        if told["end"]:
            changes["scripted"] = dict(_pair(one, str) for one in told["end"])
        profile = profile.with_values({**changes, "misfortunes": misfortunes})
        sandbox = Sandbox(profile, numbers("--ports", ports), control_port=control_port, smtp_port=smtp_port, host=host)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        sandbox.start()
    except BadSettings as wrong:
        raise click.UsageError(wrong.sentence) from None
    except OSError as trouble:
        raise click.ClickException(f"the sandbox cannot listen: {trouble.strerror or trouble}") from None
    ready = {"event": "ready", "mirrors": list(sandbox.mirrors), "control": sandbox.control}
    click.echo(json.dumps(ready | ({"mail": sandbox.mail} if sandbox.mail else {})))
    if profile.password == Profile().password:  # one that somebody chose is theirs to know
        said = f"log-in {profile.login}, password {profile.password}; --login and --password set others"
        click.echo(said, err=True)
    stop.wait()
    sandbox.stop()


command.add_command(messages)
command.add_command(misfortunes)

# Options whose value is a field of the profile, and how it is read.
_SAME = (
    *("login", "password", "apikey", "balance", "asks_per_minute", "parallel_sends", "parallel_asks", "seed"),
    *("callback_url", "callback_secret", "callback_style", "callback_digest"),
)
_SECONDS = ("duplicate_window", "mass_ask_every", "minute", "visible_after", "arrival", "peer_close")
_SHARES = ("callback_twice", "callback_early", "callback_disorder", "callback_lost", "undeliverable", "expire")


def _changes(told: dict[str, Any]) -> dict[str, Any]:
    """The profile's fields that the command line names."""
    changes = {name: told[name] for name in _SAME if told[name] is not None}
    changes |= {f"{name}_s": told[name] for name in _SECONDS if told[name] is not None}
    changes |= {name: share_of(told[name]) for name in _SHARES if told[name] is not None}
    if told["think_ms"] is not None:
        changes["think_s"] = told["think_ms"] / 1000
    if told["deliver_after"] is not None:
        soonest, _, latest = told["deliver_after"].partition("..")
        changes["deliver_after_s"] = [_seconds(soonest), _seconds(latest or soonest)]
    if told["down"]:
        changes["down"] = numbers("--down", told["down"])
    return changes


def _misfortunes(told: dict[str, Any]) -> dict[str, float]:
    """Shares by kind; two kinds have options of their own."""
    shares = dict(_pair(one, share_of) for one in told["misfortune"])
    for option, kind in (("lose_answers", "lose_answer"), ("refuse", "refuse")):
        if told[option] is not None:
            shares[kind] = share_of(told[option])
    return shares


def _pair(written: str, read: Any) -> tuple[str, Any]:
    name, equals, value = written.partition("=")
    if not equals:
        raise click.UsageError(f"{written!r} should look like NAME=VALUE")
    return name, read(value)


def _money(written: str) -> Decimal:
    try:
        return Decimal(written)
    except InvalidOperation:
        raise click.UsageError(f"a price is a number, not {written!r}") from None


def _seconds(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        raise click.UsageError(f"seconds are a number, not {written!r}") from None


def numbers(option: str, written: str) -> tuple[int, ...]:
    """An option's numbers with commas between them."""
    try:
        return tuple(int(number) for number in written.split(","))
    except ValueError:
        raise click.UsageError(f"{option} takes numbers with commas between them, not {written!r}") from None
