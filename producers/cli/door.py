"""`smsq door`: the front door for software that uses the gateway's own libraries."""

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


@click.command("door")
@with_exporter
def command(has_exporter: bool) -> None:
    """Serve the gateway's own HTTP interface at SMSQ_DOOR_ADDR, until told to stop."""
    settings = adopt()
    if has_exporter:
        sys.exit(beside_exporter(settings, "door"))
    logs.configure(settings.log_level, settings.log_style)
    metrics_folder.choose(settings.home, "door")
    from smsq.producers.api import Smsq
    from smsq.producers.web.front_door.server import run

    sys.exit(run(Smsq(settings), Pulse.of_process(os.environ)))
