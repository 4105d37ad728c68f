"""`smsq worker`, `scheduler` and `exporter`: one process each, for the supervisor and for service managers."""

from __future__ import annotations

import math
import os
import sys

import click

from smsq.worker import logs
from smsq.worker.domain.guard import MORE_URGENT
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.beats import Pulse
from smsq.worker.settings import Settings

LANES = ("urgent", "bulk", "status", "chores")


@click.command("worker")
@click.option("--lane", type=click.Choice(LANES), required=True, help="Whose hints to work on.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="How many processes.")
@click.option("--threads", type=click.IntRange(1, 512), help="Threads in each.  [default: by the settings]")
@click.pass_context
def worker(ctx: click.Context, lane: str, processes: int, threads: int | None) -> None:
    """Run the workers of one lane until told to stop."""
    settings = Settings.load()
    threads = threads or threads_of(settings, lane, processes)
    if processes > 1:
        sys.exit(_several(settings, lane, processes, threads))
    logs.configure(settings.log_level, settings.log_style)
    metrics_folder.choose(settings.home, f"worker-{lane}")
    from smsq.worker.processes.lane import run_worker

    run_worker(settings, lane, threads, has_master=ctx.find_root().params.get("parent") is not None)


@click.command("scheduler")
def scheduler() -> None:
    """Run the scheduler until told to stop; of several one leads and the others stand by."""
    settings = Settings.load()
    logs.configure(settings.log_level, settings.log_style)
    metrics_folder.choose(settings.home, "scheduler")
    from smsq.worker.scheduler.loop import run

    run(settings, Pulse.of_process(os.environ).beat)


@click.command("exporter")
def exporter() -> None:
    """Serve the metrics of this host at SMSQ_METRICS_ADDR until told to stop."""
    settings = Settings.load()
    logs.configure(settings.log_level, settings.log_style)
    from smsq.worker.processes.exporter import run

    sys.exit(run(settings, Pulse.of_process(os.environ).beat))


def threads_of(settings: Settings, lane: str, processes: int) -> int:
    """Threads for each process of a lane, so that its slots of the log-in can all be used."""
    wanted = {
        "urgent": settings.parallel_sends + MORE_URGENT,  # codes may use every slot, and go past hanging ones
        "bulk": settings.parallel_sends - settings.urgent_slots,
        "status": settings.parallel_asks + 1,
        "chores": 2,
    }
    return min(512, max(1, math.ceil(wanted[lane] / processes)))


def _several(settings: Settings, lane: str, processes: int, threads: int) -> int:
    """A supervisor over processes of one lane."""
    from smsq.worker.processes.overseer import Overseer
    from smsq.worker.processes.supervisor import Child, Supervisor
    from smsq.worker.runtime import Runtime

    say = lambda line: click.echo(line, err=True)  # noqa: E731 - a line to the terminal
    overseer = Overseer(Runtime.build(settings), say)
    overseer.begin()
    argv = [*argv_of("worker"), "--lane", lane, "--threads", str(threads)]
    children = [
        Child(f"{lane}-{n}", argv, env=dict(os.environ), silent_after_s=settings.silent_s)
        for n in range(1, processes + 1)
    ]
    supervisor = Supervisor(
        settings.home,
        children,
        heartbeat=overseer.heartbeat,
        tick=overseer.tick,
        say=say,
        name=f"worker-{lane}",
    )
    return supervisor.run()


def argv_of(command: str) -> list[str]:
    """How a child of this process is started: it leaves when we do, and imports nothing from where it stands (`-P`).

    `-m` alone puts the working directory in front of every import: a `redis.py` that lies there would run with the
    password in its environment.
    """
    return [sys.executable, "-P", "-m", "smsq", "--parent", str(os.getpid()), command]
