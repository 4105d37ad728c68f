"""The command: measure, say how it goes, write the page."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from tests.bench import campaigns, page, rows, store
from tests.bench.figures import Measurement
from tests.bench.programs import ROOT

ROWS, QUICK_ROWS = 200_000, 20_000
ROUNDS, QUICK_ROUNDS = 5, 3
RESTART_ROWS, QUICK_RESTART_ROWS = 1_000_000, 100_000

Measure = Callable[[int, int, Path, Callable[[str], None]], Measurement]
MEASUREMENTS: dict[str, Measure] = {
    **{case.name: partial(campaigns.measure, case) for case in campaigns.CASES},
    "memory": store.memory,
    "restart": store.restart,
    "phone": rows.phone,
    "enrolment": rows.enrolment,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help=f"{QUICK_ROWS:,} rows and {QUICK_ROUNDS} rounds; the page is not written.")
@click.option("--rows", "many", type=click.IntRange(1000), help=f"Rows for the quick programs.  [default: {ROWS:,}]")
@click.option("--rounds", type=click.IntRange(1), help=f"Turns of each program.  [default: {ROUNDS}]")
@click.option("--only", multiple=True, type=click.Choice(list(MEASUREMENTS)), help="These alone; no page is written.")
@click.option("--json", "as_json", is_flag=True, help="Print every reading as one JSON object.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the page here, whatever was measured.")
def main(
    quick: bool, many: int | None, rounds: int | None, only: tuple[str, ...], as_json: bool, out: Path | None
) -> None:
    """Measure against the goals and write docs/benchmarks.md."""
    many = many or (QUICK_ROWS if quick else ROWS)
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    say = partial(click.echo, err=True)
    began, load = time.monotonic(), os.getloadavg()[0]
    measured = []
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as place:
        for name in only or MEASUREMENTS:
            say(f"{name}")
            size = (QUICK_RESTART_ROWS if quick else RESTART_ROWS) if name == "restart" else many
            measured.append(MEASUREMENTS[name](size, rounds, Path(place), say))
    took_s = time.monotonic() - began
    if out is None and not (quick or only):
        out = ROOT / "docs" / "benchmarks.md"
    if out is not None:
        page.write(out, measured, took_s, load)
        say(f"written: {out.name}")
    if as_json:
        click.echo(json.dumps({each.name: each.readings for each in measured}))
    else:
        for each in measured:
            for verdict in each.verdicts:
                shown = verdict.measured.shown(verdict.unit)
                click.echo(f"{each.name:14} {verdict.what}: {shown}, goal {verdict.wanted}: {verdict.distance}")


if __name__ == "__main__":
    sys.exit(main())
