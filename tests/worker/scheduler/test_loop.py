from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.runtime import Runtime
from smsq.worker.scheduler.leader import LEASE_S, Leader
from smsq.worker.scheduler.loop import DUTIES, STANDBY_LOOK_S, Scheduler


def test_a_standby_does_nothing_and_takes_over_at_once_after_an_orderly_end(office: Any) -> None:
    """Duties run where the lease is."""
    one, two = (Scheduler(office.runtime, Leader(office.ledger, name)) for name in ("one", "two"))
    office.campaign(5)
    assert one.step() < STANDBY_LOOK_S
    assert two.step() == STANDBY_LOOK_S
    one.leader.stand_down()
    assert office.hinted("bulk")
    assert two.leader.leads(time.monotonic() + 1)


def test_a_standby_takes_over_when_the_lease_ends(office: Any) -> None:
    """The leader died without a word."""
    dead, standby = (Leader(office.ledger, name) for name in ("dead", "standby"))
    assert dead.leads(0.0)
    assert not standby.leads(0.0)
    assert 0 < office.redis.pttl("{smsq}:lead") <= LEASE_S * 1000
    office.redis.pexpire("{smsq}:lead", 1)
    time.sleep(0.005)
    assert standby.leads(1.0)
    assert not dead.leads(1.0)


def test_one_duty_in_trouble_keeps_no_other_from_its_work(office: Any) -> None:
    """On a full Redis nothing can be fed; what nobody claimed is handed out again all the same."""
    office.campaign(5)
    office.single()
    office.ahead_s = 2.5
    scheduler = Scheduler(office.runtime)
    office.redis.config_set("maxmemory", 1)
    try:
        scheduler.step()
    finally:
        office.redis.config_set("maxmemory", 0)
    assert office.hinted("bulk") == []
    assert office.ledger.due("ready:urgent", 10, 2.0) == []


def test_two_leaders_only_ask_twice(office: Any) -> None:
    """No batch is handed out twice by the feed."""
    office.campaign(20)
    one, two = (
        Scheduler(office.runtime, Leader(office.ledger, "same")),
        Scheduler(office.runtime, Leader(office.ledger, "same")),
    )
    one.step()
    two.step()
    refs = [ref for _, part in office.hinted("bulk") for ref in part]
    assert len(refs) == len(set(refs)) == 20


def test_it_runs_until_it_is_told_to_stop(office: Any) -> None:
    """And stands down, so that a standby need not wait."""
    scheduler = Scheduler(office.runtime)
    thread = threading.Thread(target=scheduler.run)
    thread.start()
    until = time.monotonic() + 5
    while not office.redis.exists("{smsq}:lead") and time.monotonic() < until:
        time.sleep(0.005)
    office.runtime.stopping.set()
    thread.join(5)
    assert not thread.is_alive()
    assert not office.redis.exists("{smsq}:lead")
    assert len(scheduler.duties) == len(DUTIES)


def test_redis_may_go_away_at_any_step_of_a_duty(office: Any) -> None:
    """It is trouble that the loop waits out, not the end of the scheduler."""
    away = Runtime(office.runtime.settings, "redis://127.0.0.1:1/0", "redis://127.0.0.1:1/1")
    for duty in DUTIES:
        with pytest.raises(LedgerTrouble):
            duty(away).tick(0.0)
