"""How the processes of a machine are started: with how many threads, by which words, several under one supervisor."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable

import click

from smsq.producers.machine.ready import Ready
from smsq.worker.domain.lane import LANES
from smsq.worker.processes.service_manager import ServiceManager
from smsq.worker.processes.supervisor import Child, Supervisor
from smsq.worker.settings import Settings

LEAST_SILENCE_S = 15.0  # one exchange with Redis may take ten: three to connect and seven for its reply


def threads_of(settings: Settings, lane: str, processes: int) -> int:
    """Threads for each process of a lane, so that its slots of the log-in can all be used."""
    return min(512, max(1, math.ceil(LANES[lane].threads(settings) / processes)))


def several(
    settings: Settings,
    lane: str,
    processes: int,
    threads: int,
    *,
    has_exporter: bool = False,
    manager: ServiceManager | None = None,
) -> int:
    """A supervisor over processes of one lane, and over an exporter of this home with `has_exporter`; the exit code."""
    from smsq.worker.processes.host_ledger import HostLedger
    from smsq.worker.runtime import Runtime

    say = _sayer(settings)
    host_ledger = HostLedger(Runtime.build(settings), say)
    host_ledger.begin()
    argv = [*argv_of("worker"), "--lane", lane, "--threads", str(threads)]
    workers = [
        Child(f"{lane}-{n}", argv, env=dict(os.environ), silent_after_s=settings.silent_s)
        for n in range(1, processes + 1)
    ]

    def all_pids() -> list[int]:
        pids = supervisor.pids()
        return [pids[child.name] for child in workers] if all(child.name in pids for child in workers) else []

    ready = Ready(all_pids, host_ledger.heartbeat, lambda: True, lambda: None, manager)

    def tick() -> None:
        host_ledger.tick()
        ready.tick(is_stopping=supervisor.is_stopping)

    supervisor = Supervisor(
        settings.home,
        [*workers, *([_exporter(settings)] if has_exporter else [])],
        heartbeat=host_ledger.heartbeat,
        tick=tick,
        sign_off=host_ledger.sign_off,
        say=say,
        verbose=has_exporter,
        name=f"worker-{lane}",
    )
    return supervisor.run()


def beside_exporter(settings: Settings, command: str, *, stop_timeout_s: float = 15.0) -> int:
    """A supervisor over one process, `smsq <command>`, and an exporter of the same home; the exit code."""
    silent_s = max(settings.silent_s, LEAST_SILENCE_S)
    child = Child(
        command, argv_of(command), env=dict(os.environ), silent_after_s=silent_s, stop_timeout_s=stop_timeout_s
    )
    children = [child, _exporter(settings)]
    return Supervisor(settings.home, children, say=_sayer(settings), verbose=True, name=command).run()


def _exporter(settings: Settings) -> Child:
    """The exporter; it is stopped last, so that what is finished meanwhile is still counted."""
    return Child(
        "exporter",
        argv_of("exporter"),
        env=dict(os.environ),
        nice=10,
        stop_order=4,
        stop_timeout_s=5,
        silent_after_s=max(settings.silent_s, LEAST_SILENCE_S),
    )


def _sayer(settings: Settings) -> Callable[[str], None]:
    """What prints a line; a log line of a child in JSON is printed as it is, without the child's name before it."""

    def say(line: str) -> None:
        name, mark, rest = line.partition(": ")
        is_json = settings.log_style == "json" and mark and " " not in name and rest.startswith("{")
        click.echo(rest if is_json else line, err=True)

    return say


def argv_of(command: str) -> list[str]:
    """The command line of a child: it ends when we do, and imports nothing from the working directory (`-P`).

    `-m` alone puts the working directory in front of every import: a `redis.py` that lies there would run with the
    password in its environment.
    """
    return [sys.executable, "-P", "-m", "smsq", "--parent", str(os.getpid()), command]
