"""Journeys on which Redis comes back without its last writes: by a stale replica, or for want of a sync."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.proxy import Proxy
from tests.journeys.server import Server
from tests.journeys.town import Journey, Town, quiet_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

RATE = 500  # messages in a second, so that the fault falls into the middle


def recover(town: Town, journey: Journey, taken: int) -> None:
    """It is found out, nothing is sent any more, `smsq recover` tells what is missing and goes on."""
    town.wait_for(lambda: town.views.halted() == "fell", "the roll call's finding", 30)
    time.sleep(8.0)  # past every lease and window of this town
    assert journey.accepted() == taken
    assert town.run("recover", "--yes", "--json").wait(60) == 0
    said = (town.folder / "recover.log").read_text()
    told = json.loads(said[said.index("{") :])
    assert told["sends"], "nothing that was sent is missing"
    assert told["recovered"]
    town.wait_for(town.in_force, "claims being granted again", 20)
    town.smsq.campaigns.resume(journey.campaigns[0])


def settled(town: Town, journey: Journey) -> int:
    """How many the gateway has taken, once no request is under way."""
    town.wait_for(lambda: not any(town.count()["running"].values()), "the end of what was under way", 20)
    time.sleep(1.0)  # the gateway's minute here: the permit for a question of this minute is forgotten with the ledger
    return journey.accepted()


@pytest.mark.fault
def test_a_stale_replica_takes_over(make_town: Callable[..., Town], tmp_path: Path) -> None:
    """Fail-over to a replica that missed the last writes: nothing is sent until `smsq recover`, 0 lost, 0 doubled."""
    town = make_town(redis="line", think_ms=50, SMSQ_BATCH_SIZE="50")
    primary = town.server
    assert primary is not None
    assert town.redis_line is not None
    replica = Server(tmp_path / "replica", quiet_ports(1)[0])
    with Proxy(("127.0.0.1", primary.port)) as link:
        replica.options = ["--replicaof", "127.0.0.1", str(link.port)]
        replica.start()
        client = replica.client()
        town.wait_for(lambda: client.info("replication")["master_link_status"] == "up", "a replica in step", 20)
        journey = town.campaign(4000, rate=RATE)
        journey.wait_until_sending(0.1)
        link.is_frozen = True
        journey.wait_until_sending(0.4)
        primary.kill()
        taken = settled(town, journey)
        client.replicaof("NO", "ONE")
        town.server = replica  # from now on
        del town.views
        town.redis_line.lead_to(("127.0.0.1", replica.port))
        assert client.info("replication")["role"] == "master"
        client.close()

        recover(town, journey, taken)
        journey.verdict(within_s=150)


@pytest.mark.fault
def test_a_redis_that_syncs_each_second_loses_power(make_town: Callable[..., Town]) -> None:
    """Power loss of a Redis with everysec: it halts and says so, `smsq recover` lists what is gone, none doubled."""
    town = make_town(start=False, think_ms=50, SMSQ_BATCH_SIZE="50", SMSQ_ACCEPT_LOSS="1")
    assert town.server is not None
    town.server.options = ["--appendfsync", "everysec"]
    town.start()
    journey = town.campaign(4000, rate=RATE)
    journey.wait_until_sending(0.1)
    synced = town.server.size()
    journey.wait_until_sending(0.25)
    town.server.kill()
    town.server.cut_back(synced)
    taken = settled(town, journey)
    town.server.start()

    recover(town, journey, taken)
    journey.verdict(within_s=150)
