"""One turn of each program in a campaign's comparison: what it needs is started before its clock, stopped after."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from tests.bench import programs
from tests.bench.ours import running
from tests.bench.programs import LOGIN, NICE, PASSWORD, GatewayProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every program of one comparison is given."""

    file: Path
    text: str = field(repr=False)
    batch: int
    gateway: GatewayProcess
    folder: Path

    def told(self, rows: int) -> dict[str, Any]:
        """The same as a program reads it."""
        told = {"file": str(self.file), "text": self.text, "batch": self.batch, "rows": rows}
        control = self.gateway.control
        return {**told, "mirror": self.gateway.mirror, "control": control, "login": LOGIN, "password": PASSWORD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One measured turn."""

    rows: int
    seconds: float
    cpu_s: dict[str, float]  # by role

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds

    def cpu_us(self) -> dict[str, float]:
        """CPU microseconds per row, by role."""
        return {role: spent / self.rows * 1e6 for role, spent in self.cpu_s.items()}


def ours(job: Job, rows: int) -> Turn:
    """Ours, on a ledger that is empty."""
    job.gateway.reset()
    with running(job.gateway, job.folder) as system:
        before, gateway_before = system.cpu_s(), job.gateway.tally()["cpu_s"]
        said = programs.run("produce", job.told(rows), system.environ, log=job.folder / "ours.log")
        after = system.cpu_s()
        spent = {role: after[role] - before[role] for role in after}
        return _checked(job, rows, said, gateway_before, spent)


def bare(job: Job, rows: int) -> Turn:
    """The bare batched client."""
    job.gateway.reset()
    before = job.gateway.tally()["cpu_s"]
    return _checked(job, rows, programs.run("bare", job.told(rows), log=job.folder / "bare.log", nice=NICE), before)


def stock(job: Job, rows: int) -> Turn:
    """The stock loop."""
    job.gateway.reset()
    before = job.gateway.tally()["cpu_s"]
    return _checked(job, rows, programs.run("stock", job.told(rows), log=job.folder / "stock.log", nice=NICE), before)


def loop(job: Job, rows: int) -> Turn:
    """The libraries' loop."""
    job.gateway.reset()
    before = job.gateway.tally()["cpu_s"]
    return _checked(job, rows, programs.run("loop", job.told(rows), log=job.folder / "loop.log", nice=NICE), before)


def recipient(job: Job, rows: int) -> Turn:
    """One dramatiq message per recipient, on two stock worker processes of eight threads; its Redis need not sync."""
    job.gateway.reset()
    log = job.folder / "recipient.log"
    with (
        tempfile.TemporaryDirectory(prefix="smsq-bench-") as place,
        EmbeddedRedis(Path(place), fsync="no", dies_with_parent=True) as server,
    ):
        environ = {"BENCH_BROKER": server.url, "BENCH_MIRROR": job.gateway.mirror}
        environ |= {"BENCH_LOGIN": LOGIN, "BENCH_PASSWORD": PASSWORD}
        argv = [sys.executable, "-m", "dramatiq", "tests.bench.recipient_actor", "--processes", "2", "--threads", "8"]
        log.write_bytes(b"")
        workers = programs.start(argv, environ, log=log, nice=NICE)
        try:
            programs.wait_until(
                lambda: log.read_bytes().count(b"is ready for action") >= 2, "starting dramatiq's workers"
            )
            before = job.gateway.tally()["cpu_s"]
            return _checked(job, rows, programs.run("recipient", job.told(rows), environ, log=log), before)
        finally:
            programs.stop(workers)


def _checked(
    job: Job, rows: int, said: dict[str, Any], gateway_before: float, more: dict[str, float] | None = None
) -> Turn:
    """The turn, once the gateway's own count agrees with it."""
    tally = job.gateway.tally()
    if tally["accepted"] != rows or tally["twice"] or said["accepted"] != rows:
        raise SystemExit(f"the gateway accepted {tally['accepted']} of {rows}, {tally['twice']} of them twice")
    return Turn(
        rows=rows,
        seconds=said["seconds"],
        cpu_s={**said["cpu_s"], **(more or {}), "gateway": tally["cpu_s"] - gateway_before},
    )


PROGRAMS: dict[str, Callable[[Job, int], Turn]] = {
    "ours": ours,
    "bare": bare,
    "stock": stock,
    "loop": loop,
    "recipient": recipient,
}
