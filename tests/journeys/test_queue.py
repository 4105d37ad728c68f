"""Journeys on which the queue, the producers or the gateway's calls are at fault: flushed, poisoned, forged."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dramatiq
import pytest

from smsq import Smsq
from smsq.worker.domain.errors import Conflict
from smsq.worker.gateway.http import callbacks
from smsq.worker.queues.bell import bell_key
from smsq.worker.queues.broker import aside_key, make_broker
from smsq.worker.queues.hint_broker import NAMESPACE
from smsq.worker.queues.hints import Hints
from smsq.worker.redis_client import connect
from tests.journeys.town import SECRET, Journey, Town

pytestmark = [pytest.mark.timeout(300)]

LEDGER_BELL = "{smsq}:bell:ready:urgent"


@pytest.mark.fault
@pytest.mark.slow
def test_the_broker_is_flushed(town: Town) -> None:
    """Broker flushed completely, ten times: the sweeper hands everything out again, nothing is lost or doubled."""
    journey = town.campaign(4000, rate=600)
    with contextlib.closing(connect(town.broker_url)) as broker:
        for _ in range(10):
            journey.send(1)
            broker.flushdb()
            time.sleep(0.4)

    journey.verdict()


@pytest.mark.fault
@pytest.mark.slow
def test_hints_are_repeated_and_lost(town: Town) -> None:
    """Broker messages repeated and lost: a second claim finds nothing to claim, a lost one costs seconds."""
    chance = random.Random(3)
    journey = town.campaign(4000, rate=800)
    hints = Hints(make_broker(town.broker_url))
    refs = town.views.batch_refs(journey.campaigns[0])
    with contextlib.closing(connect(town.broker_url)) as broker:
        for _ in range(30):
            hints.batches("bulk", chance.choices(refs, k=40))
            hints.doubts(chance.choices(refs, k=20))
            hints.asks(chance.choices(refs, k=20))
            for lane in ("urgent", "bulk", "status"):
                if chance.random() < 0.3:
                    broker.delete(f"smsq:{lane}")
            time.sleep(0.15)

    journey.send(3)
    journey.verdict()


@pytest.mark.fault
def test_poison_in_the_queue(town: Town) -> None:
    """Poison bytes, unknown actors, wrong arguments, ids of nothing: put aside or refused, neighbours unharmed."""
    journey = town.begin()
    broker = make_broker(town.broker_url)
    poison = [b"\x80\x04\x95pickle", b"{", b"\xff\xfe\xfa", b"[]", b'{"queue_name": 3}', b"x" * 100_000, b""]
    before = {lane: set(town.pids(f"worker --lane {lane}")) for lane in ("urgent", "bulk", "status")}
    with contextlib.closing(connect(town.broker_url)) as raw:
        for lane in ("urgent", "bulk", "status"):
            for number, data in enumerate(poison):
                raw.hset(f"smsq:{lane}.msgs", f"poison-{number}", data)
                raw.rpush(f"smsq:{lane}", f"poison-{number}", f"ghost-{number}")
            for actor, args in (
                ("no_such_actor", ()),
                ("send_batches", ("not a list",)),
                ("send_batches", (["not a number", "99999999", "7@nowhere"],)),
                ("settle_doubts", (["88888888@nowhere"],)),
                ("ask_statuses", (["x"],)),
                ("send_batches", ()),
            ):
                message = dramatiq.Message(queue_name=lane, actor_name=actor, args=args, kwargs={}, options={})
                broker.enqueue(message)
        journey.campaign(1000)
        journey.send(3)

        journey.verdict()
        assert all(raw.llen(aside_key(lane)) >= len(poison) - 1 for lane in before)
    assert before == {lane: set(town.pids(f"worker --lane {lane}")) for lane in before}


@pytest.mark.fault
def test_the_bells_break(town: Town) -> None:
    """The urgent lane's bells are of another type, then waits are cut off: codes leave by polls, a metric says so."""
    journey = town.begin()

    def cut_off(server: Any) -> None:
        for client in server.client_list():
            if client["cmd"] == "blpop":
                server.client_kill_filter(_id=client["id"])

    with contextlib.closing(connect(town.broker_url)) as broker:
        bells = {"urgent": (broker, bell_key(NAMESPACE, "urgent")), "urgent.ledger": (town.ledger.redis, LEDGER_BELL)}
        await_bells(town, 1.0, *bells)
        for server, key in bells.values():
            server.set(key, "no list")
        await_bells(town, 0.0, *bells)
        journey.send(3)
        town.wait_for(lambda: journey.accepted() >= 3, "three codes by polls", 20)
        for server, key in bells.values():
            server.delete(key)
        await_bells(town, 1.0, *bells)
        for number in range(3):
            for server, _ in bells.values():
                cut_off(server)
            journey.send(1)
            town.wait_for(lambda many=4 + number: journey.accepted() >= many, "the next code", 20)
        await_bells(town, 1.0, *bells)

    journey.verdict()


