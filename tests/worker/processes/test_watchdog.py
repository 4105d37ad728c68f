"""A sick worker process ends itself; a healthy one, idle or busy, is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dramatiq
import pytest
import redis as redis_py

from smsq.worker.domain.batch import Ref
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.processes.watchdog import SICK, Watchdog
from smsq.worker.queues.broker import make_broker
from smsq.worker.queues.hint_broker import HintBroker
from smsq.worker.queues.hints import Hints
from smsq.worker.queues.workers import make_worker

ROOT = Path(__file__).parents[3]


class Now:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def broker(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> HintBroker:
    """A broker on an empty queue."""
    return make_broker(redis_server.broker_url)


def await_true(claim: Callable[[], object]) -> None:
    """Look until `claim` holds; ten seconds is a failure."""
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_busy_worker_is_healthy(broker: HintBroker) -> None:
    """What runs or waits in the process is fetched and known, however long it takes."""
    go, now = threading.Event(), Now()

    def run(refs: list[str]) -> None:
        go.wait(10)

    dramatiq.actor(actor_name="send_batches", queue_name="bulk", broker=broker)(run)
    Hints(broker).batches("bulk", [Ref(n) for n in range(5)])
    worker = make_worker(broker, "bulk", 2)
    worker.start()
    dog = Watchdog(broker, worker, monotonic=now)
    await_true(lambda: len(broker.held["bulk"]) == 3)
    first = dog.look()
    now.seconds = 3600
    second = dog.look()
    go.set()
    worker.stop(timeout=5000)

    assert (first, second) == (None, None)


def test_a_lost_fetch_is_noticed(broker: HintBroker) -> None:
    """Fetched by this process as Redis sees it, unknown to it: after a while that is a reason to end."""
    now = Now()
    worker = make_worker(broker, "bulk", 1)
    worker.start()
    dog = Watchdog(broker, worker, monotonic=now)
    broker.client.sadd(f"smsq:__acks__.{broker.broker_id}.bulk", "lost")
    first = dog.look()
    now.seconds = 6
    second = dog.look()
    worker.stop(timeout=5000)

    assert (first, second) == (None, "1 hints fetched and lost")


def test_a_dead_consumer_is_noticed(broker: HintBroker) -> None:
    """A consumer thread that has ended while the worker goes on is a reason to end."""
    worker = make_worker(broker, "bulk", 1)
    worker.start()
    thread = worker.consumers["bulk"]
    thread.stop()
    thread.join(10)
    why = Watchdog(broker, worker).look()
    worker.stop(timeout=5000)

    assert why == "ConsumerThread died"


def test_nothing_is_said_while_redis_is_away(tmp_path: Path) -> None:
    """An outage of Redis ends no process."""
    broker = make_broker(f"unix://{tmp_path}/none")
    worker = make_worker(broker, "bulk", 1)
    worker.start()
    why = Watchdog(broker, worker).look()
    worker.stop(timeout=5000)

    assert why is None


def test_the_process_ends_with_its_own_code(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> None:
    """By default the process is gone at once, with the code that says why."""
    script = (
        "import sys, threading; from smsq.worker.queues.broker import *; from smsq.worker.queues.workers import *;"
        "from smsq.worker.processes.watchdog import Watchdog;"
        "broker = make_broker(sys.argv[1]); worker = make_worker(broker, 'bulk', 1); worker.start();"
        "Watchdog(broker, worker, look_every_s=0.01).start(); worker.consumers['bulk'].stop();"
        "threading.Event().wait(20)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, redis_server.broker_url], check=False, capture_output=True, cwd=ROOT, timeout=20
    )

    assert ended.returncode == SICK
    assert b"worker ends itself why=ConsumerThread died" in ended.stderr


def test_a_child_leaves_with_its_parent(tmp_path: Path) -> None:
    """A killed master leaves no orphan behind."""
    child = (
        "import os; from smsq.worker.processes.parent import die_with_parent; die_with_parent();"
        "print(os.getpid(), flush=True); import time; time.sleep(30)"
    )
    parent = (
        "import os, subprocess, sys;"
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE);"
        "sys.stdout.buffer.write(p.stdout.readline()); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    )
    started = subprocess.run([sys.executable, "-c", parent], capture_output=True, check=False, cwd=ROOT, timeout=20)
    pid = int(started.stdout)

    def is_gone() -> bool:
        stat = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False, text=True)
        return not stat.stdout.strip() or stat.stdout.startswith("Z")

    await_true(is_gone)


def test_a_process_whose_parent_is_gone_already_leaves_at_once() -> None:
    """The race between starting and asking the kernel is closed by looking once."""
    script = (
        "from smsq.worker.processes.parent import die_with_parent;"
        f"die_with_parent({os.getppid() + 100000}); print('still here')"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, cwd=ROOT, timeout=20)

    assert (ended.returncode, ended.stdout) == (71, b"")
