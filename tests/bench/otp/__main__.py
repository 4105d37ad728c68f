"""The command: send codes through everybody, print the goals, write the page and the picture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from tests.bench import environments, files
from tests.bench import page as machine
from tests.bench.environments import NotToBeHad
from tests.bench.otp import latency, page, sustained
from tests.bench.otp.latency import Latency
from tests.bench.otp.pace import CAMPAIGN_ROWS
from tests.bench.otp.stand_in import stand_in
from tests.bench.otp.systems import PROGRAMS, Place
from tests.bench.programs import ROOT

ROUNDS, CODES = 5, 400  # at least 2,000 codes of each program in each situation
QUICK_ROUNDS, QUICK_CODES, QUICK_ROWS = 1, 40, 20_000
SUSTAINED_ROUNDS = 3
ALONE_S, QUICK_ALONE_S = 5.0, 1.0  # campaigns without codes, between two slices with them
PARTS = (*PROGRAMS, "sustained")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help=f"{QUICK_CODES} codes, campaigns of {QUICK_ROWS:,}; no page is written.")
@click.option("--rounds", type=click.IntRange(1), help=f"Turns of each program.  [default: {ROUNDS}]")
@click.option("--codes", type=click.IntRange(4), help=f"Of each program and situation in a round.  [default: {CODES}]")
@click.option("--rows", type=click.IntRange(1000), help=f"Recipients that wait.  [default: {CAMPAIGN_ROWS:,}]")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="These alone; no page is written.")
@click.option("--json", "raw", type=click.Path(path_type=Path), help="Write every reading to this file.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the page here, and the picture beside it.")
def main(
    quick: bool,
    rounds: int | None,
    codes: int | None,
    rows: int | None,
    only: tuple[str, ...],
    raw: Path | None,
    out: Path | None,
) -> None:
    """Measure how long a code takes, ours and theirs, and write docs/otp-latency.md."""
    for signum in (signal.SIGINT, signal.SIGTERM):  # whatever ends us, everything of ours is stopped
        signal.signal(signum, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("SMSQ_")]:
        del os.environ[name]  # deaf to the shell's: no ledger and no account but the bench's
    say = partial(click.echo, err=True)
    if os.nice(0):
        say(
            "  run niced: `smsq up` nices its bulk workers to a fixed value, so codes stand behind them; trust no ratio"
        )
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    codes = codes or (QUICK_CODES if quick else CODES)
    rows = rows or (QUICK_ROWS if quick else CAMPAIGN_ROWS)
    began, load = time.monotonic(), os.getloadavg()[0]
    names, missing = _to_be_had(
        [name for name, each in PROGRAMS.items() if name in only or not (only or each.is_asked_for)], say
    )
    found = latency.nothing_yet(names) if names else None
    rates: dict[str, list[float]] = {}
    cpu: list[sustained.Cpu] = []
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as home, stand_in(Path(home)) as gateway:
        file = files.write(Path(home) / "campaign.csv", rows)
        place = Place(gateway=gateway, folder=Path(home), file=file, rows=rows, say=say)
        if found is not None:
            latency.measure(place, found, rounds, codes, alone_s=QUICK_ALONE_S if quick else ALONE_S)
        if not only or "sustained" in only:
            rates, cpu = sustained.measure(place, min(rounds, SUSTAINED_ROUNDS), is_quick=quick)
    if raw is not None:
        raw.write_text(json.dumps({**_readings(found, rates, rows), "cpu_ms": cpu}))
        say(f"written: {raw}")
    if out is None and not (quick or only):
        out = ROOT / "docs" / "otp-latency.md"
    if out is not None:
        picture = _drawn(found, out.with_suffix(".svg"), rows, missing, say) if found is not None else None
        facts = list(machine.facts(time.monotonic() - began, load))
        command = " ".join(["python -m tests.bench.otp", *sys.argv[1:]])
        told = {"command": command, "rounds": rounds, "rows": rows, "picture": picture, "missing": missing, "cpu": cpu}
        out.write_text("\n".join(page.lines(found, rates, facts, **told)) + "\n", encoding="utf-8")  # type: ignore[arg-type]
        say(f"written: {out}")
    for verdict in page.verdicts(found, rates, cpu):
        click.echo(f"{verdict.what}: {verdict.measured.shown(verdict.unit)}, goal {verdict.wanted}: {verdict.distance}")


def _to_be_had(names: list[str], say: Any) -> tuple[list[str], list[str]]:
    """Those that can be run here, their environments made; and why the others cannot."""
    missing = []
    for name in ("celery", "huey"):
        if name in names:
            try:
                getattr(environments, name)(say)
            except NotToBeHad as reason:
                names.remove(name)
                missing.append(str(reason))
                say(f"  left out: {reason}")
    return names, missing


def _readings(found: Latency | None, rates: dict[str, list[float]], rows: int) -> dict[str, Any]:
    """Every reading: milliseconds of all arrivals, by program and situation; null for a code that never came."""
    programs = {
        name: {
            "label": PROGRAMS[name].label,
            **{situation: [ms if ms < float("inf") else None for ms in each.all] for situation, each in both.items()},
            "bulk": both["loaded"].bulk.pairs,
            "failed": [reason for each in both.values() for reason in each.failed],
        }
        for name, both in (found or {}).items()
    }
    return {"rows": rows, "programs": programs, "sustained": rates}


def _drawn(found: Latency, picture: Path, rows: int, missing: list[str], say: Any) -> str | None:
    """Draw it, with matplotlib from an environment of its own; its name, None where that cannot be had."""
    try:
        python = environments.matplotlib(say)
    except NotToBeHad as reason:
        missing.append(str(reason))
        say(f"  no picture: {reason}")
        return None
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as folder:
        samples = Path(folder) / "samples.json"
        samples.write_text(json.dumps(_readings(found, {}, rows)))
        drawing = Path(__file__).with_name("drawing.py")
        subprocess.run([str(python), str(drawing), str(samples), str(picture)], check=True, cwd=folder)
    say(f"written: {picture}")
    return picture.name


if __name__ == "__main__":
    sys.exit(main())
