"""Hints through a real RabbitMQ that is killed, frozen and spoiled: no message is lost or doubled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator

import pika
import pytest

from smsq.producers.findings import working
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.lane import QUEUES
from smsq.worker.queues.broker import make_broker
from smsq.worker.queues.hints import Hints
from smsq.worker.queues.rabbitmq import RabbitHintBroker, aside_name
from tests.journeys.town import Town, quiet_ports
from tests.peers.rabbitmq import NotHere, RabbitServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """A RabbitMQ for the tests of this file."""
    first, second, third = quiet_ports(3)
    try:
        found = RabbitServer(tmp_path_factory.mktemp("rabbitmq"), (first, second, third))
    except NotHere as why:
        pytest.skip(str(why))
    found.start()
    yield found
    found.stop()


@pytest.fixture
def rabbit_town(server: RabbitServer, make_town: Callable[..., Town]) -> Town:
    """A town whose hints go through RabbitMQ."""
    return make_town(SMSQ_BROKER_URL=server.url)


def metric(town: Town, line: str) -> float | None:
    """A value of the town's page of metrics."""
    with urllib.request.urlopen(f"http://{town.environ['SMSQ_METRICS_ADDR']}/metrics", timeout=20) as page:
        for each in page.read().decode().splitlines():
            if each.startswith(line + " "):
                return float(each.rpartition(" ")[2])
    return None


def are_out(town: Town, ids: list[str]) -> bool:
    """Whether the gateway has taken all of these messages."""
    return all(town.smsq.status(each).status in ("accepted", "delivered") for each in ids)


@pytest.mark.fault
def test_a_worker_dies_over_rabbitmq(rabbit_town: Town) -> None:
    """Hints through RabbitMQ, bulk workers killed and unreadable messages among them: others go on, 0 lost, 0 twice."""
    journey = rabbit_town.begin()
    journey.campaign(3000)
    journey.send(3)
    journey.wait_until_sending()
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(rabbit_town.environ["SMSQ_BROKER_URL"]))) as raw:
        channel = raw.channel()
        for queue in ("bulk", "status", "chores"):
            for poison in (b"\xff\xfe", b"{", b"", b"x" * 5000, b'{"a": 1}'):
                channel.basic_publish("", f"smsq.{queue}", poison)
    rabbit_town.kill("worker --lane bulk")
    rabbit_town.kill("worker --lane status")
    journey.campaign(500)

    journey.verdict(within_s=120)
    assert metric(rabbit_town, 'smsq_bell_up{queue="bulk"}') == 1
    assert metric(rabbit_town, 'smsq_queue_hints{queue="bulk"}') == 0
    (found,) = working.broker(rabbit_town.smsq.runtime)
    assert (found.level, found.said) == ("ok", "RabbitMQ carries the hints, of which 0 wait")
    broker = make_broker(rabbit_town.environ["SMSQ_BROKER_URL"])
    assert isinstance(broker, RabbitHintBroker)
    with contextlib.closing(broker), contextlib.closing(pika.BlockingConnection(broker.parameters)) as raw:
        channel = raw.channel()
        kept = {queue: channel.queue_declare(aside_name(queue), passive=True).method.message_count for queue in QUEUES}
    assert min(kept["bulk"], kept["status"], kept["chores"]) >= 5


@pytest.mark.fault
def test_rabbitmq_dies_in_the_middle(rabbit_town: Town, server: RabbitServer) -> None:
    """RabbitMQ killed in the middle of a campaign: codes go on without it, the rest as soon as it is back, 0 twice."""
    rabbit_town.order("misfortunes", {"kind": "slow", "share": 1.0, "seconds": 0.2})
    journey = rabbit_town.campaign(4000)
    journey.wait_until_sending(0.05)
    server.kill()
    codes = rabbit_town.begin()
    codes.send(5)
    rabbit_town.wait_for(lambda: are_out(rabbit_town, codes.singles), "codes without it", 30)
    journey.campaign(200)  # enrolling fails for nothing
    server.start()
    began = time.monotonic()
    rabbit_town.order("misfortunes", {"clear": True})
    woken = 'smsq_bell_up{queue="bulk"}'
    rabbit_town.wait_for(lambda: metric(rabbit_town, woken) == 1, "workers on the new RabbitMQ", 60)
    rabbit_town.record("RabbitMQ back: consumers of every lane", time.monotonic() - began)

    journey.phones += codes.phones
    journey.singles += codes.singles
    journey.verdict(within_s=120)


@pytest.mark.fault
def test_rabbitmq_freezes(rabbit_town: Town, server: RabbitServer) -> None:
    """RabbitMQ frozen: callers wait a second at most, once, codes leave; it goes on and so do campaigns, 0 twice."""
    journey = rabbit_town.campaign(1500)
    journey.wait_until_sending()
    server.freeze()
    try:
        took = []
        for _ in range(4):
            began = time.monotonic()
            journey.send(1)
            took.append(time.monotonic() - began)
        rabbit_town.wait_for(lambda: are_out(rabbit_town, journey.singles), "codes", 30)
        hints = Hints(rabbit_town.smsq.runtime.broker)
        given = [hints.batches("bulk", [Ref(1)]) for _ in range(50)]
        journey.campaign(200)
    finally:
        server.go_on()

    assert not any(given)
    print("enrolments beside a frozen RabbitMQ:", json.dumps([round(each, 3) for each in took]))
    journey.verdict(within_s=150)


def test_a_worker_stops_in_order_while_rabbitmq_is_frozen(rabbit_town: Town, server: RabbitServer) -> None:
    """SIGTERM to a worker ends it, though nobody answers its last words."""
    (pid,) = rabbit_town.pids("worker --lane chores")
    server.freeze()
    try:
        os.kill(pid, signal.SIGTERM)
        rabbit_town.wait_for(lambda: pid not in rabbit_town.pids("worker --lane chores"), "the end of the worker", 60)
    finally:
        server.go_on()
