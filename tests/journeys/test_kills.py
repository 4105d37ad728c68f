"""`kill -9` of any one process in the middle of a campaign loses and doubles nothing; the gateway keeps the count."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROWS = 4000
TROUBLES = ["--misfortune", "lose_answer=5%", "--misfortune", "error_502=1%", "--misfortune", "3:refuse=5%"]


def campaign(town: Town, rows: int = ROWS) -> Journey:
    """A campaign by the command, some of it sent."""
    journey = town.begin()
    assert journey.run_file(journey.file(rows), "--rate", "800").wait(60) == 0
    journey.adopt()
    journey.wait_until_sending()
    return journey


@pytest.mark.fault
@pytest.mark.parametrize(
    "who", ["worker --lane bulk", "worker --lane status", "worker --lane chores", "worker --lane urgent", "scheduler",
            "web", "exporter", "redis", "queues"],
)  # fmt: skip
def test_a_killed_process_costs_nothing(make_town: Callable[..., Town], who: str) -> None:
    """Any process kill -9 (a worker of each lane, scheduler, web, exporter, either private Redis): started again."""
    town = make_town(redis="private", gateway=TROUBLES, down=2)
    journey = campaign(town)

    os.kill(town.pids(who)[0], signal.SIGKILL)

    town.wait_for(town.in_force, "claims being granted", 10)
    journey.send(2)
    journey.verdict(within_s=90)


@pytest.mark.fault
def test_everything_killed_at_once_goes_on_where_it_stood(make_town: Callable[..., Town]) -> None:
    """The master kill -9: its children die with it, and a new one continues at the same home."""
    town = make_town(redis="private", gateway=TROUBLES, down=2)
    journey = campaign(town)

    assert town.up is not None
    town.up.kill()
    town.up.wait()
    town.start()

    journey.verdict(within_s=90)


@pytest.mark.fault
def test_without_callbacks_statuses_come_by_history_and_asks(make_town: Callable[..., Town]) -> None:
    """No callbacks at all (the receiver has no secret): statuses come by history and by asking."""
    town = make_town(redis="private", gateway=TROUBLES, down=2, SMSQ_CALLBACK_SECRET="")
    journey = campaign(town)

    journey.verdict(within_s=90)
