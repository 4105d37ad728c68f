"""The front door under load: `send.php` a second on one core, beside a bare endpoint of Starlette in the same run.

    python -m tests.bench.door [--seconds 6] [--rounds 5] [--connections 64]

The front door is `smsq door` on a ledger with `appendfsync always`; every request is another text to another phone, so
each is enrolled, with its id and what a repeat would be answered. The bare endpoint reads the same form and answers the
same bytes; it stores nothing. Each is held on one core (`taskset`), Redis and the callers share the others. At the end
the ledger is counted: as many messages as answers that said so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click

from smsq.worker.host.master import Master
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.sandbox import new_loop
from smsq.worker.settings import Settings
from tests.bench.programs import cpu_s, start, stop

KEY = "0123456789abcdef-bench"
BARE = "tests.bench.door_bare"
GOAL, STRETCH = 1000, 1500


class Caller(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, mark, body = self._data.partition(b"\r\n\r\n")
        if not mark:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._data = b""
        self._load.answered(body)
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        if self._load.is_over:
            self._transport.close()
        else:
            self._transport.write(self._load.next())


class Load:
    """Requests until the time is over, and what became of them."""

    def __init__(self, first: int, seconds: float) -> None:
        self.good = self.bad = 0
        self._n = first
        self._until = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._until

    def next(self) -> bytes:
        """Another message to another phone, as the PHP library posts it."""
        self._n += 1
        body = (
            f"login=bench&psw={KEY}&fmt=1&charset=utf-8&cost=0&phones=7999{self._n:07d}"
            f"&mes=%D0%9A%D0%BE%D0%B4+{self._n}&translit=0&id=0"
        ).encode()
        return (
            b"POST /sys/send.php HTTP/1.1\r\nHost: smsc.example\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    def answered(self, body: bytes) -> None:
        """One answer."""
        if body.endswith(b",1"):
            self.good += 1
        else:
            self.bad += 1


async def _load(port: int, first: int, seconds: float, connections: int) -> Load:
    loop, load = asyncio.get_running_loop(), Load(first, seconds)
    lines = [await loop.create_connection(lambda: Caller(load), "127.0.0.1", port) for _ in range(connections)]
    while not all(transport.is_closing() for transport, _ in lines):
        await asyncio.sleep(0.05)
    return load


def turn(port: int, pid: int, first: int, seconds: float, connections: int) -> tuple[float, float, Load]:
    """One turn: answers a second, CPU ms a request of the server, and the load."""
    spent, began = cpu_s(pid), time.monotonic()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        load = runner.run(_load(port, first, seconds, connections))
    took = time.monotonic() - began
    many = load.good + load.bad
    return many / took, (cpu_s(pid) - spent) * 1000 / max(1, many), load


@contextlib.contextmanager
def programs(folder: Path) -> Iterator[tuple[Runtime, dict[str, tuple[int, int]]]]:
    """A fresh ledger, the front door and the bare endpoint: the port and the process of each."""
    with (
        EmbeddedRedis(folder, dies_with_parent=True) as ledger,
        EmbeddedRedis(folder, name="queues", is_kept=False, dies_with_parent=True) as queues,
    ):
        environ = {
            "SMSQ_HOME": str(folder),
            "SMSQ_REDIS_URL": ledger.url,
            "SMSQ_BROKER_URL": queues.url,
            "SMSQ_LOGIN": "bench",
            "SMSQ_PASSWORD": "bench",
            "SMSQ_MIRRORS": "http://127.0.0.1:9",
            "SMSQ_API_KEYS": f"bench:{KEY}",
            "SMSQ_DOOR_ADDR": f"127.0.0.1:{_free_port()}",
        }
        runtime = Runtime.build(Settings.load(environ))
        master = Master(runtime.ledger, runtime.journal)
        master.establish(runtime.settings.account)
        assert master.tick() or master.tick()
        bare_port, door_port = _free_port(), int(environ["SMSQ_DOOR_ADDR"].rpartition(":")[2])
        core = str(max(os.sched_getaffinity(0)))
        held = ["taskset", "-c", core] if hasattr(os, "sched_getaffinity") else []
        log = folder / "programs.log"
        door = start([*held, sys.executable, "-m", "smsq", "door"], environ, log=log)
        bare = start([*held, sys.executable, "-m", BARE, str(bare_port)], log=log)
        try:
            for port in (door_port, bare_port):
                _await(port, log)
            yield runtime, {"front door": (door_port, door.pid), "bare starlette": (bare_port, bare.pid)}
        finally:
            stop(door)
            stop(bare)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, log: Path) -> None:
    import socket

    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens: {log.read_text(errors='replace')[-2000:]}")


def enrolled(runtime: Runtime) -> int:
    """How many messages the ledger holds."""
    ledger = runtime.ledger
    return sum(int(ledger.redis.zcard(ledger.key(f"ready:{lane}"))) for lane in ("urgent", "bulk"))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", type=float, default=6.0, show_default=True, help="Length of a turn.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns of each.")
@click.option("--connections", type=click.IntRange(1, 900), default=64, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print every reading as one JSON object.")
def main(seconds: float, rounds: int, connections: int, as_json: bool) -> None:
    """Measure both in turn and print the medians; exits 1 if a message was lost or doubled."""
    readings: dict[str, list[tuple[float, float]]] = {}
    accepted = refused = 0
    with tempfile.TemporaryDirectory(prefix="smsq-bench-") as place, programs(Path(place)) as (runtime, servers):
        for n in range(rounds):
            for name, (port, pid) in servers.items():
                rate, cpu_ms, load = turn(port, pid, 500_000 * n, seconds, connections)
                readings.setdefault(name, []).append((rate, cpu_ms))
                if name == "front door":
                    accepted, refused = accepted + load.good, refused + load.bad
                click.echo(f"{name:15} {rate:8.0f} a second, {cpu_ms:.2f} ms CPU a request", err=True)
        kept = enrolled(runtime)
    middle: dict[str, Any] = {
        name: {"rate": statistics.median(rate for rate, _ in rows), "cpu_ms": statistics.median(cpu for _, cpu in rows)}
        for name, rows in readings.items()
    }
    if as_json:
        click.echo(json.dumps({**middle, "accepted": accepted, "refused": refused, "kept": kept}))
    else:
        for name, found in middle.items():
            click.echo(f"{name:15} {found['rate']:8,.0f} a second, {found['cpu_ms']:.2f} ms CPU a request")
        rate = middle["front door"]["rate"]
        click.echo(f"goal {GOAL:,} (stretch {STRETCH:,}): {'met' if rate >= GOAL else 'missed'}")
        click.echo(f"accepted {accepted:,}, refused {refused:,}, in the ledger {kept:,}")
    sys.exit(0 if kept == accepted and not refused else 1)


if __name__ == "__main__":
    main()
