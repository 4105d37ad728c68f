"""`smsq doctor`: looks at everything this installation stands on, and says what cures what is wrong.

It only looks: nothing is sent, no request of the gateway is made (mirrors are connected to and left), and
what is written are a key that lasts a second, to time the disk, and a file that is gone at once, to try the home.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from producers.cli import DONE, FAILED, UNREACHABLE
from producers.cli.shown import print_json
from worker.processes import disk

if TYPE_CHECKING:
    from worker.runtime import Runtime
    from worker.settings import Settings

LANES = ("urgent", "bulk", "status", "chores")
WRITES_TIMED = 10
SEALED_LATELY_S = 120.0  # a text that does not open is tried every half minute
SLOW_WRITE_S = 0.02  # median; each claim and settle waits for the disk once
LOOKS, LOOK_AGAIN_S = 5, 0.1  # whether anybody waits for hints; one may be between two waits
LEAST_ROOM, LEAST_SHARE = 200_000_000, 0.05  # bytes, and of the whole disk
IDLE = "none leads: campaigns are not handed out; codes in doubt, and those with another channel to come, wait"
FALLEN = "put its newest data back if there is any, else `smsq recover`; nothing is sent meanwhile"
STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, in words, and what to do about it."""

    name: str
    level: str  # ok, warn or fail
    said: str
    cure: str = ""
    is_outage: bool = False  # what cannot be reached has an exit code of its own


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="An array of findings on standard output.")
def command(as_json: bool) -> None:
    """Look for what is wrong, and say what cures it."""
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json([{"name": f.name, "level": f.level, "said": f.said, "cure": f.cure} for f in findings])
    failed = [finding for finding in findings if finding.level == "fail"]
    sys.exit(UNREACHABLE if any(f.is_outage for f in failed) else FAILED if failed else DONE)


def examine() -> Iterator[Finding]:
    """Every finding, in the order of what stands on what."""
    from producers.adoption import adopt, running
    from worker.domain.errors import LedgerUnreachable
    from worker.runtime import Runtime
    from worker.settings import Settings

    settings = Settings.load()
    home = settings.home.expanduser().absolute()
    yield Finding("settings", "ok", f"read; home is {home}")
    up = running(settings.home)
    said = f"`smsq up` runs here as process {up.pid}" if up is not None else "no `smsq up` runs in this home"
    yield Finding("up", "ok" if up or settings.redis_url else "warn", said)
    yield from _space(home)
    try:
        settings = adopt()
    except LedgerUnreachable as error:
        yield Finding("redis", "fail", error.sentence.partition(":")[0], "start `smsq up`, or set SMSQ_REDIS_URL", True)
        yield from _mirrors(settings)
        return
    if up is None:
        yield from _credentials(settings)
    yield from _ledger(Runtime.build(settings), up is not None)
    yield from _mirrors(settings)


def _space(home: Path) -> Iterator[Finding]:
    """Whether the home can be written, and for how long still."""
    try:
        left = disk.room(home)
        why = disk.trouble(home) if home.exists() else ""
    except OSError as error:
        why = error.strerror or type(error).__name__
    if why:
        cure = "free space there, or make it writable; work resumes by itself"
        yield Finding("disk space", "fail", f"nothing can be written in {home}: {why}", cure)
        return
    is_low = left.free < LEAST_ROOM or left.share < LEAST_SHARE
    size = f"{left.free / 1e9:.1f} GB" if left.free >= 1e9 else f"{left.free / 1e6:.0f} MB"
    said = f"{size} ({left.share:.0%}) are free where the home is"
    cure = "free some: ledger, journals and logs grow there, and nothing is sent once it is full" if is_low else ""
    yield Finding("disk space", "warn" if is_low else "ok", said, cure)


def _credentials(settings: Settings) -> Iterator[Finding]:
    if settings.apikey or (settings.login and settings.password):
        yield Finding("log-in", "ok", f"set, for {settings.account}")
    else:
        cure = "set SMSQ_LOGIN and SMSQ_PASSWORD, or SMSQ_APIKEY, where the workers run"
        yield Finding("log-in", "warn", "not set in this shell", cure)
    if settings.callback_secret is None:
        yield Finding("callbacks", "warn", "SMSQ_CALLBACK_SECRET is not set in this shell: `smsq web` refuses them")


