"""Journeys of what waits: very many messages, a file that is replaced, hints that a worker fetched and never got."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from smsq.worker.queues.broker import NAMESPACE
from smsq.worker.redis_client import connect
from tests.journeys.town import Town, memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

WAITING = 200_000
MOST_MORE = 32 << 20  # bytes that a worker may grow by meanwhile; all of it in one process would be several times that


@pytest.mark.fault
def test_very_many_wait(make_town: Callable[..., Town]) -> None:
    """200,000 messages wait for tomorrow: the memory of workers and scheduler stays flat, what is due now leaves."""
    town = make_town(SMSQ_BATCH_SIZE="500")
    town.campaign(2000).verdict()  # so that they have grown to their size
    before = {pid: memory(pid) for words in ("worker", "scheduler") for pid in town.pids(words)}
    journey = town.begin()
    waiting = journey.campaign(WAITING, at=datetime.now(UTC) + timedelta(days=1))
    journey.send(3)
    town.wait_for(lambda: journey.accepted() == 3, "what is due now", 30)
    time.sleep(5.0)  # several rounds of every duty

    grown = {pid: memory(pid) - was for pid, was in before.items()}
    assert max(grown.values()) < MOST_MORE, grown
    assert journey.statuses()["queued"] == WAITING
    town.smsq.campaigns.cancel(waiting)
    town.wait_for(lambda: journey.statuses()["cancelled"] == WAITING, "the end of what waited", 60)
    count = town.count()
    assert (journey.accepted(), count["twice"], count["limits_broken"]) == (3, 0, {})


@pytest.mark.fault
def test_a_file_is_replaced_meanwhile(town: Town) -> None:
    """File replaced between two runs: another campaign; the old one stays, and goes on at its row with its own file."""
    journey = town.begin()
    path = journey.file(40_000)
    old = path.read_bytes()
    process = journey.run_file(path)
    town.wait_for(lambda: (view := journey.adopt()) and view.rows >= 2000, "the first rows", 30)
    process.kill()
    process.wait()
    [first] = journey.views()
    assert not first.closed

    others = town.phones(1000)
    journey.phones += others
    path.write_text("phone,name\n" + "".join(f"+{phone},P{phone % 1000}\n" for phone in others))
    assert journey.run_file(path).wait(60) == 0
    second = journey.adopt()
    assert second is not None
    assert (second.id != first.id, second.rows, len(journey.campaigns)) == (True, 1000, 2)
    kept = town.views.campaign(first.id)
    assert kept is not None
    assert (kept.rows, kept.closed) == (first.rows, False)

    path.write_bytes(old)
    assert journey.run_file(path).wait(60) == 0
    assert len(town.views.campaigns()) == len(journey.older) + 2
    journey.verdict(within_s=120)


@pytest.mark.fault
def test_hints_are_fetched_and_lost(town: Town) -> None:
    """Hints fetched by a worker that neither runs nor holds them (a lost reply): it ends itself, another goes on."""
    before = town.pids("worker --lane bulk")
    journey = town.campaign(3000, rate=300)
    with contextlib.closing(connect(town.broker_url)) as broker:
        town.wait_for(lambda: broker.zcard(f"{NAMESPACE}:__heartbeats__") > 0, "workers that fetch", 20)
        for broker_id in broker.zrange(f"{NAMESPACE}:__heartbeats__", 0, -1):
            broker.sadd(f"{NAMESPACE}:__acks__.{broker_id.decode()}.bulk", secrets.token_hex(8))
    began = time.monotonic()
    town.wait_for(
        lambda: (pids := town.pids("worker --lane bulk")) and not set(pids) & set(before), "other workers", 30
    )
    town.record("a worker that lost what it fetched is replaced", time.monotonic() - began)

    journey.verdict(within_s=90)
