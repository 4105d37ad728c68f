"""The bell wakes whoever waits, holds nothing of yesterday, and is never needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import dramatiq
import pytest
import redis as redis_py
from dramatiq.brokers.redis import RedisBroker
from prometheus_client import REGISTRY

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.lane import QUEUES
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.queues import broker
from smsq.worker.queues.bell import MOST_RINGS, bell_key
from smsq.worker.queues.broker import HintConsumer, make_broker
from smsq.worker.queues.hint_broker import NAMESPACE, HintBroker
from smsq.worker.queues.hints import Hints
from smsq.worker.queues.workers import make_worker
from smsq.worker.redis_client import connect

URGENT = bell_key(NAMESPACE, "urgent")
LONG_S = 60.0  # a slice that no test outlives: who is woken in it was woken by the bell


@pytest.fixture
def queue(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> HintBroker:
    """An empty queue."""
    return make_broker(redis_server.broker_url)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consumers that would wait for a minute without a bell; the client's own patience is made to fit."""
    long = {name: replace(queue, slice_s=LONG_S) for name, queue in QUEUES.items()}
    monkeypatch.setattr(broker, "QUEUES", long)
    monkeypatch.setattr(broker, "connect", lambda url, **how: connect(url, blocking_s=LONG_S, **how))


def consumer(queue: HintBroker, prefetch: int = 1) -> HintConsumer:
    """One who waits at the urgent queue."""
    made = queue.consume("urgent", prefetch=prefetch, timeout=20)
    assert isinstance(made, HintConsumer)
    return made


def blocked(client: redis_py.Redis, count: int) -> None:
    """Wait until so many clients block on the server."""
    await_true(lambda: int(client.info("clients")["blocked_clients"]) == count)


def await_true(claim: Callable[[], bool]) -> None:
    """Look until `claim` holds; ten seconds is a failure."""
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def waiting(*consumers: HintConsumer) -> Iterator[list[str]]:
    """Consumers in threads of their own until each has got a hint; what they got."""
    got: list[str] = []

    def wait(one: HintConsumer) -> None:
        while True:
            message = next(one)
            if message is not None:
                got.append(str(message.args[0]))
                one.ack(message)
                one.close()
                return

    threads = [threading.Thread(target=wait, args=(one,), daemon=True) for one in consumers]
    for thread in threads:
        thread.start()
    yield got
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def shown(queue: str = "urgent") -> float | None:
    """What the metric says of this process."""
    return REGISTRY.get_sample_value("smsq_bell_up", {"queue": queue})


