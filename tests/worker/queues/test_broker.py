"""Hints on a real queue: small, plain, taken once, and never in each other's way."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dramatiq
import pytest
import redis as redis_py

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import BadInput, BadSettings
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.queues.broker import QUEUES, aside_key, make_broker
from smsq.worker.queues.hint_broker import HintBroker
from smsq.worker.queues.hints import Hints
from smsq.worker.queues.workers import make_worker
from smsq.worker.redis_client import connect
from tests.conftest import soon_stopped


@pytest.fixture
def broker(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> HintBroker:
    """A broker on an empty queue."""
    return make_broker(redis_server.broker_url)


@contextmanager
def working(broker: HintBroker, lane: str = "bulk", threads: int = 4) -> Iterator[dramatiq.Worker]:
    """A running worker of one lane, that is soon stopped: it stops between two waits for its bell."""
    worker = make_worker(broker, lane, threads)
    with soon_stopped(lane):
        worker.start()
        try:
            yield worker
        finally:
            worker.stop(timeout=5000)


def declare(broker: HintBroker, name: str, lane: str, run: Callable[..., None]) -> None:
    """Make `run` the actor `name`."""
    dramatiq.actor(actor_name=name, queue_name=lane, broker=broker)(run)


def await_true(claim: Callable[[], bool]) -> None:
    """Look until `claim` holds; ten seconds is a failure."""
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_each_kind_of_hint_reaches_its_actor(broker: HintBroker) -> None:
    """Refs arrive as strings, in the lane they were meant for, and are gone afterwards."""
    seen: list[object] = []
    declare(broker, "send_batches", "bulk", lambda refs: seen.append(refs))
    hints = Hints(broker)

    assert hints.batches("bulk", [Ref(1), Ref(2, "k7"), Ref(3)], each=2)
    with working(broker):
        await_true(lambda: len(seen) == 2 and not broker.fetched("bulk"))

    assert sorted(map(str, seen)) == ["['1', '2@k7']", "['3']"]


@pytest.mark.parametrize(
    ("give", "queue"),
    [
        (lambda hints: hints.batches("urgent", [Ref(1)]), "urgent"),
        (lambda hints: hints.asks([Ref(n) for n in range(150)]), "status"),
        (lambda hints: hints.doubts([Ref(1)]), "status"),
        (lambda hints: hints.asks([Ref(1)], are_urgent=True), "status.urgent"),
        (lambda hints: hints.doubts([Ref(1), Ref(2)], are_urgent=True), "status.urgent"),
        (lambda hints: hints.job("abc"), "chores"),
        (lambda hints: hints.balance(), "chores"),
    ],
    ids=["urgent batches", "asks share messages", "doubts", "asks of codes", "doubts of codes", "a job", "the balance"],
)
def test_hints_wait_in_their_lane(broker: HintBroker, give: Callable[[Hints], bool], queue: str) -> None:
    """A producer needs no actors; the queue keeps the hint for whoever has them."""
    assert give(Hints(broker))

    assert {each for each in QUEUES if broker.depth(each)} == {queue}


def test_a_hint_that_cannot_be_given_is_no_error(redis_server: EmbeddedRedis) -> None:
    """Redis away: the answer is False, since the sweeper makes up for it."""
    assert Hints(make_broker("unix:///nowhere/redis.sock")).balance() is False


@pytest.mark.parametrize(
    "args",
    [(["4" * 20] * 300,), ({"text": "hello"},), ([["nested"]],)],
    ids=["over 4 KiB", "a mapping", "lists in lists"],
)
def test_more_than_ids_is_refused(broker: HintBroker, args: tuple[object, ...]) -> None:
    """What is too large or not plain never reaches the queue."""
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name="bulk", actor_name="x", args=args, kwargs={}, options={}
    )

    with pytest.raises(BadInput, match="ids only"):
        broker.enqueue(message)
    assert broker.depth("bulk") == 0


def test_a_delay_is_refused(broker: HintBroker) -> None:
    """Long waits live in the ledger."""
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name="bulk", actor_name="x", args=(), kwargs={}, options={}
    )

    with pytest.raises(BadInput, match="cannot be delayed"):
        broker.enqueue(message, delay=1000)


@pytest.mark.parametrize(
    "poison",
    [b"\xff\xfe", b"{", b'{"a": 1}', b"[]", b"x" * 5000, b""],
    ids=["not UTF-8", "broken JSON", "other fields", "a list", "too long", "nothing"],
)
def test_undecodable_bytes_are_put_aside_and_neighbours_run(broker: HintBroker, poison: bytes) -> None:
    """Fetched in the middle of good hints, they end in the list for a look and leave nothing behind."""
    seen: list[str] = []
    declare(broker, "send_batches", "bulk", lambda refs: seen.extend(refs))
    hints = Hints(broker)
    hints.batches("bulk", [Ref(1), Ref(2)])
    broker.do_enqueue("bulk", "poison-id", poison)
    hints.batches("bulk", [Ref(3)])
    with working(broker):
        await_true(lambda: len(seen) == 3 and not broker.fetched("bulk"))

    assert sorted(seen) == ["1", "2", "3"]
    assert broker.client.lrange(aside_key("bulk"), 0, -1) == [poison]
    assert broker.client.hlen("smsq:bulk.msgs") == 0


def test_an_id_without_a_message_is_forgotten(broker: HintBroker) -> None:
    """A list entry whose bytes are gone neither stops the queue nor stays fetched."""
    seen: list[str] = []
    declare(broker, "send_batches", "bulk", lambda refs: seen.extend(refs))
    broker.client.rpush("smsq:bulk", "ghost")
    Hints(broker).batches("bulk", [Ref(1)])
    with working(broker):
        await_true(lambda: seen == ["1"] and not broker.fetched("bulk"))


def test_little_is_held_back_from_other_processes(broker: HintBroker) -> None:
    """A worker with full hands fetches no more than a few beyond what it runs."""
    go = threading.Event()

    def hold() -> None:
        go.wait(10)

    declare(broker, "send_batches", "bulk", lambda refs: hold())
    Hints(broker).batches("bulk", [Ref(n) for n in range(20)])
    with working(broker, threads=2):
        await_true(lambda: broker.depth("bulk") == 17)
        go.set()
        await_true(lambda: broker.depth("bulk") == 0)


def test_stopping_gives_back_what_was_not_begun(broker: HintBroker) -> None:
    """Hints that were fetched and not run are in the queue again, for another process."""
    begun, go = threading.Event(), threading.Event()

    def run(refs: list[str]) -> None:
        begun.set()
        go.wait(10)

    declare(broker, "send_batches", "bulk", run)
    Hints(broker).batches("bulk", [Ref(n) for n in range(20)])
    with working(broker, threads=1) as worker:
        assert begun.wait(10)
        for thread in worker.workers:
            thread.stop()
        go.set()

    assert broker.depth("bulk") == 19
    assert not broker.fetched("bulk")


def test_what_is_over_is_acknowledged_with_the_next_fetch(broker: HintBroker) -> None:
    """In the same round trip; a hint that was given back meanwhile is another process' and stays."""
    Hints(broker).batches("bulk", [Ref(1), Ref(2)])
    consumer = broker.consume("bulk", prefetch=2, timeout=50)
    first, second = next(consumer), next(consumer)
    consumer.ack(first)
    consumer.ack(second)
    broker.do_requeue("bulk", second.options["redis_message_id"])
    assert len(broker.fetched("bulk")) == 1
    again = next(consumer)

    assert again.args == second.args
    assert broker.fetched("bulk") == {again.options["redis_message_id"]}
    assert broker.client.hlen("smsq:bulk.msgs") == 1