def _ledger(runtime: Runtime, is_up: bool) -> Iterator[Finding]:
    import redis

    from worker.domain.errors import LedgerTrouble
    from worker.redis_client import no_right, where

    client: Any = runtime.ledger.redis
    place = where(runtime.redis_url)
    try:
        info = client.info("server")
    except redis.RedisError as error:
        if refused := no_right(error, "SMSQ_REDIS_URL", "ledger.acl"):
            said, _, cure = refused.partition(": ")
            yield Finding("redis", "fail", f"{place}: {said}", cure or "correct SMSQ_REDIS_URL", True)
            return
        cure = "start it, or correct SMSQ_REDIS_URL; work resumes by itself"
        yield Finding("redis", "fail", f"{place} does not answer ({type(error).__name__})", cure, True)
        return
    version = info.get("valkey_version") or info.get("redis_version")
    yield Finding("redis", "ok", f"{place} answers, version {version}")
    parts: dict[str, Callable[[Runtime], Iterator[Finding]]] = {
        "durability": _durability,
        "account": _account,
        "secret": _secret,
        "run": _run,
        "broker": _broker,
        "processes": partial(_processes, is_up=is_up),
        "shield": _shield,
        "state": _state,
    }
    for name, part in parts.items():
        try:
            yield from part(runtime)
        except LedgerTrouble as error:
            yield Finding(name, "fail", error.sentence)


def _durability(runtime: Runtime) -> Iterator[Finding]:
    from worker.domain.errors import LedgerWeak

    try:
        runtime.ledger.check_durable()
        yield Finding("durability", "ok", "what Redis acknowledged survives a power failure")
    except LedgerWeak as error:
        sentence, _, cure = error.sentence.partition(" Cure: ")
        level = "warn" if runtime.settings.accept_loss else "fail"
        yield Finding("durability", level, sentence, cure)
    if not runtime.ledger.survives_restart():
        said = "the server's user `default` may not write, and older servers skip what scripts wrote when they restart"
        yield Finding("durability", "warn", said, "redis-cli ACL SETUSER default off resetpass '~*' '&*' +@all")
    from worker.ledger.store import translated

    times = []
    with translated():
        for _ in range(WRITES_TIMED):
            began = time.perf_counter()
            runtime.ledger.redis.set(runtime.ledger.key("doctor"), b"1", px=1000)
            times.append(time.perf_counter() - began)
    median = statistics.median(times)
    said = f"a durable write takes {median * 1000:.1f} ms (the slowest of {WRITES_TIMED}: {max(times) * 1000:.1f})"
    cure = "" if median < SLOW_WRITE_S else "give Redis a faster disk; throughput is bounded by it"
    yield Finding("disk", "warn" if cure else "ok", said, cure)


def _account(runtime: Runtime) -> Iterator[Finding]:
    from worker.ledger.store import translated

    with translated():
        owner = runtime.ledger.redis.hget(runtime.ledger.key("stamp"), "account")
    settings = runtime.settings
    if owner is None:
        yield Finding("account", "warn", "this ledger is not founded yet", "the first worker does it: `smsq up`")
    elif (settings.login or settings.apikey) and owner.decode() != settings.account:
        said = f"this ledger belongs to {owner.decode()}, not to {settings.account}"
        yield Finding("account", "fail", said, "use the Redis or SMSQ_HOME of that account, or its log-in")
    else:
        yield Finding("account", "ok", f"this ledger belongs to {owner.decode()}")


def _secret(runtime: Runtime) -> Iterator[Finding]:
    """Whether codes can be sealed here and opened where they are sent."""
    from worker.ledger.store import translated
    from worker.sealing import FILE

    with translated():
        known = runtime.ledger.redis.hget(runtime.ledger.key("stamp"), "secret")
        failed_at = runtime.ledger.redis.hget(runtime.ledger.key("ctl"), "unsealable_at")
    path = runtime.settings.home.expanduser().absolute() / FILE
    is_told = runtime.settings.secret_key is not None
    cure = f"set SMSQ_SECRET_KEY to that of the hosts with workers, or to what is in {FILE} of their SMSQ_HOME"
    if not is_told and not path.exists():
        yield Finding("secret key", "warn", "none here yet", cure if known else "`smsq up` makes one in its home")
    elif known is not None and known.decode() not in runtime.sealer.names:
        yield Finding("secret key", "fail", "this ledger's codes are sealed with another than this host has", cure)
    elif not is_told and path.stat().st_mode & 0o077:
        yield Finding("secret key", "warn", f"others may read {path}", f"chmod 600 {path}, and change the key")
    else:
        where = "SMSQ_SECRET_KEY" if is_told else str(path)
        yield Finding("secret key", "ok", f"it seals codes while they wait ({where})")
    if failed_at is not None and (ago_s := runtime.ledger.time() - int(failed_at) / 1000) < SEALED_LATELY_S:
        said = f"a worker could not open a waiting text {max(0.0, ago_s):.0f} s ago, and gave it back unsent"
        yield Finding("sealed texts", "fail", said, "a worker runs with another SMSQ_SECRET_KEY: " + cure)


