"""`smsq doctor`: looks at everything this installation stands on, and says what cures what is wrong.

It only looks: nothing is sent and the gateway gets no question (mirrors are asked for the head of their front page,
which tells their time, real ones not before there is a log-in). What is written are a key that lasts a second, to time
the disk, and files that are gone at once, to try the home.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from smsq.producers.cli import DONE, FAILED, UNREACHABLE
from smsq.producers.findings import Finding, callbacks, ledger, machine, private, server, working
from smsq.producers.terminal.display import print_json
from smsq.producers.terminal.output import screen

if TYPE_CHECKING:
    from smsq.producers.adoption import Up
    from smsq.worker.runtime import Runtime

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="An array of findings on standard output.")
def command(as_json: bool) -> None:
    """Find what is wrong with this installation, and say how to fix it."""
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json(
            [
                {**{n: getattr(f, n) for n in ("code", "name", "level", "said", "cure")}, "runbook": f.page}
                for f in findings
            ]
        )
    failed = [finding for finding in findings if finding.level == "fail"]
    sys.exit(UNREACHABLE if any(f.is_outage for f in failed) else FAILED if failed else DONE)


def examine() -> Iterator[Finding]:
    """Every finding, in the order of what stands on what."""
    from smsq.producers.adoption import adopt, running
    from smsq.worker.domain.errors import LedgerUnreachable
    from smsq.worker.runtime import Runtime
    from smsq.worker.settings import Settings

    settings = Settings.load()
    home = settings.home.expanduser().absolute()
    yield Finding("settings", "ok", f"valid; the home is {home}")
    up = running(settings.home)
    said = f"`smsq up` runs here as process {up.pid}" if up is not None else "no `smsq up` runs in this home"
    yield Finding("up", "ok" if up or settings.redis_url else "warn", said)
    yield from machine.space(home)
    yield from machine.secrets(settings)
    yield from machine.tools(settings)
    yield from callbacks.address(settings)
    try:
        settings = adopt()
    except LedgerUnreachable as error:
        yield Finding("redis", "fail", error.sentence.partition(":")[0], "start `smsq up`, or set SMSQ_REDIS_URL", True)
        yield from machine.credentials(settings)
        yield from machine.mirrors(settings)
        yield from machine.mail_server(settings)
        yield from machine.smpp_hosts(settings)
        return
    if up is None:
        yield from machine.credentials(settings)
    yield from _ledger(Runtime.build(settings), up)
    yield from machine.mirrors(settings, is_up=up is not None)
    yield from machine.mail_server(settings, is_up=up is not None)
    yield from machine.smpp_hosts(settings, is_up=up is not None)


def _ledger(runtime: Runtime, up: Up | None) -> Iterator[Finding]:
    from smsq.worker.domain.errors import LedgerTrouble
    from smsq.worker.redis_client import where
    from smsq.worker.redis_health import NoAnswer, told

    place = where(runtime.redis_url)
    try:
        version = told(runtime.redis_url).version
    except NoAnswer as error:
        if refused := error.refused("SMSQ_REDIS_URL", "ledger.acl"):
            said, _, cure = refused.partition(": ")
            yield Finding("redis", "fail", f"{place}: {said}", cure or "correct SMSQ_REDIS_URL", True)
            return
        known = private.cure(up, runtime.redis_url, private.LEDGER)
        cure = known or "start it, or correct SMSQ_REDIS_URL; work resumes by itself"
        yield Finding("redis", "fail", f"{place} does not answer ({error.why})", cure, True)
        return
    yield Finding("redis", "ok", f"{place} answers, version {version}")
    parts: dict[str, Callable[[Runtime], Iterator[Finding]]] = {
        "durability": ledger.durability,
        "persistence": server.persistence,
        "memory": server.memory,
        "clock": server.clock,
        "account": ledger.account,
        "secret": ledger.secret,
        "files": ledger.files,
        "run": ledger.run,
        "verbs": ledger.verbs,
        "broker": partial(working.broker, up=up),
        "processes": partial(working.processes, is_up=up is not None),
        "shield": ledger.shield,
        "state": ledger.state,
        "callbacks": callbacks.lately,
    }
    for name, part in parts.items():
        try:
            yield from part(runtime)
        except LedgerTrouble as error:
            said, _, cure = error.sentence.partition(": ")
            is_forbidden = said.startswith("Redis forbids")
            yield Finding("rights" if is_forbidden else name, "fail", said if is_forbidden else error.sentence, cure)


def _told(finding: Finding) -> dict[str, str]:
    """A finding for programs; `runbook` is the heading that says more."""
    shown = {name: getattr(finding, name) for name in ("code", "name", "level", "said", "cure")}
    return {**shown, "runbook": finding.page}


def _print(finding: Finding) -> None:
    level = click.style(f"{finding.level:<5}", fg=STYLES[finding.level])
    click.echo(level, screen(sys.stdout), nl=False)
    click.echo(f" {finding.name:<16} {finding.said}")
    if finding.cure:
        click.echo(f"{'':<22} → {finding.cure}")
    if finding.level != "ok":
        click.echo(f"{'':<22}   {finding.page}")