def await_bells(town: Town, value: float, *queues: str) -> None:
    """Wait until the metric of these bells has a value."""

    def shown(queue: str) -> float | None:
        with urllib.request.urlopen(f"http://{town.environ['SMSQ_METRICS_ADDR']}/metrics", timeout=20) as page:
            found = re.search(rf'^smsq_bell_up{{queue="{queue}"}} (\S+)$', page.read().decode(), re.MULTILINE)
        return float(found[1]) if found else None

    for queue in queues:
        town.wait_for(lambda queue=queue: shown(queue) == value, f"the bell of {queue} at {value}", 20)


@pytest.mark.fault
def test_a_worker_dies_with_a_ring(town: Town) -> None:
    """Urgent worker frozen while codes ring for it, then killed: its ring is lost, the sweeper hands out again."""
    journey = town.begin()
    await_bells(town, 1.0, "urgent.ledger")
    (frozen,) = town.pids("worker --lane urgent")
    os.kill(frozen, signal.SIGSTOP)
    journey.send(3)
    assert town.ledger.redis.llen(LEDGER_BELL) < 3  # one was given to its connection
    os.kill(frozen, signal.SIGKILL)
    town.wait_for(lambda: journey.accepted() >= 3, "three codes by another worker", 30)
    assert town.pids("worker --lane urgent") != [frozen]

    journey.verdict()


@pytest.mark.fault
def test_ten_producers_with_one_key(town: Town) -> None:
    """Producer called ten times at once with one key: one message; with another text under that key: a conflict."""
    journey = town.begin()
    phone = town.phones(1)[0]
    gate = threading.Barrier(10)

    def send(number: int) -> str:
        with Smsq(town.smsq.settings) as smsq:
            gate.wait()
            return smsq.send(phone, "Your code is 4821", key=f"order-{phone}").id

    with ThreadPoolExecutor(10) as pool:
        ids = set(pool.map(send, range(10)))
    with pytest.raises(Conflict):
        town.smsq.send(phone, "Your code is 9999", key=f"order-{phone}")

    assert len(ids) == 1
    journey.phones.append(phone)
    journey.singles.append(ids.pop())
    journey.verdict()


@pytest.mark.fault
@pytest.mark.slow
def test_ten_producers_of_one_file(town: Town) -> None:
    """The same file run ten times at once: one campaign, each row in it once."""
    journey = town.begin()
    path = journey.file(5000)
    gate = threading.Barrier(10)

    def run(number: int) -> str:
        with Smsq(town.smsq.settings) as smsq:
            gate.wait()
            try:
                return smsq.campaigns.run(path, text="Hello {name}").id
            except Conflict:  # it was finished already
                return ""

    with ThreadPoolExecutor(10) as pool:
        ids = set(pool.map(run, range(10))) - {""}

    assert len(ids) == 1
    journey.campaigns += ids
    journey.verdict()


@pytest.mark.fault
@pytest.mark.slow
def test_a_producer_dies_at_any_row(town: Town) -> None:
    """Producer killed while it enrols, at ten drawn places: it goes on at its row, each row goes in once."""
    chance = random.Random(5)
    journey = town.begin()
    path = journey.file(60_000)
    interrupted = []
    for rows in sorted(chance.sample(range(1, 55_000), 10)):
        process = journey.run_file(path)
        town.wait_for(lambda rows=rows: (view := journey.adopt()) and view.rows >= rows, f"{rows} rows", 30)
        process.kill()
        process.wait()
        interrupted += [view.rows for view in journey.views() if not view.closed]
    assert journey.run_file(path).wait(60) in (0, 1)  # refused where the last one had come to the end

    assert len(interrupted) > 1
    assert len(journey.campaigns) == 1
    journey.verdict(within_s=90)


