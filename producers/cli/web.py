"""`smsq web`: the receiver of the gateway's callbacks."""

from __future__ import annotations

import os
import sys

import click

from smsq.producers.adoption import adopt
from smsq.producers.cli.processes import with_exporter
from smsq.producers.machine.processes import beside_exporter
from smsq.worker import logs
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.beats import Pulse


@click.command("web")
@with_exporter
def command(has_exporter: bool) -> None:
    """Receive the statuses that the gateway pushes, at SMSQ_WEB_ADDR, until told to stop."""
    settings = adopt()
    if has_exporter:
        sys.exit(beside_exporter(settings, "web"))
    logs.configure(settings.log_level, settings.log_style)
    metrics_folder.choose(settings.home, "web")
    from smsq.producers.web.app import run
    from smsq.worker.runtime import Runtime

    sys.exit(run(Runtime.build(settings), Pulse.of_process(os.environ)))
