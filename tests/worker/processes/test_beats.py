"""Beats over a pipe between real processes: who is silent is found out, who cannot help it is let be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from smsq.producers.machine.processes import argv_of
from smsq.producers.machine.up import free_port
from smsq.worker.processes.beats import EVERY_S, VARIABLE, Listener, Pulse
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.processes.supervisor import Child, Supervisor
from smsq.worker.redis_client import connect
from tests.journeys.proxy import Proxy
from tests.journeys.server import Server
from tests.worker.processes.test_supervisor import FOREVER, await_true, child, running

ROOT = Path(__file__).parents[3]
BEATING = "; ".join(
    [
        "import os, time; from smsq.worker.processes.beats import Pulse",
        "pulse = Pulse.of_process(os.environ)",
        "exec('while True:\\n pulse.beat()\\n time.sleep(0.02)')",
    ]
)


def beating(name: str = "a", limit_s: float = 2.5) -> Child:
    """A process that beats from its main loop."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Child(name, [sys.executable, "-c", BEATING], env=env, silent_after_s=limit_s)


def heard(supervisor: Supervisor) -> Callable[[], bool]:
    """Whether its first child has beaten."""
    return lambda: supervisor._kept[0].silent_s is not None


def test_a_frozen_child_is_started_again_without_any_ledger(home: Path) -> None:
    """Its pipe is silent; one that beats is let be; nothing of either is left behind."""
    said: list[str] = []
    before = len(os.listdir("/dev/fd"))
    supervisor = Supervisor(home, [beating("a"), beating("b")], say=said.append)
    with running(supervisor):
        await_true(lambda: all(kept.silent_s is not None for kept in supervisor._kept))
        first = supervisor.pids()
        os.kill(first["a"], signal.SIGSTOP)
        await_true(lambda: supervisor.pids().get("a") not in (None, first["a"]))

        assert supervisor.pids()["b"] == first["b"]
    assert [line for line in said if "silent" in line] == ["a was silent for 3 s and is restarted"]
    assert len(os.listdir("/dev/fd")) == before


def test_nobody_frozen_is_killed_while_the_ledger_is_away(home: Path) -> None:
    """Whoever waits for it looks frozen too; its silence counts again from when the ledger is back."""
    is_away, asked = [True], [0]

    def heartbeat(pid: int) -> None:
        asked[0] += 1
        if is_away[0]:
            raise ConnectionError

    supervisor = Supervisor(home, [beating(limit_s=0.5)], heartbeat=heartbeat)
    with running(supervisor):
        await_true(heard(supervisor))
        first = supervisor.pids()["a"]
        os.kill(first, signal.SIGSTOP)
        await_true(lambda: asked[0] >= 2)
        assert supervisor.pids()["a"] == first

        is_away[0] = False
        await_true(lambda: supervisor.pids().get("a") not in (None, first))


def test_who_never_beat_is_not_judged_by_it(home: Path) -> None:
    """It may still be starting, or be of a kind that beats in the ledger."""
    asked: list[int] = []
    supervisor = Supervisor(home, [child("a", FOREVER, silent_after_s=0.0)], heartbeat=asked.append)
    with running(supervisor):
        await_true(lambda: len(asked) >= 2)

        assert supervisor.pids()["a"] == asked[0]


def test_time_in_which_nobody_listened_is_not_held_against_it() -> None:
    """A supervisor that was frozen, or waited for Redis, counts a second for all of it."""
    now = [100.0]
    listener = Listener(monotonic=lambda: now[0])
    os.write(listener.writer, b".")
    listener.listen()
    for passed_s in (0.25, 0.25, 3600.0):
        now[0] += passed_s
        listener.listen()
    first = listener.silent_s
    listener.excuse()
    second = listener.silent_s
    os.write(listener.writer, b"...")
    listener.listen()
    listener.close()
    listener.close()

    assert (first, second, listener.silent_s) == (1.5, 0.0, 0.0)


