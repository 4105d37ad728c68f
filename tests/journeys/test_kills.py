"""`kill -9` of any one process in the middle of a campaign loses and doubles nothing; the gateway keeps the count."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

ROWS = 6000


def check_the_count(installation: Any, rows: int = ROWS) -> None:
    """Every row was accepted exactly once, and no limit of the gateway was broken."""
    view = installation.wait_until_over(90)
    count = installation.count()

    assert sum(view.statuses.values()) == rows
    assert (count["distinct"], count["twice"], count["twice_by_id"]) == (rows, 0, 0)
    assert count["limits_broken"] == {}
    assert view.doubles == 0


@pytest.mark.parametrize(
    "who", ["worker --lane bulk", "worker --lane status", "worker --lane chores", "worker --lane urgent", "scheduler",
            "web", "exporter", "redis"],
)  # fmt: skip
def test_a_killed_process_costs_nothing(make_installation: Callable[..., Any], who: str) -> None:
    """It is started again and the campaign goes on."""
    installation = make_installation()
    installation.start()
    installation.run_campaign(rows=ROWS)
    installation.wait_until_sending()

    pids = installation.pids(who)
    assert pids, f"no process {who}"
    os.kill(pids[0], signal.SIGKILL)

    check_the_count(installation)


def test_everything_killed_at_once_goes_on_where_it_stood(make_installation: Callable[..., Any]) -> None:
    """The supervisor is killed, its children die with it, and a new one continues at the same home."""
    installation = make_installation()
    installation.start()
    installation.run_campaign(rows=ROWS).wait()
    installation.wait_until_sending()

    os.kill(installation.up.pid, signal.SIGKILL)
    installation.up.wait()
    installation.start()

    check_the_count(installation)


def test_a_killed_producer_continues_at_its_row(make_installation: Callable[..., Any]) -> None:
    """Killed while enrolling, run again: each row goes in once."""
    installation = make_installation()
    installation.start()
    producer = installation.run_campaign(rows=60_000)
    installation.wait_for(lambda: (v := installation.campaign()) and v.rows >= 2000 and not v.closed, "first rows", 20)

    producer.kill()
    producer.wait()
    interrupted = installation.campaign()
    again = installation.run_campaign(rows=60_000)

    assert again.wait(60) == 0
    assert interrupted.id == installation.campaign().id
    assert interrupted.rows < 60_000
    check_the_count(installation, 60_000)


def test_without_callbacks_statuses_come_by_history_and_asks(make_installation: Callable[..., Any]) -> None:
    """The receiver has no secret, so it refuses; the campaign ends all the same."""
    installation = make_installation(SMSQ_CALLBACK_SECRET="")
    installation.start()
    installation.run_campaign(rows=ROWS)

    check_the_count(installation)