def _shield(runtime: Runtime) -> Iterator[Finding]:
    """Whether somebody who pumps is stopped, and what it may cost until then."""
    from worker.ledger.shield_desk import ShieldDesk

    limits = ShieldDesk(runtime.shield).limits()
    if runtime.settings.shield == "off":
        yield Finding("shield", "warn", "SMSQ_SHIELD is off: nothing limits codes", "leave it out where codes are sent")
    elif limits.mode == "off":
        yield Finding("shield", "warn", "it is off: nothing limits codes", "`smsq shield limit mode on`")
    elif limits.mode == "watch":
        cure = "`smsq shield limit mode on` once what it would refuse looks right (smsq_shield_total)"
        yield Finding("shield", "warn", "it watches only: nothing limits codes", cure)
    elif not limits.daily_cost:
        cure = "set SMSQ_SHIELD_DAILY_COST to twice or three times a good day"
        yield Finding("shield", "ok", "it is on, without a ceiling for what codes cost in a day", cure)
    else:
        yield Finding("shield", "ok", f"it is on; codes of 24 hours may cost {limits.daily_cost:f} at most")


def _run(runtime: Runtime) -> Iterator[Finding]:
    beat = runtime.ledger.beat()
    if beat.in_force:
        yield Finding("run", "ok", "this life of Redis is the one in force")
    elif beat.fell:
        yield Finding("run", "fail", f"the ledger fell back: {beat.fell}", FALLEN)
    else:
        cure = "a running `smsq up` clears it within seconds"
        yield Finding("run", "warn", "Redis restarted and the roll call is not over", cure)


def _broker(runtime: Runtime) -> Iterator[Finding]:
    import redis

    from worker.redis_client import connect, no_right, where

    url = runtime.broker_url
    if not url.startswith(("redis", "unix")):
        parts = urlsplit(url)
        said = _connect(parts.hostname or "", parts.port or 5672, None, 3.0)
        yield Finding("broker", "fail" if said else "ok", said or f"{parts.hostname} takes connections", "", bool(said))
        return
    try:
        with contextlib.closing(connect(url)) as client:
            theirs = client.info("server")["run_id"]
            is_heard = _is_waited_at(client)
        ours = runtime.ledger.redis.info("server")["run_id"]
    except redis.RedisError as error:
        if refused := no_right(error, "SMSQ_BROKER_URL", "broker.acl"):
            said, _, cure = refused.partition(": ")
            yield Finding("broker", "fail", f"{where(url)}: {said}", cure or "correct SMSQ_BROKER_URL", True)
            return
        yield Finding("broker", "fail", f"{where(url)} does not answer ({type(error).__name__})", "start it", True)
        return
    if theirs == ours:
        cure = "in production give the broker a server of its own by SMSQ_BROKER_URL"
        yield Finding("broker", "ok", "ledger and broker share one server, which is fine for one machine", cure)
    else:
        yield Finding("broker", "ok", "ledger and broker have a server each")
    if runtime.views.lanes() and not is_heard:
        said = f"workers are up, but none waits for hints at {where(url)}: messages wait for the next sweep"
        yield Finding("hints", "warn", said, "name the same SMSQ_BROKER_URL everywhere; up.json has that of `smsq up`")


def _is_waited_at(client: Any) -> bool:
    """Whether somebody waits for a bell at this server: lanes without work do, nearly always."""
    for _ in range(LOOKS):
        if client.info("clients")["blocked_clients"]:
            return True
        time.sleep(LOOK_AGAIN_S)
    return False


