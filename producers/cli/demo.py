"""`smsq demo`: a sample campaign on this machine alone, then its report and the gateway's own count."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click

from smsq.producers import sample
from smsq.producers.machine.demo import INTERRUPTED, Story
from smsq.producers.terminal import output
from smsq.producers.terminal.display import talk


@click.command("demo")
@click.option(
    "--rows",
    type=click.IntRange(10, 1_000_000),
    default=sample.ROWS,
    show_default=True,
    help="Number of rows in the sample file.",
)
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as one object on standard output.")
def command(rows: int, keep: bool, as_json: bool) -> None:
    """Run a sample campaign on this machine alone, then show its report beside the gateway's own count."""
    output.changed()  # the exit code has the verdict
    home = Path(tempfile.mkdtemp(prefix="smsq-demo-"))
    story = Story(home, rows, keep=keep, as_json=as_json)
    try:
        story.run()
    except BaseException:
        talk(f"the demo's folder is kept: {home}")
        raise
    if story.code not in (0, INTERRUPTED):
        talk(f"the demo's folder is kept: {home} (logs in {story.home / 'logs'})")
    else:
        shutil.rmtree(home, ignore_errors=True)
    sys.exit(story.code)
