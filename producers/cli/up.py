"""`smsq up`: every process of one machine in the foreground, under the supervisor."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from smsq.producers.cli.sandbox import numbers
from smsq.producers.machine.up import (
    CONTROL_PORT,
    MIRROR_PORTS,
    Gateway,
    free_port,
    run,
    sandbox_environ,
    with_free_addresses,
)
from smsq.worker.processes.service_manager import ServiceManager
from smsq.worker.settings import FILE_NAME, Settings


@click.command("up")
@click.option("--sandbox", is_flag=True, help="Also run a gateway on this machine; nothing leaves the machine.")
@click.option(
    "--ports",
    help="Ports of the sandbox, one for each mirror; 0 is any free port.  [default: 9101,9102,9103, or free ones]",
)
@click.option("--verbose", is_flag=True, help="Show every log line, not only warnings and errors.")
def command(sandbox: bool, ports: str | None, verbose: bool) -> None:
    """Run everything in the foreground until Ctrl-C; a second Ctrl-C stops without waiting for what was begun."""
    manager = ServiceManager.of_process(os.environ)
    environ = dict(os.environ)
    file = Path(FILE_NAME) if Path(FILE_NAME).is_file() else None
    # The sandbox has an SMPP host of its own, so what is said of another is not needed.
    needs = {"SMSQ_SMPP_URL": "smpp://demo@127.0.0.1", "SMSQ_SMPP_PASSWORD": "none"} if sandbox else {}
    without = {name: value for name, value in environ.items() if not sandbox or not name.startswith("SMSQ_SMPP_")}
    settings = Settings.load({**without, **needs}, file)
    if ports is not None and not sandbox:
        raise click.UsageError("--ports names the ports of the sandbox; add --sandbox")
    if not sandbox:
        sys.exit(run(environ, file, verbose=verbose, manager=manager))
    if settings.redis_url is not None:
        raise click.UsageError("--sandbox starts its own Redis; unset SMSQ_REDIS_URL, or leave out --sandbox")
    if ports is None:
        gateway = Gateway(tuple(map(free_port, MIRROR_PORTS)), free_port(CONTROL_PORT))
        if taken := [str(port) for port in MIRROR_PORTS if port not in gateway.ports]:
            click.echo(f"port {', '.join(taken)} is in use already: the sandbox takes other ports", err=True)
    else:
        gateway = Gateway(tuple(port or free_port() for port in numbers("--ports", ports)), free_port())
    if settings.transport == "smtp":
        gateway = replace(gateway, smtp_port=free_port())
    if settings.transport == "smpp":
        gateway = replace(gateway, smpp_port=free_port())
    told = with_free_addresses(sandbox_environ(environ, settings.home, gateway), settings)
    sys.exit(run(told, file, gateway, front=settings.home, verbose=verbose))
