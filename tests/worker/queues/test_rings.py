"""A ring of the ledger wakes one thread of one process, past the queue; no ring is swallowed, and none is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import dramatiq
import pytest
import redis as redis_py

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger import Ledger
from smsq.worker.ledger.batches.waking import BELL
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.queues import rings as rings_module
from smsq.worker.queues.broker import make_broker
from smsq.worker.queues.hint_broker import HintBroker
from smsq.worker.queues.hints import Hints
from smsq.worker.queues.rings import Rings
from smsq.worker.queues.workers import give_back, make_worker
from smsq.worker.redis_client import connect

KEY = "{smsq}:" + BELL


@dataclass
class Process:
    """What one process of the urgent lane has: its broker, its worker, and its place at the bell."""

    broker: HintBroker
    worker: dramatiq.Worker
    rings: Rings
    ran: list[list[str]] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)  # that ran, by name
    may_end: threading.Event = field(default_factory=threading.Event)
    shown: list[bool] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        return self.rings.heard_for_s > 0


@pytest.fixture
def ledger(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> Iterator[Ledger]:
    """Whoever rings."""
    made = Ledger(connect(redis_server.url, blocking_s=2.0))
    yield made
    made.redis.close()


@pytest.fixture
def start(redis_server: EmbeddedRedis, ledger: Ledger) -> Iterator[Callable[..., Process]]:
    """Start processes of the urgent lane whose threads run until `may_end`; each has a ledger of its own."""
    with ExitStack() as stack:

        def started(threads: int = 1, *, ends: bool = True) -> Process:
            broker = make_broker(redis_server.broker_url)
            worker = make_worker(broker, "urgent", threads)
            shown: list[bool] = []
            own = Ledger(connect(redis_server.url, blocking_s=2.0))
            made = Process(broker, worker, Rings(broker, worker, "urgent", own, on_change=shown.append), shown=shown)

            def send_batches(refs: list[str]) -> None:
                made.threads.append(threading.current_thread().name)
                made.ran.append(refs)
                assert made.may_end.wait(30)

            dramatiq.actor(send_batches, actor_name="send_batches", queue_name="urgent", broker=broker)
            if ends:
                made.may_end.set()
            worker.start()
            made.rings.start()
            stack.callback(own.redis.close)
            stack.callback(worker.stop, timeout=5000)
            stack.callback(made.rings.stop)
            stack.callback(made.may_end.set)
            await_true(lambda: made.is_ready)
            return made

        yield started


def await_true(claim: Callable[[], bool]) -> None:
    """Look until `claim` holds; ten seconds is a failure."""
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def rings_left(ledger: Ledger) -> int:
    return int(ledger.redis.llen(KEY))


def test_a_ring_wakes_a_thread_past_the_queue(ledger: Ledger, start: Callable[..., Process]) -> None:
    """It names no batch, is acknowledged to nobody, and the queue never saw it."""
    process = start()
    ledger.ring_ready()
    await_true(lambda: process.ran == [[]])

    await_true(lambda: not process.broker.held["urgent"])
    assert process.broker.client.keys("*urgent*") == []
    assert process.shown == [True]


def test_the_thread_that_is_rung_works_while_another_waits(ledger: Ledger, start: Callable[..., Process]) -> None:
    """So a ring that comes alone changes no thread; the next is passed to the worker, and both run side by side."""
    process = start(3, ends=False)
    await_true(lambda: process.rings._waiting() == 2)
    ledger.ring_ready()
    await_true(lambda: len(process.ran) == 1 and process.rings._waiting() == 1)
    ledger.ring_ready()
    await_true(lambda: len(process.ran) == 2)

    assert [name.startswith("rings-") for name in process.threads] == [True, False]
    process.may_end.set()
    await_true(lambda: not process.broker.held["urgent"] and process.rings._waiting() == 2)


def test_a_process_of_one_thread_does_one_thing_at_a_time(ledger: Ledger, start: Callable[..., Process]) -> None:
    """Only one of its threads waits for rings then."""
    process = start(1, ends=False)
    for _ in range(2):
        ledger.ring_ready()
    await_true(lambda: len(process.ran) == 1)
    time.sleep(2 * 0.25)

    assert (len(process.ran), rings_left(ledger)) == (1, 1)


def test_who_stops_waits_for_what_is_being_sent(ledger: Ledger, start: Callable[..., Process]) -> None:
    """`stop` ends the waits alone; `join` waits for the work."""
    process = start(3, ends=False)
    await_true(lambda: process.rings._waiting() == 2)
    ledger.ring_ready()
    await_true(lambda: len(process.ran) == 1)
    process.rings.stop()
    ledger.ring_ready()
    process.rings.join(0.1)
    sending = [thread for thread in process.rings._threads if thread.is_alive()]
    assert (len(sending), rings_left(ledger)) == (1, 1)

    process.may_end.set()
    process.rings.join(10)
    assert not any(thread.is_alive() for thread in process.rings._threads)
    assert not process.broker.held["urgent"]


def test_one_ring_wakes_one_process(ledger: Ledger, start: Callable[..., Process]) -> None:
    """Two of them wait; two rings are two looks, whoever takes them."""
    first, second = start(), start()
    ledger.ring_ready()
    await_true(lambda: len(first.ran) + len(second.ran) == 1)
    ledger.ring_ready()
    await_true(lambda: len(first.ran) + len(second.ran) == 2)

    assert rings_left(ledger) == 0


def test_a_process_whose_threads_are_busy_leaves_rings_to_others(ledger: Ledger, start: Callable[..., Process]) -> None:
    """They stay at the bell, and it takes the next when a thread is free."""
    busy = start(2, ends=False)
    for _ in range(4):
        ledger.ring_ready()
    await_true(lambda: len(busy.ran) == 2 and rings_left(ledger) == 2)
    assert busy.is_ready

    other = start(ends=False)
    await_true(lambda: len(other.ran) == 1 and rings_left(ledger) == 1)
    busy.may_end.set()
    await_true(lambda: len(busy.ran) == 3 and rings_left(ledger) == 0)


def test_hints_and_rings_share_the_threads(ledger: Ledger, start: Callable[..., Process]) -> None:
    """A thread that carries out a hint is not free for a ring, and the other way round."""
    process = start(1, ends=False)
    Hints(process.broker).batches("urgent", [Ref(7)])
    await_true(lambda: process.ran == [["7"]])
    ledger.ring_ready()
    time.sleep(2 * 0.25)  # a wait that was under way may have taken it
    process.may_end.set()

    await_true(lambda: process.ran == [["7"], []])


def test_a_sick_process_takes_no_ring(ledger: Ledger, start: Callable[..., Process]) -> None:
    """It says so with its beats; a ring that it took while it fell ill, it rings again for a healthy one."""
    sick = start()
    sick.broker.may_take = lambda: False
    assert not sick.is_ready
    ledger.ring_ready()
    time.sleep(2 * 0.25)
    assert (sick.ran, rings_left(ledger)) == ([], 1)

    healthy = start()
    await_true(lambda: healthy.ran == [[]])
    assert sick.ran == []


@pytest.mark.parametrize("way", ["its work is given back", "it stops"])
def test_what_a_ring_became_and_was_not_begun_rings_again(
    ledger: Ledger, start: Callable[..., Process], way: str
) -> None:
    """A thread ends while its ring is on the way, as in a stop."""
    process = start(2, ends=False)
    process.rings.stop()
    taken = Rings(process.broker, process.worker, "urgent", ledger)
    for _ in range(4):  # two more than there are threads
        taken._wake(taken._threads[0], taken._hint())
    await_true(lambda: len(process.ran) == 2)
    if way == "it stops":
        process.may_end.set()
        for thread in process.worker.workers:
            thread.stop()
        process.worker.stop(timeout=5000)
        left = rings_left(ledger)
        assert len(process.ran) + left == 4
    else:
        assert give_back(process.worker) == 2
        assert rings_left(ledger) == 2
    assert process.broker.client.keys("*urgent*") == []


def test_who_stops_rings_again_what_it_still_took(ledger: Ledger, start: Callable[..., Process]) -> None:
    """It was in its wait."""
    process = start()
    process.rings._stopped.set()
    process.rings._wake(process.rings._threads[0], process.rings._hint())

    await_true(lambda: rings_left(ledger) == 1)  # the thread that waits may take it once more, and rings again too
    assert process.ran == []
    assert not process.is_ready


def test_a_failure_of_the_work_frees_its_thread(ledger: Ledger, start: Callable[..., Process]) -> None:
    """Whatever an actor raises."""
    process = start()
    began: list[Sequence[str]] = []

    def fails(refs: Sequence[str]) -> None:
        began.append(refs)
        raise ZeroDivisionError

    process.broker.actors["send_batches"].fn = fails
    ledger.ring_ready()
    await_true(lambda: began == [[]] and not process.broker.held["urgent"])
    process.broker.actors["send_batches"].fn = process.ran.append
    ledger.ring_ready()

    await_true(lambda: process.ran == [[]])


@pytest.mark.parametrize("trouble", ["its connection dies", "no right", "another type"])
def test_a_bell_that_is_not_heard_is_told_with_the_beats(
    trouble: str,
    ledger: Ledger,
    start: Callable[..., Process],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then hints are given, which reach it; it tries again, and a metric shows it."""
    monkeypatch.setattr(rings_module, "TRY_AGAIN_S", 0.3)
    process = start()
    if trouble == "its connection dies":
        for client in ledger.redis.client_list():
            if client["cmd"] == "blpop" and client["db"] == "0":
                ledger.redis.client_kill_filter(_id=client["id"])
    elif trouble == "no right":
        ledger.redis.execute_command("ACL", "SETUSER", "default", "-blpop")
    else:
        ledger.redis.set(KEY, "no list")
    try:
        await_true(lambda: process.shown[:2] == [True, False])
        Hints(process.broker).batches("urgent", [Ref(1)])
        await_true(lambda: process.ran == [["1"]])
    finally:
        ledger.redis.execute_command("ACL", "SETUSER", "default", "+@all")
        if trouble == "another type":
            ledger.redis.delete(KEY)
    await_true(lambda: process.is_ready)
    ledger.ring_ready()
    await_true(lambda: process.ran == [["1"], []])

    assert "bell of the ledger not heard" in caplog.text
    if trouble == "no right":
        assert "deploy/redis/ledger.acl" in caplog.text


def test_an_error_that_nobody_thought_of_does_not_end_the_thread(
    ledger: Ledger, start: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as any other failure of the bell."""
    monkeypatch.setattr(rings_module, "TRY_AGAIN_S", 0.05)
    process = start()
    whole = process.rings._bell.await_ready
    monkeypatch.setattr(process.rings._bell, "await_ready", lambda seconds: 1 / 0)
    await_true(lambda: process.shown == [True, False])
    monkeypatch.setattr(process.rings._bell, "await_ready", whole)
    ledger.ring_ready()

    await_true(lambda: process.ran == [[]])
