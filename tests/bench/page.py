"""The page that a run leaves behind: `docs/benchmarks.md`. Says what the machine is, never which."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import redis

from smsq.worker.processes.private_redis.redis_server import find_server
from tests.bench.campaigns import SLOW_ROWS, in_flight
from tests.bench.figures import Measurement, Table

LIBRARIES = (
    "dramatiq",
    "redis",
    "hiredis",
    "requests",
    "urllib3",
    "httptools",
    "phonenumberslite",
    "msgspec",
    "uvloop",
)

INTRO = """# Benchmarks

Written by `make bench` (`python -m tests.bench`); the figures are of one run, the ratios of that run alone. The
programs are in `tests/bench/`: every one is a process of its own, all take turns round by round, and after every turn
the gateway's own count must agree with it. A figure is a median, with the least and the greatest in brackets.

Everything (gateway, Redis, workers, peers) shares the cores named below, over loopback without TLS, so the gateway's
own CPU is part of what is shared. The gateway is `smsq sandbox` with no time to think, no callbacks, and limits that
nobody here meets, the same for all. Ours runs as `smsq up` would have it: a ledger's server with `appendfsync always`
and one for the queues, two bulk workers (niced, as everyone here who sends), the scheduler, default settings ({slots}
requests in flight); the clock runs from the first look into the file until the ledger's totals say that the last row
was accepted. The **bare batched client** is a plain loop over the same file with the same normaliser, forms, transport
and batch size, which keeps nothing; it grows faster with them. The **stock loop** is that loop as a programmer writes
it: `requests.Session().post(url, data=…)`, the same batches, and nothing of ours. The **libraries' loop** makes one
request per message, as the vendor's library does. **One dramatiq message per recipient** is stock dramatiq, two
processes of eight threads, with `requests`, on a Redis that does not sync. The slow two run {slow} rows.
"""


def write(out: Path, measured: Sequence[Measurement], took_s: float, load: float) -> None:
    """Write the page; `load` is the load average before the run."""
    out.write_text("\n".join(lines(measured, took_s, load)) + "\n", encoding="utf-8")


def lines(measured: Sequence[Measurement], took_s: float, load: float) -> Iterator[str]:
    """The page, line by line."""
    yield INTRO.format(slots=in_flight(), slow=f"{min(SLOW_ROWS.values()):,}")
    yield from facts(took_s, load)
    yield "\n## Goals\n"
    goals = [
        (each.title, verdict.what, verdict.wanted, verdict.measured.shown(verdict.unit), verdict.distance)
        for each in measured
        for verdict in each.verdicts
    ]
    yield from table(Table(head=("what", "", "goal", "measured", "distance"), rows=goals))
    for each in measured:
        yield f"\n## {each.title}\n\n{each.how}"
        for shown in each.tables:
            yield ""
            yield from table(shown)


def facts(took_s: float, load: float) -> Iterator[str]:
    """The machine, in words that name no machine."""
    cores = os.cpu_count() or 1
    busy = load > cores / 4
    told = f"**{load:.1f} before the run: other work was running, trust neither rates nor close ratios**"
    yield f"* {datetime.now(tz=UTC):%Y-%m-%d}; the run took {took_s / 60:.0f} min"
    told = told if busy else f"{load:.1f} before the run"
    yield f"* {cores} cores ({_processor()}), {platform.system()}; load average {told}"
    yield f"* Python {platform.python_version()}; {_server()}; a write there takes {_fsync_us():.0f} µs to be safe"
    yield f"* {', '.join(f'{name} {version(name)}' for name in LIBRARIES)}"


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _server() -> str:
    """Which server keeps the ledger."""
    import subprocess

    try:
        said = subprocess.run(
            [find_server(None, Path()), "--version"], capture_output=True, text=True, check=True
        ).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return f"redis-py {redis.__version__}"
    found = next((word for word in said if word.startswith("v=")), "")
    return f"{said[0]} {found.removeprefix('v=')}"


def _fsync_us(many: int = 200) -> float:
    """What `fdatasync` after a small write costs where temporary files are, in microseconds."""
    import tempfile

    with tempfile.TemporaryFile(buffering=0) as file:
        began = time.perf_counter()
        for _ in range(many):
            file.write(b"x" * 200)
            os.fsync(file.fileno())
        return (time.perf_counter() - began) / many * 1e6


def table(told: Table) -> Iterator[str]:
    """A table in Markdown, line by line."""
    yield f"| {' | '.join(told.head)} |"
    yield f"|{'---|' * len(told.head)}"
    for row in told.rows:
        yield f"| {' | '.join(row)} |"
