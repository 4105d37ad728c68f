"""`smsq health`: whether this installation, or one process of it, is well; for probes of containers.

It writes nothing, asks the gateway nothing, and answers within two seconds: 0 well, 1 not, with a sentence.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from smsq.producers.cli import DONE, FAILED
from smsq.worker.domain.lane import LANES


@click.command("health")
@click.option("--lane", type=click.Choice(list(LANES)), help="A worker of this lane on this machine.")
@click.option("--scheduler", "is_scheduler", is_flag=True, help="The scheduler: one leads, here or elsewhere.")
@click.option("--alive", is_flag=True, help="Only whether that process lives; Redis is not asked.")
@click.option("--json", "as_json", is_flag=True, help="All checks as an object on standard output.")
def command(lane: str | None, is_scheduler: bool, alive: bool, as_json: bool) -> None:
    """Say whether the installation can do its work now, or whether one process of it can."""
    if lane and is_scheduler:
        raise click.UsageError("give --lane or --scheduler, not both")
    if alive and not (lane or is_scheduler):
        raise click.UsageError("--alive says of which process: --lane LANE or --scheduler")
    if as_json and (lane or is_scheduler):
        raise click.UsageError("--json is for the whole installation, without --lane and --scheduler")
    if alive:
        _tell(*_lives(f"worker-{lane}" if lane else "scheduler"))
    elif lane or is_scheduler:
        _tell(*_works(lane))
    else:
        _tell_all(as_json)


def _lives(kind: str) -> tuple[bool, str]:
    from smsq.producers.adoption import running
    from smsq.worker.processes.alive import FRESH_S, silent_s
    from smsq.worker.settings import Settings

    told: Path = Settings.load(sends=False).home
    home = Path(up.home) if (up := running(told)) is not None else told
    ago_s = silent_s(home, kind)
    if ago_s is None:
        return False, f"no {kind} has run in {home}"
    return ago_s <= FRESH_S, f"{kind} showed life {ago_s:.0f} s ago"


def _works(lane: str | None) -> tuple[bool, str]:
    from smsq.producers.adoption import adopt
    from smsq.worker.domain.errors import LedgerTrouble
    from smsq.worker.ledger.ledger import Ledger
    from smsq.worker.ledger.standing import Standing
    from smsq.worker.processes.readiness import REPLY_S, of_lane

    try:
        standing = Standing(Ledger.at(adopt().redis_url or "", timeout_s=REPLY_S))
        if lane:
            check = of_lane(standing, lane)
            return check.word == "ok", check.says
        is_led = standing.brakes().is_led
    except LedgerTrouble as error:
        return False, error.sentence
    return is_led, "a scheduler leads" if is_led else "no scheduler leads"


def _tell_all(as_json: bool) -> None:
    from smsq.producers.adoption import adopt
    from smsq.worker.domain.errors import LedgerUnreachable
    from smsq.worker.processes.readiness import Readiness
    from smsq.worker.redis_client import next_database

    try:
        settings = adopt()
    except LedgerUnreachable as error:
        _tell(False, error.sentence)
    url = settings.redis_url or ""
    report = Readiness(url, settings.broker_url or next_database(url), "all").look()
    if as_json:
        click.echo(report.written())
    else:
        for name, check in report.checks.items():
            click.echo(f"{check.word:<8}{name:<11}{check.says}")
    _leave(report.is_ready)


def _tell(is_well: bool, said: str) -> None:
    click.echo(said)
    _leave(is_well)


def _leave(is_well: bool) -> None:
    sys.exit(DONE if is_well else FAILED)