def _processes(runtime: Runtime, is_up: bool) -> Iterator[Finding]:
    """Whether every kind is there; `is_up`: a supervisor of this home starts again what is missing."""
    lanes = runtime.views.lanes()
    again = "`smsq up` starts what died or fell silent again within seconds; if it stays away, see its logs/{}*.log"
    for lane in LANES:
        count = lanes.get(lane, 0)
        cure = "" if count else again.format(lane) if is_up else f"`smsq up`, or `smsq worker --lane {lane}`"
        yield Finding(f"lane {lane}", "ok" if count else "fail", f"{count} worker processes are up", cure)
    depth = runtime.views.depth()
    cure = "" if depth.leader else again.format("scheduler") if is_up else "`smsq up`, or `smsq scheduler`"
    said = "one leads" if depth.leader else IDLE
    yield Finding("scheduler", "ok" if depth.leader else "fail", said, cure)


def _state(runtime: Runtime) -> Iterator[Finding]:
    from producers.waits import halt, rest

    brakes = runtime.views.brakes()
    halted = brakes.halted
    said, _, cure = halt(halted).partition("; ")
    yield Finding("sending", "fail" if halted else "ok", said or "nothing halts sending", cure)
    for lane in ("urgent", "bulk"):
        if resting := rest(brakes, lane):
            said, _, cure = resting.partition("; ")
            yield Finding(f"rest {lane}", "warn", said, cure or "sending goes on by itself")
    if brakes.is_cut_off:
        cure = "look at the network of the machine they run on; sending goes on by itself"
        yield Finding("gateway", "fail", "the workers can reach no mirror", cure, True)
    depth, motion = runtime.views.depth(), runtime.views.in_motion()
    astray = {lane: count for lane, count in runtime.views.astray().items() if count}
    if astray:
        told = " and ".join(f"{count} {lane}" for lane, count in astray.items())
        cure = "codes go past four of them, campaigns wait for their time: see the runbook, A mirror that swallows"
        yield Finding("slots", "warn", f"requests that went astray keep slots of the log-in: {told}", cure)
    if motion["parked"]:
        yield Finding(
            "parked",
            "warn",
            f"{motion['parked']} batches wait for a person",
            "`smsq doubts list` shows them, and what can be decided",
        )
    if depth.double_accepts:
        said = f"{depth.double_accepts} messages were accepted twice"
        yield Finding("doubles", "fail", said, "this must never happen: keep the logs and journals, and report it")
    for alarm, count in depth.alarms.items():
        yield Finding("alarm", "warn", f"{alarm}: {count}", "see the runbook")
    known = runtime.views.balance()
    if known is not None:
        age_s = runtime.clock.now() - known[1]
        yield Finding("balance", "ok", f"{known[0]}, as of {age_s:.0f} s ago")


def _mirrors(settings: Settings) -> Iterator[Finding]:
    from worker.gateway.brands import BRANDS

    bases = settings.mirrors or BRANDS[settings.brand].mirrors
    with ThreadPoolExecutor(len(bases)) as pool:
        troubles = list(pool.map(lambda base: _reach(base, settings.connect_timeout_s), bases))
    is_cut_off = all(troubles)
    for base, trouble in zip(bases, troubles, strict=True):
        if not trouble:
            yield Finding("mirror", "ok", f"{base} takes connections")
        else:
            cure = "look at this machine's network and firewall" if is_cut_off else "others are used meanwhile"
            yield Finding("mirror", "fail" if is_cut_off else "warn", f"{base}: {trouble}", cure, is_cut_off)


def _reach(base: str, timeout_s: float) -> str:
    parts = urlsplit(base)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    return _connect(parts.hostname or "", parts.port or (443 if tls else 80), tls, timeout_s)


def _connect(host: str, port: int, tls: ssl.SSLContext | None, timeout_s: float) -> str:
    """Connect and leave; the trouble, '' for none."""
    try:
        with contextlib.ExitStack() as stack:
            line = stack.enter_context(socket.create_connection((host, port), timeout_s))
            if tls is not None:
                stack.enter_context(tls.wrap_socket(line, server_hostname=host))
    except OSError as error:
        return str(error.strerror or error) or type(error).__name__
    return ""


def _print(finding: Finding) -> None:
    level = click.style(f"{finding.level:<5}", fg=STYLES[finding.level])
    click.echo(f"{level} {finding.name:<12} {finding.said}")
    if finding.cure:
        click.echo(f"{'':<18} → {finding.cure}")
