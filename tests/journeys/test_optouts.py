"""An opt-out that arrives between enrolment and claim: by the gateway's own count nothing leaves after it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROWS = 6000
BATCH, AT_ONCE = 20, 10  # rows of a request, and requests under way at once
TROUBLES = ["--misfortune", "lose_answer=5%", "--misfortune", "3:refuse=5%"]


def begun(town: Town) -> Journey:
    journey = town.begin()
    journey.campaign(ROWS)
    journey.wait_until_sending(0.02, 60)
    return journey


def all_opt_out(journey: Journey) -> int:
    """Everybody opts out; what the gateway can have taken at most: requests that were claimed before are finished."""
    lines = "".join(f"+{phone}\n" for phone in journey.phones)
    file = journey.town.folder / "list.csv"
    file.write_text("phone\n" + lines)
    assert journey.town.run("optout", "import", str(file), "--reason", "a test").wait(30) == 0
    return journey.accepted() + AT_ONCE * BATCH


@pytest.mark.fault
def test_nothing_leaves_after_an_opt_out(make_town: Callable[..., Town]) -> None:
    """Everybody opts out while a campaign runs at full speed: nothing leaves afterwards, and doubts end as ever."""
    town = make_town(redis="private", gateway=TROUBLES, SMSQ_BATCH_SIZE=str(BATCH))
    journey = begun(town)

    most = all_opt_out(journey)

    town.wait_for(journey.is_over, "the end of the campaign", 90, town.own_time)
    taken = journey.accepted()
    assert 0 < taken <= most < ROWS
    journey.verdict(opted_out=ROWS - taken)


@pytest.mark.fault
@pytest.mark.parametrize("who", ["worker --lane bulk", "redis"])
def test_a_process_killed_with_the_opt_out_changes_nothing(make_town: Callable[..., Town], who: str) -> None:
    """A worker or Redis kill -9 right after everybody opted out: nothing leaves afterwards, doubts are asked about."""
    town = make_town(redis="private", gateway=TROUBLES, SMSQ_BATCH_SIZE=str(BATCH))
    journey = begun(town)
    most = all_opt_out(journey)

    os.kill(town.pids(who)[0], signal.SIGKILL)

    town.wait_for(journey.is_over, "the end of the campaign", 120, town.own_time)
    taken = journey.accepted()
    assert 0 < taken <= most < ROWS
    journey.verdict(opted_out=ROWS - taken)
