"""Journeys on which Redis is at fault: frozen, killed, cut off, slow, full, without disk, without power, restored."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smsq.worker.domain.errors import LedgerTrouble, SmsqError
from tests.journeys.server import slow_syncs
from tests.journeys.town import Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RATE = 500  # messages in a second, so that the fault falls into the middle


def in_force_again(town: Town, what: str, within_s: float) -> None:
    """Claims are granted again; how long that took is kept."""
    began = time.monotonic()
    town.wait_for(town.in_force, "claims being granted again", within_s, town.own_time)
    town.record(what, time.monotonic() - began)


def said(town: Town) -> int:
    """How many batches the journals say were on their way."""
    journals = (town.home / "journal").glob("*.log")
    return sum(line.startswith("C ") for path in journals for line in path.read_text().splitlines())


@pytest.mark.fault
def test_redis_stands_still(town: Town) -> None:
    """Redis frozen for 5 s: nobody dies of it, everything goes on by itself."""
    assert town.server is not None
    journey = town.campaign(3000, rate=RATE)
    journey.wait_until_sending()
    before = sorted(town.pids("worker"))

    town.server.freeze(5.0)

    journey.send(3)
    journey.verdict()
    assert sorted(town.pids("worker")) == before


@pytest.mark.fault
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_redis_is_restarted(town: Town, how: str) -> None:
    """Redis killed, or restarted in order, twice: the roll call clears it within seconds, then sending goes on."""
    assert town.server is not None
    journey = town.campaign(4000, rate=RATE)
    journey.wait_until_sending()
    for _ in range(2):
        getattr(town.server, how)()
        town.server.start()
        in_force_again(town, f"claims granted again after Redis was restarted ({how})", 20.0)
        time.sleep(1.5)

    journey.verdict()


@pytest.mark.fault
def test_redis_stays_away(town: Town) -> None:
    """Redis away for longer than a lease, in the middle of requests: their outcomes become doubts, none goes twice."""
    assert town.server is not None
    town.order("callbacks", {"url": ""})  # they would end a doubt before it is one
    town.strike("delay")
    journey = town.campaign(3000, rate=RATE)
    journey.wait_until_sending()
    struck = town.struck()
    town.wait_for(lambda: town.struck() > struck, "a request under way", 10)
    town.server.kill()
    time.sleep(8)
    town.server.start()

    journey.verdict()
    assert journey.doubts() > 0


@pytest.mark.fault
def test_redis_stutters(town: Town) -> None:
    """Redis stands still for a quarter of a second, 25 times in a row: slower, and nothing else."""
    assert town.server is not None
    journey = town.campaign(3000, rate=RATE)
    for _ in range(25):
        town.server.freeze(0.25)
        time.sleep(0.05)

    journey.verdict()


@pytest.mark.fault
def test_the_disk_is_slow(make_town: Callable[..., Town], tmp_path: Path) -> None:
    """Slow disk, a quarter of a second for every fsync of Redis: slower, and nothing else."""
    town = make_town(start=False, think_ms=50, SMSQ_BATCH_SIZE="50")
    assert town.server is not None
    delay, told = slow_syncs(tmp_path)
    town.server.environ |= {"LD_PRELOAD": str(delay), "JOURNEY_SLOW": str(told)}
    town.start()
    journey = town.campaign(1000)
    told.write_text("")
    journey.send(3)
    journey.wait_until_sending(0.2, 60)
    time.sleep(10.0)  # longer than a lease
    assert told.stat().st_size > 20, "hardly any fsync was slow"
    told.unlink()

    journey.verdict(within_s=90)


@pytest.mark.fault
def test_redis_is_full(town: Town) -> None:
    """Redis full: enrolment fails whole, claims stop, statuses and settling go on; with room again all of it leaves."""
    assert town.server is not None
    journey = town.campaign(3000, rate=RATE)
    journey.wait_until_sending()
    client = town.server.client()
    campaigns = len(town.views.campaigns())
    client.config_set("maxmemory", 1_000_000)
    time.sleep(1.0)
    taken = journey.accepted()
    with pytest.raises(LedgerTrouble):
        town.smsq.send(79990000001, "No room for this")
    with pytest.raises(LedgerTrouble):
        town.smsq.campaigns.enrol(_draft(town), again=True)
    time.sleep(2.0)

    assert journey.accepted() == taken < 3000
    assert len(town.views.campaigns()) == campaigns
    client.config_set("maxmemory", 0)
    client.close()
    journey.verdict()


def _draft(town: Town) -> object:
    from smsq.producers.intake.drafts import draft

    return draft(["+79990000002"], text="No room for this either")


@pytest.mark.fault
def test_the_disk_is_full(town: Town) -> None:
    """Disk full under Redis: it ends rather than promise; with space again nothing that was promised is missing."""
    assert town.server is not None
    journey = town.campaign(3000, rate=RATE)
    journey.wait_until_sending()
    town.server.limit_disk(town.server.size() + 50_000)
    town.wait_for(lambda: not town.server.is_running, "the end of a Redis without disk", 30)
    time.sleep(1.0)
    town.server.start()

    journey.verdict()


@pytest.mark.fault
def test_the_disk_of_the_workers_is_full(town: Town) -> None:
    """Disk full under the journals: nothing is sent that could not be written down, nothing is given up for it."""
    import resource

    journey = town.campaign(3000, rate=RATE)
    journey.wait_until_sending()
    pids = town.pids("worker --lane bulk")
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    time.sleep(1.0)
    stopped = journey.accepted()
    time.sleep(18.0)
    assert journey.accepted() <= stopped + 1000  # what was on its way
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    journey.verdict(within_s=90)


@pytest.mark.fault
@pytest.mark.parametrize("seed", [1, 2])
def test_the_power_fails(make_town: Callable[..., Town], seed: int) -> None:
    """Redis power loss, the append-only file cut back to its last completed fsync, five times: 0 lost, 0 doubled."""
    town = make_town(redis="line", think_ms=100, SMSQ_BATCH_SIZE="50")
    assert town.server is not None
    assert town.redis_line is not None
    chance = random.Random(seed)
    journey = town.campaign(6000, rate=800)
    journey.wait_until_sending(0.02)
    lost = 0
    for _ in range(5):
        with contextlib.suppress(SmsqError):  # whoever is told of trouble was promised nothing
            journey.send(2)
        lost += town.server.lose_power(town.redis_line, chance.uniform(0.1, 0.6))
        town.server.start()
        town.wait_for(town.in_force, "claims being granted again", 10)
        time.sleep(chance.uniform(0.3, 1.5))

    assert lost > 0
    journey.verdict(within_s=90)


@pytest.mark.fault
def test_the_line_to_redis_is_bad(make_town: Callable[..., Town]) -> None:
    """Network to Redis cut after a command, inside its reply, altogether, or silent: every script may be repeated."""
    town = make_town(redis="line", think_ms=50, SMSQ_BATCH_SIZE="50")
    assert town.redis_line is not None
    journey = town.campaign(8000, rate=700)
    journey.wait_until_sending(0.02)
    town.redis_line.cuts = 0.02
    time.sleep(4.0)
    town.redis_line.cuts = 0.0
    for _ in range(4):
        town.redis_line.cut_all()
        time.sleep(0.4)
    town.redis_line.is_frozen = True
    time.sleep(4.0)
    town.redis_line.is_frozen = False
    town.redis_line.lag_s = 0.05
    time.sleep(2.0)
    assert town.redis_line.struck > 5
    town.redis_line.clear()

    journey.verdict(within_s=90)


@pytest.mark.fault
def test_an_old_copy_is_restored(make_town: Callable[..., Town]) -> None:
    """Ledger restored from an old copy: the roll call finds it, nothing is sent; the right data back, it goes on."""
    town = make_town(think_ms=50, SMSQ_BATCH_SIZE="50")
    assert town.server is not None
    journey = town.campaign(5000, rate=RATE)
    journey.wait_until_sending(0.1)
    old, right = town.folder / "old", town.folder / "right"
    town.server.copy_to(old)
    journey.wait_until_sending(0.5)
    town.server.stop()
    town.server.copy_to(right)
    town.server.restore(old)
    town.wait_for(lambda: journey.accepted() == 50 * said(town), "what was on the wire when Redis ended", 20.0)
    taken = journey.accepted()
    town.server.start()

    began = time.monotonic()
    town.wait_for(lambda: town.views.halted() == "fell", "the roll call's finding", 20.0)
    town.record("an old copy found out", time.monotonic() - began)
    with pytest.raises(SmsqError):
        town.smsq.send(79990000003, "Not now")
    time.sleep(8.0)  # past every lease and window of this town
    assert journey.accepted() - taken <= 0

    town.server.stop()
    town.server.restore(right)
    town.server.start()
    in_force_again(town, "claims granted again with the right data", 20.0)
    journey.verdict()


@pytest.mark.fault
def test_an_old_copy_is_recovered(make_town: Callable[..., Town]) -> None:
    """Ledger restored from an old copy, no other is left: `smsq recover` takes the journals over, 0 lost, 0 doubled."""
    town = make_town(think_ms=50, SMSQ_BATCH_SIZE="50")
    assert town.server is not None
    journey = town.campaign(4000, rate=RATE)
    journey.wait_until_sending(0.1)
    old = town.folder / "old"
    town.server.copy_to(old)
    journey.wait_until_sending(0.5)
    town.server.kill()
    town.server.restore(old)
    town.server.start()
    town.wait_for(lambda: town.views.halted() == "fell", "the roll call's finding", 20.0)

    assert town.run("recover", "--yes").wait(30) == 0
    in_force_again(town, "claims granted again after smsq recover", 20.0)
    town.smsq.campaigns.resume(journey.campaigns[0])
    journey.verdict(within_s=150)
