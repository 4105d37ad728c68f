"""`smsq up`: the processes of one machine, their environment, and running them under the supervisor.

`run` takes the environment of the children, so that nothing depends on the shell's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smsq.producers.adoption import running
from smsq.producers.machine.processes import LEAST_SILENCE_S, argv_of, threads_of
from smsq.producers.machine.ready import Ready
from smsq.worker.domain.errors import BadSettings, LedgerUnreachable, SmsqError
from smsq.worker.domain.lane import LANES, Lane
from smsq.worker.logs import LogFile
from smsq.worker.processes.service_manager import ServiceManager
from smsq.worker.processes.supervisor import Child, Dependency, Supervisor
from smsq.worker.settings import FIELDS, PREFIX, Settings, with_values

if TYPE_CHECKING:
    from smsq.worker.processes.host_ledger import HostLedger
    from smsq.worker.runtime import Runtime

MIRROR_PORTS = (9101, 9102, 9103)
CONTROL_PORT = 9100

# A gateway without minutes to wait for: told to both sides, so that the window still exceeds what the gateway does.
SANDBOX_PROFILE: dict[str, str] = {
    "SMSQ_DOUBT_SETTLE_S": "6",
    "SMSQ_PEER_CLOSE_S": "1",
    "SMSQ_ARRIVAL_S": "2",
    "SMSQ_VISIBLE_S": "1",
    "SMSQ_READ_TIMEOUT_S": "3",
    "SMSQ_LEASE_S": "5",
    "SMSQ_KEEP_IDLE_S": "0.5",
    "SMSQ_MASS_ASK_EVERY_S": "1",
    "SMSQ_ASK_EVERY_S": "1,2,5",
    "SMSQ_HISTORY_EVERY_S": "2",
    "SMSQ_CODE_COOLDOWN_S": "1",
}
# Over SMPP it waits as long as the gateway: for the missing parts of a text, and for a silent session.
SMPP_TIMES: dict[str, str] = {"SMSQ_SMPP_PARTS_S": "60", "SMSQ_PEER_CLOSE_S": "120", "SMSQ_DOUBT_SETTLE_S": "200"}
SANDBOX_OPTIONS = ("--time-scale", "0.015", "--peer-close", "1", "--arrival", "1.5", "--visible-after", "0.2")
_OF_AN_ACCOUNT = (
    "LOGIN",
    "PASSWORD",
    "APIKEY",
    "BRAND",
    "MIRRORS",
    "TRANSPORT",
    "SMTP_URL",
    "SMTP_PASSWORD",
    "SMTP_FROM",
    "SMPP_URL",
    "SMPP_PASSWORD",
    "SMPP_SYSTEM_TYPE",
    "CALLBACK_SECRET",
    "SECRET_KEY",
    "REDIS_URL",
    "BROKER_URL",
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The sandbox beside us: its ports, of which one for SMTP or SMPP says how messages leave, and its options."""

    ports: tuple[int, ...]
    control_port: int
    options: tuple[str, ...] = field(default=(), kw_only=True)
    smtp_port: int | None = field(default=None, kw_only=True)
    smpp_port: int | None = field(default=None, kw_only=True)

    @property
    def mirrors(self) -> str:
        """What `SMSQ_MIRRORS` must be."""
        return ",".join(f"http://127.0.0.1:{port}" for port in self.ports)

    def wire(self, password: str) -> dict[str, str]:
        """The settings by which messages reach it and no real gateway, whatever a file says."""
        if self.smpp_port is not None:
            url = f"smpp://127.0.0.1:{self.smpp_port}"  # its passwords have no room for more than eight characters
            return {"SMSQ_TRANSPORT": "smpp", "SMSQ_SMPP_URL": url, "SMSQ_SMPP_PASSWORD": password[:8], **SMPP_TIMES}
        if self.smtp_port is None:
            return {"SMSQ_TRANSPORT": "http"}
        url = f"smtp://demo@127.0.0.1:{self.smtp_port}"
        return {"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": url, "SMSQ_SMTP_PASSWORD": password}

    @property
    def control(self) -> str:
        """The URL of its control endpoint."""
        return f"http://127.0.0.1:{self.control_port}"


