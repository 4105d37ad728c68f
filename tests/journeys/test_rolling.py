"""Journeys on which everything is replaced while it works: by the same version, and from the version before."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.fleet import ALL, SCHEDULERS, SECRET_KEY, WORKERS, Fleet, Pace, Sender, tree_of
from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PREVIOUS = "63aa4f6afdf7f39e0f4b3031612e30f2195b2f3e"  # the last commit before campaigns got zones, opt-outs and copies
RATE = 40  # messages in a second, until everything is replaced
ROWS = 9_000


def without_processes(make_town: Callable[..., Town]) -> Town:
    """A town whose processes a fleet starts."""
    return make_town(
        start=False, think_ms=50, SMSQ_BATCH_SIZE="20", SMSQ_SECRET_KEY=SECRET_KEY, SMSQ_DOUBT_SETTLE_S="6"
    )


def hurry(town: Town, journey: Journey) -> None:
    """It was still going on, and now it may end."""
    (view,) = journey.views()
    assert view.statuses["queued"] > 0, "the campaign was over too soon"
    assert town.run("campaign", "set", view.id, "--rate", "4000").wait(60) == 0


@pytest.mark.fault
def test_everything_is_restarted_one_by_one(make_town: Callable[..., Town]) -> None:
    """Every process of two hosts and Redis restarted in turn, during a campaign and codes: 0 lost, 0 doubled."""
    town = without_processes(make_town)
    fleet = Fleet(town)
    fleet.begin()
    journey = town.campaign(ROWS, rate=RATE)
    journey.wait_until_sending(0.01, 60)
    sender, pace, began = Sender(fleet, journey, None), Pace(town), time.monotonic()
    for name in ALL:
        fleet.replace(name, None)
    assert town.server is not None
    town.server.stop()  # the ledger's and the queues' at once
    town.server.start()
    town.wait_for(town.in_force, "claims being granted again", 60)
    ended = time.monotonic()
    hurry(town, journey)
    sender.stop()
    pace.stop()
    town.record("longest time without a message while everything is restarted", pace.gap(began, ended))

    assert len(sender.sent) > 10
    journey.verdict(within_s=150)


@pytest.mark.fault
def test_everything_is_upgraded_one_by_one(make_town: Callable[..., Town], tmp_path: Path) -> None:
    """Upgrade from the release before, a step taken back, during a campaign and codes: 0 lost, 0 doubled."""
    town = without_processes(make_town)
    old = tree_of(PREVIOUS, tmp_path / "previous")
    fleet = Fleet(town, old)
    fleet.begin()
    journey = town.begin()
    path = journey.file(ROWS)
    argv = [*("campaign", "run", str(path), "--text", "Hello {name}", "--yes", "--rate", str(RATE))]
    before, town.environ = town.environ, fleet.environ(old)
    assert town.run(*argv).wait(120) == 0
    town.environ = before
    assert journey.adopt() is not None
    journey.wait_until_sending(0.01, 60)
    sender = Sender(fleet, journey, old)
    for name in SCHEDULERS:
        fleet.replace(name, None)
    for name in WORKERS[: len(WORKERS) // 2]:
        fleet.replace(name, None)
    newer = Sender(fleet, journey, None)  # one that did not wait for all workers
    fleet.replace("bulk-a", old)  # a step taken back
    fleet.replace("urgent-a", old)
    for name in ("urgent-a", "bulk-a", *WORKERS[len(WORKERS) // 2 :], "web", "exporter"):
        fleet.replace(name, None)
    sender.stop()
    journey.send(3)
    hurry(town, journey)
    newer.stop()

    assert (len(sender.sent) > 10, len(newer.sent) > 3) == (True, True)
    journey.verdict(within_s=150)
