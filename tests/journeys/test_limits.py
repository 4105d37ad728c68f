"""Orders that take hold while a campaign runs at full speed, by the gateway's count: pause, cancel, another rate."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROWS, BATCH, AT_ONCE = 60_000, 20, 10
QUIET_S = 2.0  # nothing more may come in it
OBEYED_S = 2.0  # from an order until its rate holds; then what leaves in a stretch of time is counted
LOOK_S = 0.05


def last_accepted_s(town: Town, journey: Journey, since: float) -> float:
    """When the gateway accepted the last message before it was quiet for `QUIET_S`, in seconds from `since`."""
    many, at = journey.accepted(), time.monotonic()
    while time.monotonic() - at < QUIET_S:
        time.sleep(LOOK_S)
        if (now := journey.accepted()) != many:
            many, at = now, time.monotonic()
            assert at - since < 30, "it goes on"
    return at - since


def at_full_speed(town: Town) -> Journey:
    journey = town.begin()
    journey.campaign(ROWS)
    journey.wait_until_sending(0.01, 90)
    return journey


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_pause_and_cancel_take_hold_at_once(make_town: Callable[..., Town], verb: str) -> None:
    """At most what was claimed when the order was written is still finished."""
    town = make_town(redis="private", SMSQ_BATCH_SIZE=str(BATCH))
    journey = at_full_speed(town)
    campaign = journey.campaigns[0]
    getattr(town.smsq.campaigns, verb)(campaign)
    ordered = time.monotonic()
    before = journey.accepted()
    took_s = last_accepted_s(town, journey, ordered)
    after = journey.accepted()
    town.record(f"{verb} at full speed, until the gateway's last message", took_s)

    assert after < ROWS
    assert after - before <= AT_ONCE * BATCH
    view = town.smsq.campaigns.show(campaign)
    assert view.state == {"pause": "paused", "cancel": "cancelled"}[verb]
    town.smsq.campaigns.cancel(campaign)
    town.wait_for(journey.is_over, "the end of the campaign", 120, town.own_time)
    assert journey.accepted() == after


def test_a_rate_that_is_changed_holds(make_town: Callable[..., Town]) -> None:
    """Faster and slower: never more than the rate and a batch, and the other campaign is not slowed by it."""
    town = make_town(redis="private", SMSQ_BATCH_SIZE=str(BATCH), SMSQ_RATE="2000")
    journey = at_full_speed(town)
    smsq, campaign = town.smsq, journey.campaigns[0]
    for rate in (100.0, 400.0):
        smsq.campaigns.set(campaign, rate=rate)
        time.sleep(OBEYED_S)
        before, began = journey.accepted(), time.monotonic()
        time.sleep(6.0)
        left, took_s = journey.accepted() - before, time.monotonic() - began
        town.record(f"rate {rate:g}, parts a second of it", left / took_s)
        assert left <= rate * took_s + 2 * BATCH
    smsq.limits.set_rate(100)
    smsq.campaigns.set(campaign, rate=None)
    time.sleep(OBEYED_S)
    before, began = journey.accepted(), time.monotonic()
    time.sleep(5.0)
    assert journey.accepted() - before <= 100 * (time.monotonic() - began) + 2 * BATCH
    smsq.campaigns.cancel(campaign)
    town.wait_for(journey.is_over, "the end of the campaign", 120, town.own_time)
