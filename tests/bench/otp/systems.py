"""The programs that deliver codes: how each is started, idle or with a backlog beside the codes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smsq.producers.machine.up import free_port
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from tests.bench import environments
from tests.bench.otp.pace import FIRST_CODE_PHONE
from tests.bench.otp.stand_in import StandIn
from tests.bench.programs import LOGIN, NICE, PASSWORD, cpu_by_role, cpu_s, start, stop, wait_until

HERE = "tests.bench.otp"
Say = Callable[[str], None]
PATIENCE_S = 60.0  # for what should be there; a code that takes longer counts as lost
DRAMATIQ_QUEUES = 64  # visited in turn, so that each is quiet for seconds between two codes
# Who is who below `smsq up`, by what stands in the command line.
ROLES = {"--lane urgent": "worker", "/redis/redis.sock": "ledger server", "/queues/redis.sock": "queue server"}
PROCESSES, THREADS = os.cpu_count() or 1, 8  # dramatiq's own defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What every program is given."""

    gateway: StandIn
    folder: Path
    file: Path  # a campaign's, for ours
    rows: int  # of a campaign, and of a backlog
    say: Say


class Sampler:
    """The process that sends codes by one program's own call; `system` is what else it takes, if that is told apart."""

    system: int | None = None  # its pid

    def __init__(self, process: subprocess.Popen[bytes], gateway: StandIn) -> None:
        self._process = process
        self._gateway = gateway
        self._next = FIRST_CODE_PHONE

    def order(self, many: int, **how: Any) -> list[tuple[int, int, int]]:
        """Have so many codes sent; phone, beginning and end of each call."""
        order = {"first": self._next, "many": many, **how}
        self._next += many
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the sampler ended; see its log")
        return [(phone, began, returned) for phone, began, returned in json.loads(answer)]

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far by role, the caller's among them; nothing for programs whose parts are not told apart."""
        if self.system is None:
            return {}
        return {"caller": cpu_s(self._process.pid), **cpu_by_role(self.system, ROLES, "the rest")}

    def warm_up(self, many: int) -> None:
        """Send codes that do not count, until all of them have arrived."""
        before = self._gateway.count()["codes"]
        self.order(many, least_s=0.0, most_s=0.01, seed=0)
        wait_until(lambda: self._gateway.count()["codes"] - before >= many, "the first codes", PATIENCE_S)
        self._gateway.reset()