def run(
    environ: Mapping[str, str],
    file: Path | None = None,
    gateway: Gateway | None = None,
    *,
    front: Path | None = None,
    verbose: bool = False,
    say: Callable[[str], None] = lambda line: click.echo(line, err=True),
    started: Callable[[Supervisor], None] = lambda supervisor: None,
    manager: ServiceManager | None = None,
) -> int:
    """Run until told to stop; return the exit code. `front` is the folder for `up.json` (default: the home).

    `started` is called with the supervisor right before it runs, so that the caller can stop it.
    """
    settings = Settings.load(environ, file)
    from smsq.worker.runtime import login_of

    try:
        login_of(settings)  # without a log-in nothing is started, and no ledger established
    except BadSettings as error:
        raise BadSettings(f"{error.sentence}; to try smsq without an account: smsq up --sandbox") from None
    home = settings.home.expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / "logs").mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise BadSettings(f"the home {home} cannot be created ({why}): set SMSQ_HOME to a folder of your own") from None
    require_alone(front or home)
    for variable, address in _listened_on(settings).items():
        require_free(address, variable)
    environ = {**environ, **_addresses(settings)}
    settings = Settings.load(environ, file)
    with _log_to(home / "logs" / "supervisor.log"), _servers(settings, home) as (urls, dependencies):
        told = with_values(environ, {"SMSQ_HOME": str(home), **urls})
        runtime, host_ledger = _host_ledger(Settings.load(told, file), say)
        kept = children(settings, told, gateway)
        lanes = {child.name for child in kept if "--lane" in child.argv}
        ready = Ready(
            lambda: _all_of(lanes, supervisor.pids()),
            host_ledger.heartbeat,
            lambda: runtime.views.brakes().is_led and (gateway is None or _listens(gateway.control_port)),
            lambda: say(_what_to_try(gateway)),
            manager,
        )

        def tick() -> None:
            host_ledger.tick()
            ready.tick(is_stopping=supervisor.is_stopping)

        supervisor = Supervisor(
            home,
            kept,
            dependencies=dependencies,
            front=front,
            announce={
                **_announced(urls),
                "home": str(home),
                "settings": _public(told),
                **_unwritten(settings, gateway),
            },
            say=say,
            verbose=verbose,
            heartbeat=host_ledger.heartbeat,
            tick=tick,
            sign_off=host_ledger.sign_off,
        )
        for line in _where_things_are(settings, home, gateway):
            say(line)
        started(supervisor)
        return supervisor.run()


def children(settings: Settings, environ: Mapping[str, str], gateway: Gateway | None) -> list[Child]:
    """Everything that runs, in the order of starting."""
    cores = os.cpu_count() or 1
    silent_s = max(settings.silent_s, LEAST_SILENCE_S)

    def workers(lane: Lane) -> Iterator[Child]:
        many = lane.processes(settings, cores)
        argv = [*argv_of("worker"), "--lane", lane.name, "--threads", str(threads_of(settings, lane.name, many))]
        for n in range(1, many + 1):
            name = f"{lane.name}-{n}" if many > 1 or lane.is_numbered else lane.name
            yield Child(name, argv, env=environ, nice=lane.nice, stop_order=3, silent_after_s=settings.silent_s)

    started = [
        *(child for lane in LANES.values() for child in workers(lane)),
        Child("scheduler", argv_of("scheduler"), env=environ, stop_order=2, silent_after_s=silent_s),
        Child("web", argv_of("web"), env=environ, nice=10, stop_order=1, stop_timeout_s=10, silent_after_s=silent_s),
        *_door(settings, environ, silent_s),
        Child(
            "exporter",
            argv_of("exporter"),
            env=environ,
            nice=10,
            stop_order=4,
            stop_timeout_s=5,
            silent_after_s=silent_s,
        ),
    ]
    if gateway is not None:
        started.insert(0, _sandbox(settings, environ, gateway))
    return started


def _door(settings: Settings, environ: Mapping[str, str], silent_s: float) -> Iterator[Child]:
    if settings.door_addr is not None:
        yield Child("door", argv_of("door"), env=environ, stop_order=1, stop_timeout_s=12, silent_after_s=silent_s)