def test_a_pulse_writes_once_a_second_and_waits_for_nobody() -> None:
    """Nor does it mind a supervisor that sleeps, or that is gone."""
    now = [0.0]
    listener = Listener()
    pulse = Pulse(listener.writer, monotonic=lambda: now[0])
    for now[0] in (0.0, 0.2, 0.9, EVERY_S, 1.5):
        pulse.beat()
    assert os.read(listener._reader, 100) == b".."

    for _ in range(100_000):  # more than a pipe holds
        now[0] += EVERY_S
        pulse.beat()
    os.close(listener._reader)
    now[0] += EVERY_S
    pulse.beat()
    os.close(listener.writer)


def test_a_process_without_a_supervisor_has_a_pulse_all_the_same(tmp_path: Path) -> None:
    """No pipe, or a number that is none of ours; and no child of ours inherits it."""
    with (tmp_path / "file").open("w") as file:
        for told in ("", "x", "987654", str(file.fileno())):
            Pulse.of_process({VARIABLE: told}).beat()
    listener, environ = Listener(), {VARIABLE: ""}
    environ[VARIABLE] = str(listener.writer)
    Pulse.of_process(environ).beat()
    listener.listen()
    listener.close()

    assert (tmp_path / "file").read_text() == ""
    assert (listener.silent_s, environ) == (0.0, {})


@contextmanager
def started(command: str, redis_url: str, home: Path) -> Iterator[tuple[subprocess.Popen[bytes], Listener, str]]:
    """`smsq <command>` as `smsq up` starts it, the pipe it beats in, and where it listens if it does."""
    address, listener = f"127.0.0.1:{free_port()}", Listener()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")},
        VARIABLE: str(listener.writer),
        "SMSQ_HOME": str(home),
        "SMSQ_REDIS_URL": redis_url,
        "SMSQ_WEB_ADDR": address,
        "SMSQ_METRICS_ADDR": address,
    }
    process = subprocess.Popen(argv_of(command), env=environ, pass_fds=[listener.writer], cwd=ROOT)
    listener.began()
    try:
        yield process, listener, address
    finally:
        process.kill()
        process.wait()
        listener.close()


def beats(listener: Listener) -> bool:
    """Whether one came since the last look."""
    listener.listen()
    return listener.silent_s == 0.0


@pytest.mark.parametrize(
    "command",
    ["scheduler", pytest.param("web", marks=pytest.mark.slow), pytest.param("exporter", marks=pytest.mark.slow)],
)
def test_the_loops_of_the_real_processes_beat(home: Path, redis_server: EmbeddedRedis, command: str) -> None:
    """Again and again; frozen, each falls silent, though its threads would go on."""
    with started(command, redis_server.url, home) as (process, listener, _):
        for _ in range(3):
            await_true(lambda: beats(listener))
        os.kill(process.pid, signal.SIGSTOP)
        await_true(lambda: not beats(listener) and (listener.silent_s or 0.0) > 2 * EVERY_S)


def test_a_scheduler_beats_without_a_redis(home: Path) -> None:
    """Its loop goes round."""
    with started("scheduler", "redis://127.0.0.1:1/0", home) as (_, listener, _address):
        for _ in range(3):
            await_true(lambda: beats(listener))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_scheduler_whose_redis_is_slow_is_not_killed(home: Path, tmp_path: Path) -> None:
    """A step of it takes longer than it may be silent, since every reply does take its time."""
    server, said = Server(tmp_path / "redis", free_port()), list[str]()
    server.start()
    try:
        with Proxy(("127.0.0.1", server.port)) as line, connect(server.url) as client:
            line.lag_s = 0.4
            env = {**os.environ, "SMSQ_HOME": str(home), "SMSQ_REDIS_URL": f"redis://127.0.0.1:{line.port}/0"}
            scheduler = Child("scheduler", argv_of("scheduler"), env=env, silent_after_s=3.0)
            supervisor = Supervisor(home, [scheduler], say=said.append)
            with running(supervisor):
                await_true(heard(supervisor))
                first, sent = supervisor.pids(), commands(client)
                await_true(lambda: commands(client) > sent + 60 or supervisor.pids() != first, 90)

                assert supervisor.pids() == first
    finally:
        server.stop()

    assert said == []


def commands(client: redis.Redis) -> int:
    """How many a server has carried out, but for our own questions."""
    found = client.info("commandstats")
    return sum(row["calls"] for name, row in found.items() if not name.startswith("cmdstat_info"))
