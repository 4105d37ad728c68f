"""`smsq top`: the whole installation, drawn again and again."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click

from smsq.producers.terminal import output
from smsq.producers.terminal.display import print_json

if TYPE_CHECKING:
    from smsq.producers.api import Smsq
    from smsq.producers.standing import Look

FIRST_LOOK_S = 1.0  # rates need two looks
HEIGHT_OF_REST = 18  # lines beside campaigns


@click.command("top")
@click.option("--once", is_flag=True, help="Show it once, after a second in which rates are measured, and end.")
@click.option("--every", "every_s", type=click.FloatRange(0.2, 3600), default=1.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="An object on each line of standard output.")
def command(once: bool, every_s: float, as_json: bool) -> None:
    """Show lanes, rates, mirrors, doubts, money and campaigns, as they are now. Ctrl-C ends it.

    Without a terminal it is shown once, with --json again and again. Mirrors are those that the processes of this host
    have tried: their metrics page must answer.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.progress import DUMB
    from smsq.producers.standing import Look

    is_live = sys.stdout.isatty() and os.environ.get("TERM", "") not in DUMB
    with Smsq() as smsq, contextlib.suppress(KeyboardInterrupt):
        look = Look(smsq.runtime)
        with smsq.named():
            look.now()
        smsq.runtime.clock.wait(min(FIRST_LOOK_S, every_s))
        if as_json:
            _as_lines(smsq, look, once, every_s)
        elif once or not is_live:
            _print(look)
        else:
            _redraw(smsq, look, every_s)


def _as_lines(smsq: Smsq, look: Look, once: bool, every_s: float) -> None:
    from smsq.producers.standing import as_object

    while True:
        print_json(as_object(look.now()))
        sys.stdout.flush()
        if once:
            return
        smsq.runtime.clock.wait(every_s)


def _print(look: Look) -> None:
    from rich.console import Console

    from smsq.producers.terminal.picture import drawn

    console = Console(file=output.screen(sys.stdout))
    console.print(drawn(look.now(), console.width))


def _redraw(smsq: Smsq, look: Look, every_s: float) -> None:
    from rich.console import Console
    from rich.live import Live

    from smsq.producers.terminal.picture import drawn

    console = Console(file=output.screen(sys.stdout))
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            most = max(1, (console.height - HEIGHT_OF_REST) // 2)
            live.update(drawn(look.now(), console.width, most), refresh=True)
            smsq.runtime.clock.wait(every_s)
