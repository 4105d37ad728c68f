"""How the processes of a machine are started: with how many threads, by which words, several of one lane."""

from __future__ import annotations

import math
import os
import sys

import click

from smsq.worker.domain.lane import LANES
from smsq.worker.settings import Settings


def threads_of(settings: Settings, lane: str, processes: int) -> int:
    """Threads for each process of a lane, so that its slots of the log-in can all be used."""
    return min(512, max(1, math.ceil(LANES[lane].threads(settings) / processes)))


def several(settings: Settings, lane: str, processes: int, threads: int) -> int:
    """A supervisor over processes of one lane."""
    from smsq.worker.processes.host_ledger import HostLedger
    from smsq.worker.processes.supervisor import Child, Supervisor
    from smsq.worker.runtime import Runtime

    say = lambda line: click.echo(line, err=True)  # noqa: E731 - a line to the terminal
    host_ledger = HostLedger(Runtime.build(settings), say)
    host_ledger.begin()
    argv = [*argv_of("worker"), "--lane", lane, "--threads", str(threads)]
    children = [
        Child(f"{lane}-{n}", argv, env=dict(os.environ), silent_after_s=settings.silent_s)
        for n in range(1, processes + 1)
    ]
    supervisor = Supervisor(
        settings.home,
        children,
        heartbeat=host_ledger.heartbeat,
        tick=host_ledger.tick,
        sign_off=host_ledger.sign_off,
        say=say,
        name=f"worker-{lane}",
    )
    return supervisor.run()


def argv_of(command: str) -> list[str]:
    """The command line of a child: it ends when we do, and imports nothing from the working directory (`-P`).

    `-m` alone puts the working directory in front of every import: a `redis.py` that lies there would run with the
    password in its environment.
    """
    return [sys.executable, "-P", "-m", "smsq", "--parent", str(os.getpid()), command]