Started = Callable[[Place, bool], contextlib.AbstractContextManager[Sampler]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program: its label, how it is set up in words, and how it is started (True: beside a backlog)."""

    label: str
    idle: str
    loaded: str
    started: Started
    gaps_s: tuple[float, float]  # between two codes: least and most
    warm_up: int = 20  # codes that do not count
    is_watched: bool = False  # whether its campaigns are measured too, with codes and without
    is_asked_for: bool = False  # not a part of every run


@contextlib.contextmanager
def ours(
    place: Place, is_loaded: bool, more: Mapping[str, str] | None = None, call: Sequence[str] = ()
) -> Iterator[Sampler]:
    """`smsq up`, whole: private Redis servers (the ledger's syncs every write), all lanes, scheduler, web, exporter."""
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as home, contextlib.ExitStack() as stack:
        environ = {
            "SMSQ_HOME": home,
            "SMSQ_MIRRORS": place.gateway.mirror,
            "SMSQ_LOGIN": LOGIN,
            "SMSQ_PASSWORD": PASSWORD,
            "SMSQ_ASK_EVERY_S": "86400",  # only sending is measured
            "SMSQ_HISTORY_EVERY_S": "0",
            **{f"SMSQ_{name}_ADDR": f"127.0.0.1:{free_port()}" for name in ("WEB", "METRICS")},
            **(more or {}),
        }
        log = place.folder / "ours.log"
        log.write_bytes(b"")
        system = stack.enter_context(_kept([sys.executable, "-m", "smsq", "up"], environ, log))
        wait_until(lambda: _is_said(system, log, b"everything is up"), "starting smsq up", PATIENCE_S)
        if is_loaded:
            told = json.dumps({"file": str(place.file), "rows": place.rows})
            _stock([sys.executable, "-m", f"{HERE}.ours_campaigns", told], environ, log, stack)
        sampler = _sampler(stack, [sys.executable, "-m", f"{HERE}.ours_otp", *call], environ, log, place)
        sampler.system = system.pid
        yield sampler


def otp(place: Place, is_loaded: bool) -> contextlib.AbstractContextManager[Sampler]:
    """The same for codes that smsq makes; the shield only watches, since nobody enters them here."""
    return ours(place, is_loaded, {"SMSQ_SHIELD": "watch"}, ["otp"])


@contextlib.contextmanager
def together(place: Place, is_loaded: bool) -> Iterator[Sampler]:
    """The same with ledger and queues on one Redis, as where `SMSQ_REDIS_URL` alone is set."""
    with (
        tempfile.TemporaryDirectory(prefix="smsq-bench-") as home,
        EmbeddedRedis(Path(home), dies_with_parent=True) as server,
        ours(place, is_loaded, {"SMSQ_REDIS_URL": server.url}) as sampler,
    ):
        yield sampler


@contextlib.contextmanager
def dramatiq(
    place: Place, is_loaded: bool, more: Mapping[str, str] | None = None, threads: int = THREADS
) -> Iterator[Sampler]:
    """Stock dramatiq; codes and backlog in the same processes, codes with priority."""
    module = f"{HERE}.dramatiq_peer"
    argv = [sys.executable, "-m", "dramatiq", module, "--processes", str(PROCESSES), "--threads", str(threads)]
    environ = {"BENCH_QUEUES": str(DRAMATIQ_QUEUES), **(more or {})}
    with _peer(place, sys.executable, module, [argv], is_loaded, environ) as sampler:
        yield sampler


@contextlib.contextmanager
def celery(place: Place, is_loaded: bool) -> Iterator[Sampler]:
    """Celery: a worker for the codes, another for the backlog, each with celery's own number of processes."""
    python = str(environments.celery(place.say))
    module = f"{HERE}.celery_peer"
    queues = ("bulk", "codes") if is_loaded else ("codes",)
    workers = [[python, "-m", "celery", "-A", module, "worker", "-Q", name, "-n", f"{name}@bench"] for name in queues]
    with _peer(place, python, module, workers, is_loaded) as sampler:
        yield sampler


@contextlib.contextmanager
def huey(place: Place, is_loaded: bool) -> Iterator[Sampler]:
    """huey: one consumer of a process per core for both, codes with priority."""
    python = str(environments.huey(place.say))
    module = f"{HERE}.huey_peer"
    consumer = [python, "-m", "huey.bin.huey_consumer", f"{module}.huey", "-w", str(PROCESSES), "-k", "process", "-q"]
    with _peer(place, python, module, [consumer], is_loaded) as sampler:
        yield sampler


PROGRAMS: dict[str, Program] = {
    "ours": Program(
        label="smsq",
        idle='`smsq up` with its defaults and a ledger that syncs every write; `smsq.send(lane="urgent")`',
        loaded="the same; the producer of the campaigns is niced like the bulk workers",
        started=ours,
        gaps_s=(0.03, 0.11),
        is_watched=True,
    ),
    "otp": Program(
        label="smsq.otp.send",
        idle="the same for a code that smsq makes: written down, passed by the shield (`SMSQ_SHIELD=watch`), enrolled",
        loaded="the same",
        started=otp,
        gaps_s=(0.03, 0.11),
    ),
    "together": Program(
        label="smsq, one Redis",
        idle="the same with `SMSQ_REDIS_URL` set, so that one Redis that syncs has ledger and queues",
        loaded="the same",
        started=together,
        gaps_s=(0.03, 0.11),
        is_watched=True,
        is_asked_for=True,
    ),
    "dramatiq": Program(
        label="stock dramatiq",
        idle=f"`RedisBroker`, {PROCESSES} processes of {THREADS} threads (the defaults); "
        f"{DRAMATIQ_QUEUES} queues in turn",
        loaded="the same processes have the backlog's queue too; codes have priority 0, the backlog 100",
        started=dramatiq,
        gaps_s=(0.02, 0.06),
        warm_up=2 * DRAMATIQ_QUEUES,
    ),
    "celery": Program(
        label="Celery",
        idle=f"Redis, a worker with {PROCESSES} processes (the default) for the codes' queue",
        loaded="another such worker for the backlog's queue",
        started=celery,
        gaps_s=(0.015, 0.035),
    ),
    "huey": Program(
        label="huey",
        idle=f"`PriorityRedisHuey`, a consumer with {PROCESSES} processes",
        loaded="the same queue and consumer; codes have priority 100, the backlog 0",
        started=huey,
        gaps_s=(0.015, 0.035),
    ),
}


@contextlib.contextmanager
def _peer(
    place: Place,
    python: str,
    module: str,
    workers: Sequence[Sequence[str]],
    is_loaded: bool,
    more: Mapping[str, str] | None = None,
) -> Iterator[Sampler]:
    """A peer on a Redis that need not sync; its backlog is there before its workers start."""
    with (
        tempfile.TemporaryDirectory(prefix="smsq-bench-") as home,
        EmbeddedRedis(Path(home), fsync="no", dies_with_parent=True) as server,
        contextlib.ExitStack() as stack,
    ):
        environ = {"BENCH_BROKER": server.url, "BENCH_MIRROR": place.gateway.mirror, **(more or {})}
        name = module.rpartition(".")[2]
        peer = [python, "-m", f"{HERE}.peer", name]
        log = place.folder / f"{name}.log"
        log.write_bytes(b"")
        if is_loaded:
            _stock([*peer, "restock", str(place.rows)], environ, log, stack)
        for argv in workers:
            stack.enter_context(_kept(argv, environ, log))
        yield _sampler(stack, [*peer, "sample"], environ, log, place)


def _stock(argv: Sequence[str], environ: Mapping[str, str], log: Path, stack: contextlib.ExitStack) -> None:
    """Start the producer of a backlog; returns once it is there, and the producer goes on."""
    producer = stack.enter_context(_kept(argv, environ, log, nice=NICE, has_session=True))
    if not producer.stdout.readline():
        raise SystemExit(f"there is no backlog: {log.read_text(errors='replace')[-2000:]}")


def _sampler(
    stack: contextlib.ExitStack, argv: Sequence[str], environ: Mapping[str, str], log: Path, place: Place
) -> Sampler:
    process = stack.enter_context(_kept(argv, environ, log, takes_orders=True))
    return Sampler(process, place.gateway)


@contextlib.contextmanager
def _kept(argv: Sequence[str], environ: Mapping[str, str], log: Path, **how: Any) -> Iterator[Any]:
    """A process until the end of the block, started as `start` is told."""
    process = start(argv, environ, log=log, **how)
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        stop(process)


def _is_said(process: subprocess.Popen[bytes], log: Path, words: bytes) -> bool:
    said = log.read_bytes()
    if process.poll() is not None:
        raise SystemExit(f"it ended: {said.decode(errors='replace')[-2000:]}")
    return words in said
