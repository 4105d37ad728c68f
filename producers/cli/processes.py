"""`smsq worker`, `scheduler` and `exporter`: one process each, for the supervisor and for service managers."""

from __future__ import annotations

import os
import sys

import click

from smsq.producers.machine.processes import several, threads_of
from smsq.worker import logs
from smsq.worker.domain.lane import LANES
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.alive import Alive
from smsq.worker.processes.beats import Pulse
from smsq.worker.settings import Settings


@click.command("worker")
@click.option("--lane", type=click.Choice(list(LANES)), required=True, help="The lane to work for.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of processes.")
@click.option("--threads", type=click.IntRange(1, 512), help="Threads in each process.  [default: from the settings]")
@click.pass_context
def worker(ctx: click.Context, lane: str, processes: int, threads: int | None) -> None:
    """Run the workers of one lane until told to stop."""
    settings = Settings.load()
    threads = threads or threads_of(settings, lane, processes)
    if processes > 1:
        sys.exit(several(settings, lane, processes, threads))
    logs.configure(settings.log_level, settings.log_style)
    metrics_folder.choose(settings.home, f"worker-{lane}")
    from smsq.worker.processes.lane import run_worker

    run_worker(settings, lane, threads, has_master=ctx.find_root().params.get("parent") is not None)


@click.command("scheduler")
def scheduler() -> None:
    """Run the scheduler until told to stop. If several run, one leads and the others stand by."""
    settings = Settings.load()
    logs.configure(settings.log_level, settings.log_style)
    metrics_folder.choose(settings.home, "scheduler")
    from smsq.worker.scheduler.loop import run

    run(settings, Alive(settings.home, "scheduler").beside(Pulse.of_process(os.environ).beat))


@click.command("exporter")
def exporter() -> None:
    """Serve the metrics of this host at SMSQ_METRICS_ADDR until told to stop."""
    settings = Settings.load()
    logs.configure(settings.log_level, settings.log_style)
    from smsq.worker.processes.exporter import run

    sys.exit(run(settings, Pulse.of_process(os.environ).beat))
