"""Nothing lost, nothing sent twice, whatever happens at whichever call: crash points on the real scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from tests.promises.crashes import turns
from tests.promises.crashes.driver import Driver, quiet, sample
from tests.promises.crashes.faults import Fault, possible
from tests.promises.crashes.stories import STORIES
from tests.promises.crashes.verdict import negative_gauges

PAIRS = 30  # of each story, by seed
SAMPLE = 4  # of each story, by seed
names = pytest.mark.parametrize("name", list(STORIES))


@pytest.fixture
def driver(redis_server: EmbeddedRedis, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A driver on the run's server; `sparse` asks nearly every question once."""
    with quiet():
        made = Driver(redis_server.url, tmp_path, is_sparse=getattr(request, "param", "") == "sparse")
        yield made
        made.client.flushall()
        made.client.close()


@pytest.mark.timeout(300)  # ten seconds of work; a machine with other work takes its time
def test_a_sample_of_everything_that_can_strike(driver: Driver) -> None:
    """A few faults at a few boundaries of every story; the run is invalid if it missed a turn."""
    for story, schedule in sample(driver, SAMPLE, seed=4):
        driver.check(story, schedule)

    assert driver.turns >= turns.ALL, f"a run without these turns is invalid: {turns.ALL - driver.turns}"


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("driver", ["sparse"], indirect=True)
@names
def test_everything_that_can_strike_once(driver: Driver, name: str) -> None:
    """Every boundary of the story is struck, every site by everything, and each time all is well."""
    story = STORIES[name]
    schedules = driver.singles(story)
    for schedule in schedules:
        driver.check(story, schedule)

    struck = {place for schedule in schedules for place in schedule}
    assert struck == set(range(len(driver.boundaries(story))))
    assert driver.turns >= story.turns, f"a run without these turns is invalid: {story.turns - driver.turns}"


@pytest.mark.slow
@pytest.mark.timeout(600)
@names
def test_two_faults(driver: Driver, name: str) -> None:
    """Pairs by seed, the second soon after the first; most of them must really have struck twice."""
    both = sum(driver.pair(STORIES[name], seed) for seed in range(PAIRS))

    assert both >= PAIRS / 3


def test_a_gauge_below_zero_is_noticed(plant: Any) -> None:
    """Though the metrics show it as 0; a counter is no gauge."""
    for name in ("batches:bulk:4", "pending", "alarm:stranger-id"):
        plant.ledger.redis.hincrby("{smsq}:totals", name, -1)

    assert negative_gauges(plant.ledger) == {"batches:bulk:4": -1, "pending": -1}


def test_the_stories_lead_to_every_turn() -> None:
    """What is interesting must happen somewhere."""
    assert frozenset().union(*(story.turns for story in STORIES.values())) == turns.ALL


def test_every_fault_is_possible_somewhere() -> None:
    """Reads leave out what cannot be told apart; sends leave out nothing."""
    assert set(possible("worker1: say send")) == set(Fault)
    assert set(possible("worker1: claim")) == set(Fault) - {Fault.ARRIVES_LATE}
    assert Fault.REPLY_LOST not in possible("status1: hget ctl")