def test_hints_flow_while_redis_is_full(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Asking and settling depend on them: fetching, acknowledging and enqueueing go on."""
    with EmbeddedRedis(tmp_path_factory.mktemp("full"), fsync="no") as server:
        seen: list[str] = []
        broker = make_broker(server.broker_url)
        declare(broker, "send_batches", "bulk", lambda refs: seen.extend(refs))
        admin = connect(server.url)
        admin.config_set("maxmemory", "1")
        with pytest.raises(redis_py.exceptions.OutOfMemoryError):
            admin.set("a", "b")
        assert Hints(broker).batches("bulk", [Ref(1)])
        with working(broker):
            await_true(lambda: seen == ["1"] and not broker.fetched("bulk"))


def test_a_worker_outlives_a_restart_of_redis(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Killed and started again, the queue goes on by itself and nothing stays fetched."""
    with EmbeddedRedis(tmp_path_factory.mktemp("killed")) as server:
        seen: list[str] = []
        broker = make_broker(server.broker_url)
        declare(broker, "send_batches", "bulk", lambda refs: seen.extend(refs))
        with working(broker):
            Hints(broker).batches("bulk", [Ref(1)])
            await_true(lambda: seen == ["1"])
            os.kill(server.pid, signal.SIGKILL)
            await_true(server.ensure)
            await_true(lambda: Hints(broker).batches("bulk", [Ref(2)]))
            await_true(lambda: seen == ["1", "2"] and not broker.fetched("bulk"))


def test_other_addresses_are_refused() -> None:
    """Another scheme is refused with what would do, and without its password."""
    with pytest.raises(BadSettings, match=r"begins with 'http'; it must begin with redis, rediss") as refusal:
        make_broker("http://user:secret@host")
    assert "secret" not in str(refusal.value)