@pytest.mark.fault
@pytest.mark.slow
def test_batches_are_accepted_in_part(town: Town) -> None:
    """Partly accepted batches: found phones are settled, the others go on as soon as their absence is certain."""
    town.strike("in_part", left=3)
    town.order("misfortunes", {"kind": "short_count", "next": 2})
    journey = town.campaign(1500)

    journey.verdict(within_s=90)
    assert sum(mirror.struck for mirror in town.mirrors) >= 3


@pytest.mark.fault
@pytest.mark.slow
def test_statuses_are_called_in_every_disorder(make_town: Callable[..., Town]) -> None:
    """Callbacks repeated, out of order, before the send's answer, forged, for unknown ids, lost: merged or refused."""
    gateway = ["--callback-twice", "40%", "--callback-disorder", "40%", "--callback-early", "40%"]
    gateway += ["--callback-lost", "5%", "--misfortune", "early_callback=20%", "--misfortune", "lose_answer=5%"]
    town = make_town(gateway=gateway, SMSQ_BATCH_SIZE="50")
    journey = town.campaign(4000, rate=1000)
    journey.send(5)
    url = f"http://{town.environ['SMSQ_WEB_ADDR']}/callback"
    journey.wait_until_sending()
    refs = town.views.batch_refs(journey.campaigns[0])
    known = [(batch.ids[0].gateway_id, batch.recipients[0]) for batch in town.ledger.read(refs) if batch and batch.ids]
    phone = journey.phones[0]
    answers = [
        call(url, id=known[0][0], phone=known[0][1], status=20, err=245, secret="not the secret"),
        call(url, id=1, phone=phone, status=1),  # never one of ours
        call(url, id=2_147_000_000, phone=phone, status=20),
        call(url, id=known[0][0], phone=79999999999, status=20),  # not in that batch
        *(call(url, id=gateway_id, phone=each, status=0) for gateway_id, each in known for _ in range(10)),
    ]

    assert answers[0] == 403
    assert set(answers[1:]) == {200}
    journey.verdict(within_s=90)
    assert journey.statuses()["delivered"] == len(journey.phones)


def call(url: str, *, secret: str = SECRET, **fields: int) -> int:
    """One call of the gateway; the HTTP status it is answered with."""
    written = callbacks.write({"err": 0, "ts": int(time.time()), **fields}, secret)
    request = urllib.request.Request(f"{url}?{written.query}", written.body, {"Content-Type": written.content_type})
    try:
        with urllib.request.urlopen(request) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_everything_at_once(make_town: Callable[..., Town]) -> None:
    """20,000 rows, 10 % of answers lost, a worker killed every 10 s, a scheduler every 30 s, Redis twice: 0/0/0."""
    town = make_town(think_ms=300, gateway=["--misfortune", "lose_answer=10%"], SMSQ_BATCH_SIZE="25")
    assert town.server is not None
    chance = random.Random(11)
    journey = town.begin()
    producer = journey.run_file(journey.file(20_000))
    assert producer.wait(60) == 0
    journey.adopt()
    kills = {"worker": 0, "scheduler": 0, "redis": 0}
    began = time.monotonic()
    while not journey_is_nearly_over(journey) or kills["redis"] < 2:
        passed = time.monotonic() - began
        assert passed < 300, town.last_words()
        if passed >= 10 * (kills["worker"] + 1):
            town.kill_one(chance.choice(["bulk", "bulk", "urgent", "status", "chores"]), chance)
            kills["worker"] += 1
            with contextlib.suppress(Exception):
                journey.send(1)
        if passed >= 30 * (kills["scheduler"] + 1):
            town.kill("scheduler")
            kills["scheduler"] += 1
        if kills["redis"] < 2 and passed >= 22 * (kills["redis"] + 1):
            town.server.kill()
            town.server.start()
            kills["redis"] += 1
        time.sleep(0.2)
    town.order("misfortunes", {"clear": True})

    count = journey.verdict(within_s=120)
    assert count["misfortunes"]["lose_answer"] > 50
    assert kills["worker"] >= 4
    town.record("20,000 rows in the midst of all that", time.monotonic() - began)


def journey_is_nearly_over(journey: Journey) -> bool:
    """Nothing waits any more that was not tried once."""
    with contextlib.suppress(Exception):
        return bool(journey.statuses()["queued"] == 0)
    return False