def sandbox_environ(environ: Mapping[str, str], home: Path, gateway: Gateway) -> dict[str, str]:
    """`environ` for processes that speak to the sandbox alone: its account, its mirrors, its short times."""
    kept = {
        name: value
        for name, value in environ.items()
        if name.removeprefix(PREFIX).removesuffix("_FILE") not in _OF_AN_ACCOUNT or not name.startswith(PREFIX)
    }
    password = secrets.token_hex(8)
    return {
        "SMSQ_SHIELD": "watch",  # one's own phone asks more often than any visitor's; what is set wins
        **kept,
        **SANDBOX_PROFILE,
        "SMSQ_HOME": str(home.expanduser().absolute() / "sandbox"),
        "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": password,
        "SMSQ_MIRRORS": gateway.mirrors,
        "SMSQ_CALLBACK_SECRET": secrets.token_hex(16),
        **gateway.wire(password),
    }


def free_port(wanted: int = 0) -> int:
    """`wanted` if it is free, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise SmsqError("this machine has no free port")


def with_free_addresses(environ: dict[str, str], settings: Settings) -> dict[str, str]:
    """With a sandbox, use other ports for web and metrics if their defaults are taken."""
    fresh = Settings.load({})
    for variable, address, default in (
        ("SMSQ_WEB_ADDR", settings.web_addr, fresh.web_addr),
        ("SMSQ_METRICS_ADDR", settings.metrics_addr, fresh.metrics_addr),
    ):
        host, _, port = address.rpartition(":")
        if address == default and free_port(int(port)) != int(port):
            environ = {**environ, variable: f"{host}:{free_port()}"}
    return environ


def _addresses(settings: Settings) -> dict[str, str]:
    """The settings with a free port in place of port 0, so that all processes get the same."""
    chosen: dict[str, str] = {}
    with contextlib.ExitStack() as held:  # until both are chosen
        for variable, address in _listened_on(settings).items():
            host, _, port = address.rpartition(":")
            if int(port) == 0:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                probe = held.enter_context(socket.socket(family))
                probe.bind((host.strip("[]"), 0))
                chosen[variable] = f"{host}:{probe.getsockname()[1]}"
    return chosen


def _listened_on(settings: Settings) -> dict[str, str]:
    """The addresses that our processes listen on, by the setting that names each."""
    told = {"SMSQ_WEB_ADDR": settings.web_addr, "SMSQ_METRICS_ADDR": settings.metrics_addr}
    return told if settings.door_addr is None else {**told, "SMSQ_DOOR_ADDR": settings.door_addr}


def require_alone(home: Path) -> None:
    """Raise SmsqError if an `smsq up` of this home runs already."""
    up = running(home)
    if up is not None and up.pid != os.getpid():
        raise SmsqError(f"`smsq up` already runs in {home.expanduser().absolute()}, as process {up.pid}")


def require_free(address: str, variable: str) -> None:
    """Raise SmsqError if `address` is taken."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise SmsqError(
                f"{address} cannot be used ({error.strerror}); set {variable} to another address, such as "
                f"{host}:{free_port()}"
            ) from None


@contextlib.contextmanager
def _servers(settings: Settings, home: Path) -> Iterator[tuple[dict[str, str], list[Dependency]]]:
    """The settings that name ledger and queues; starts private servers if none is named."""
    from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
    from smsq.worker.redis_client import next_database, where
    from smsq.worker.redis_health import NoAnswer, ping

    if settings.redis_url is None:
        with contextlib.ExitStack() as stack:
            start = partial(EmbeddedRedis, home, settings.redis_server, dies_with_parent=True)
            ledger = stack.enter_context(start())
            urls, started = {"SMSQ_REDIS_URL": ledger.url}, [ledger]
            if settings.broker_url is None:
                started.append(stack.enter_context(start(name="queues", is_kept=False)))
            yield {**urls, "SMSQ_BROKER_URL": settings.broker_url or started[-1].url}, [*started]
        return
    try:
        ping(settings.redis_url)
    except NoAnswer as error:
        refused = error.refused("SMSQ_REDIS_URL", "ledger.acl")
        silent = f"Redis at {where(settings.redis_url)} does not answer ({error.why})"
        raise LedgerUnreachable(refused or silent) from None
    broker_url = settings.broker_url or next_database(settings.redis_url)
    yield {"SMSQ_REDIS_URL": settings.redis_url, "SMSQ_BROKER_URL": broker_url}, []