@pytest.mark.usefixtures("patient")
def test_everyone_who_waits_is_woken(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> None:
    """Three processes block; three hints wake all three, long before their slice is over."""
    brokers = [make_broker(redis_server.broker_url) for _ in range(3)]
    with waiting(*map(consumer, brokers)) as got:
        blocked(redis, 3)
        Hints(brokers[0]).batches("urgent", [Ref(1), Ref(2), Ref(3)])

    assert sorted(got) == ["['1']", "['2']", "['3']"]
    assert not redis_client_of(brokers[0]).exists(URGENT)


@pytest.mark.usefixtures("patient")
def test_what_is_given_back_rings(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> None:
    """A process that stops returns what it had not begun, and another one that waits gets it at once."""
    leaving, staying = (make_broker(redis_server.broker_url) for _ in range(2))
    Hints(leaving).batches("urgent", [Ref(1), Ref(2)])
    first = consumer(leaving, prefetch=2)
    assert next(first) is not None
    with waiting(consumer(staying)) as got:
        blocked(redis, 1)
        first.close()

    assert got == ["['2']"]


@pytest.mark.usefixtures("patient")
def test_what_the_dead_had_fetched_rings(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> None:
    """Whoever finds it takes what it has room for; the rest wakes another."""
    finder, other = (make_broker(redis_server.broker_url) for _ in range(2))
    client = redis_client_of(finder)
    Hints(finder).batches("urgent", [Ref(1), Ref(2)])
    dead = make_broker(redis_server.broker_url)
    assert len(dead.do_fetch("urgent", 2)) == 2
    with waiting(consumer(other)) as got:
        blocked(redis, 1)
        client.zadd("smsq:__heartbeats__", {dead.broker_id: 1})
        assert next(consumer(finder)) is not None

    assert len(got) == 1


@pytest.mark.usefixtures("patient")
def test_a_hint_that_is_left_behind_wakes_the_next(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> None:
    """A stock producer rings no bell; the first who looks rings it for what it leaves."""
    stock = RedisBroker(url=redis_server.broker_url, namespace=NAMESPACE)
    looking, other = (make_broker(redis_server.broker_url) for _ in range(2))
    with waiting(consumer(other)) as got:
        blocked(redis, 1)
        for number in (1, 2):
            options = {"redis_message_id": str(number)}
            stock.enqueue(dramatiq.Message("urgent", "send_batches", ([str(number)],), {}, options))
        assert next(consumer(looking)) is not None

    assert got == ["['2']"]


def test_the_bell_is_bounded_and_forgets(queue: HintBroker) -> None:
    """Rings nobody waited for do not pile up, and are gone with the hints they announced."""
    Hints(queue).batches("urgent", [Ref(n) for n in range(MOST_RINGS + 10)])
    client = redis_client_of(queue)
    assert client.llen(URGENT) == MOST_RINGS
    assert len(queue.do_fetch("urgent", MOST_RINGS + 9)) == MOST_RINGS + 9
    assert client.llen(URGENT) == MOST_RINGS
    assert len(queue.do_fetch("urgent", 100)) == 1

    assert not client.exists(URGENT)


def test_a_stock_worker_shares_the_queue(redis_server: EmbeddedRedis, queue: HintBroker) -> None:
    """The layout is dramatiq's own: what we enqueue, it takes and acknowledges."""
    stock = RedisBroker(url=redis_server.broker_url, namespace=NAMESPACE)
    seen: list[object] = []
    dramatiq.actor(lambda refs: seen.append(refs), actor_name="send_batches", queue_name="urgent", broker=stock)
    worker = dramatiq.Worker(stock, worker_threads=1, worker_timeout=20)
    worker.start()
    try:
        Hints(queue).batches("urgent", [Ref(7)])
        await_true(lambda: seen == [["7"]] and not redis_client_of(queue).exists("smsq:urgent.msgs"))
    finally:
        worker.stop()


@pytest.mark.parametrize("trouble", ["another type", "no right", "no right to ring"])
def test_without_a_bell_the_queue_is_polled(
    trouble: str, redis_server: EmbeddedRedis, queue: HintBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Hints arrive all the same; a metric and a line say so, until the bell is heard again."""
    seen: list[str] = []
    dramatiq.actor(lambda refs: seen.extend(refs), actor_name="send_batches", queue_name="urgent", broker=queue)
    admin, mute = redis_client_of(queue), trouble == "no right to ring"
    lost = REGISTRY.get_sample_value("smsq_rings_lost_total", {"queue": "urgent"}) or 0.0
    with working(queue):
        blocked(admin, 1)
        if trouble == "another type":
            admin.set(URGENT, "no list")
        else:
            forbidden = "-llen" if mute else "-blpop"
            admin.execute_command("ACL", "SETUSER", "default", forbidden)
        try:
            if not mute:
                await_true(lambda: shown() == 0.0)
            assert Hints(queue).batches("urgent", [Ref(1)])
            await_true(lambda: seen == ["1"])
        finally:
            admin.execute_command("ACL", "SETUSER", "default", "+@all")
            admin.delete(URGENT)
        await_true(lambda: shown() == 1.0)
        assert Hints(queue).batches("urgent", [Ref(2)])
        await_true(lambda: seen == ["1", "2"] and not queue.fetched("urgent"))

    if trouble == "no right":
        assert "deploy/redis/broker.acl" in caplog.text
    if mute or trouble == "another type":
        assert REGISTRY.get_sample_value("smsq_rings_lost_total", {"queue": "urgent"}) == lost + 1
        assert "bell cannot be rung queue=urgent" in caplog.text
    if not mute:
        assert "bell not heard, so the queue is polled key=smsq:urgent.bell" in caplog.text


def test_a_connection_that_dies_in_its_wait_is_made_again(redis: redis_py.Redis, queue: HintBroker) -> None:
    """The consumer goes on, first by polling."""
    seen: list[str] = []
    dramatiq.actor(lambda refs: seen.extend(refs), actor_name="send_batches", queue_name="urgent", broker=queue)
    with working(queue):
        blocked(redis, 1)
        for client in redis.client_list():
            if client["cmd"] == "blpop":
                redis.client_kill_filter(_id=client["id"])
        await_true(lambda: shown() == 0.0)
        Hints(queue).batches("urgent", [Ref(1)])
        await_true(lambda: seen == ["1"])
        await_true(lambda: shown() == 1.0)


def test_stopping_does_not_wait_for_the_bell(queue: HintBroker) -> None:
    """A consumer blocks for a second at most, and for a fraction of it where codes wait behind a lost ring."""
    assert max(queue.slice_s for queue in QUEUES.values()) <= 1.0
    assert QUEUES["urgent"].slice_s <= 0.25
    with working(queue) as worker:
        await_true(lambda: shown() == 1.0)

    assert not any(thread.is_alive() for thread in worker.consumers.values())


def redis_client_of(queue: HintBroker) -> redis_py.Redis:
    """The queues' own client."""
    client: redis_py.Redis = queue.client
    return client


@contextmanager
def working(queue: HintBroker) -> Iterator[dramatiq.Worker]:
    """A running worker of the urgent lane."""
    worker = make_worker(queue, "urgent", 1)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(timeout=5000)
