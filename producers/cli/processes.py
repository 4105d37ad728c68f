"""`smsq worker`, `scheduler` and `exporter`: one process each, for the supervisor and for service managers."""

from __future__ import annotations

import os
import sys

import click

from smsq.producers.machine.processes import beside_exporter, several, threads_of
from smsq.worker import logs
from smsq.worker.domain.lane import LANES
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.alive import Alive
from smsq.worker.processes.beats import Pulse
from smsq.worker.processes.service_manager import ServiceManager
from smsq.worker.settings import Settings

with_exporter = click.option(
    "--exporter",
    "has_exporter",
    is_flag=True,
    help="Serve the metrics of this home beside it, and supervise both: for a container, which is a host of its own.",
)


@click.command("worker")
@click.option("--lane", type=click.Choice(list(LANES)), required=True, help="The lane to work for.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of processes.")
@click.option("--threads", type=click.IntRange(1, 512), help="Threads in each process.  [default: from the settings]")
@with_exporter
@click.pass_context
def worker(ctx: click.Context, lane: str, processes: int, threads: int | None, has_exporter: bool) -> None:
    """Run the workers of one lane until told to stop."""
    settings, manager = Settings.load(), ServiceManager.of_process(os.environ)
    threads = threads or threads_of(settings, lane, processes)
    if processes > 1 or has_exporter:
        sys.exit(several(settings, lane, processes, threads, has_exporter=has_exporter, manager=manager))
    logs.configure(settings.log_level, settings.log_style)
    metrics_folder.choose(settings.home, f"worker-{lane}")
    from smsq.worker.processes.lane import run_worker

    has_master = ctx.find_root().params.get("parent") is not None
    run_worker(settings, lane, threads, has_master=has_master, manager=manager)


@click.command("scheduler")
@with_exporter
def scheduler(has_exporter: bool) -> None:
    """Run the scheduler until told to stop. If several run, one leads and the others stand by."""
    settings = Settings.load()
    if has_exporter:
        sys.exit(beside_exporter(settings, "scheduler"))
    logs.configure(settings.log_level, settings.log_style)
    metrics_folder.choose(settings.home, "scheduler")
    from smsq.worker.scheduler.loop import run

    pulse = Pulse.of_process(os.environ)
    run(settings, Alive(settings.home, "scheduler").beside(pulse.beat), pulse.manager.ready)
    pulse.manager.stopping()


@click.command("exporter")
def exporter() -> None:
    """Serve the metrics of this host at SMSQ_METRICS_ADDR until told to stop."""
    settings = Settings.load()
    logs.configure(settings.log_level, settings.log_style)
    from smsq.worker.processes.exporter import run

    sys.exit(run(settings, Pulse.of_process(os.environ)))