def _all_of(names: set[str], pids: Mapping[str, int]) -> list[int]:
    """The processes of these names, none while one is missing."""
    return [pids[name] for name in sorted(names)] if names <= pids.keys() else []


def _what_to_try(gateway: Gateway | None) -> str:
    if gateway is None:
        return "everything is up; `smsq doctor`, in another terminal, checks it"
    return 'everything is up; in another terminal: smsq send +79991234567 "Hi" --wait'


def _listens(port: int) -> bool:
    with socket.socket() as line:
        line.settimeout(1.0)
        return line.connect_ex(("127.0.0.1", port)) == 0


def _host_ledger(settings: Settings, say: Callable[[str], None]) -> tuple[Runtime, HostLedger]:
    """The runtime and the master of this host. Raises LedgerTrouble if the ledger must not be used."""
    from smsq.worker.processes.host_ledger import HostLedger
    from smsq.worker.runtime import Runtime

    runtime = Runtime.build(settings)
    host_ledger = HostLedger(runtime, say)
    host_ledger.begin()
    return runtime, host_ledger


def _sandbox(settings: Settings, environ: Mapping[str, str], gateway: Gateway) -> Child:
    ports = ",".join(map(str, gateway.ports))
    argv = [*argv_of("sandbox"), "--ports", ports, "--control-port", str(gateway.control_port), "--login", "demo"]
    if gateway.smtp_port is not None:
        argv += ["--smtp-port", str(gateway.smtp_port)]
    if gateway.smpp_port is not None:
        argv += ["--smpp-ports", str(gateway.smpp_port)]
    argv += [*SANDBOX_OPTIONS, "--callback-url", f"http://{settings.web_addr}/callback", *gateway.options]
    secret = ("PASSWORD", "SMPP_PASSWORD", "CALLBACK_SECRET")  # these are not for the list of processes
    account = {f"SANDBOX_{name}": environ[f"{PREFIX}{name}"] for name in secret if f"{PREFIX}{name}" in environ}
    return Child("sandbox", argv, env={**environ, **account}, stop_order=5, stop_timeout_s=5)


def _announced(urls: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(PREFIX).lower(): url for name, url in urls.items()}


def _unwritten(settings: Settings, gateway: Gateway | None) -> dict[str, bool | str]:
    return {"own_key": settings.secret_key is None, "control": gateway.control if gateway is not None else ""}


def _public(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that a producer must share with the workers, without secrets."""
    names = {row.variable for row in FIELDS if not row.is_secret}
    return {name: environ[name] for name in sorted(names & environ.keys())}


def _where_things_are(settings: Settings, home: Path, gateway: Gateway | None) -> Iterator[str]:
    yield f"smsq is starting in {home}; Ctrl-C stops everything"
    yield f"  web      http://{settings.web_addr}"
    yield f"  metrics  http://{settings.metrics_addr}/metrics"
    if settings.door_addr is not None:
        yield f"  door     http://{settings.door_addr}/sys/send.php"
        if settings.door_smtp_addr is not None:
            yield f"           smtp://{settings.door_smtp_addr}, letters to send@ this host"
    yield f"  logs     {home / 'logs'}"
    if clear := settings.clear_mirrors:
        yield f"  {', '.join(clear)}: without https anybody on the way can read the password, phones and texts"
    if gateway is not None:
        yield f"  sandbox  {gateway.mirrors} (control {gateway.control})"
        times = {**SANDBOX_PROFILE, **(SMPP_TIMES if gateway.smpp_port is not None else {})}
        short = ", ".join(f"{name.removeprefix(PREFIX)}={value}" for name, value in times.items())
        yield f"  its short times, on both sides: {short}"


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Keep the supervisor's own events beside its children's; the terminal has the lines that were `say`ed."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = LogFile(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("smsq")
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        log.setLevel(before[0])
        log.propagate = before[1]
