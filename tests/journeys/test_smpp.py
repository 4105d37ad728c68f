"""Journeys over SMPP: the gateway's own count after kills, freezes, lost responses, cut sessions and throttling."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LONG = "Hello {name}, " + "this text has more than one part, " * 8  # 286 characters: two parts
CYRILLIC = "Привет, {name}! " + "В этом тексте больше одной части. " * 3
MakeTown = Callable[..., Town]


def smpp_town(make_town: MakeTown, *gateway: str, think_ms: int = 20, **how: Any) -> Town:
    """A town whose messages leave over SMPP, by two hosts that take as many as come."""
    return make_town(smpp={"smpp_rate": 0, **how.pop("smpp", {})}, gateway=gateway, think_ms=think_ms, **how)


def begun(town: Town) -> Journey:
    """A journey with two messages that are accepted: absence is believed only beside one that history shows."""
    journey = town.begin()
    journey.send(2)
    town.wait_for(lambda: journey.accepted() == 2, "the first messages", 60)
    return journey


@pytest.mark.fault
def test_nothing_goes_wrong_over_smpp(make_town: MakeTown) -> None:
    """SMPP, nothing wrong: short, long and Cyrillic texts and single messages, each once, each delivered."""
    town = smpp_town(make_town)
    journey = begun(town)
    journey.campaign(500)
    journey.campaign(100, text=LONG)
    journey.campaign(100, text=CYRILLIC)
    journey.send(5)

    count = journey.verdict()
    assert count["requests"].get("send", 0) == 0
    assert count["smpp"]["receipts"]["taken"] > 0


@pytest.mark.fault
@pytest.mark.parametrize("lane", ["bulk", "urgent"])
def test_a_worker_is_killed_with_submits_on_the_wire(make_town: MakeTown, lane: str) -> None:
    """SMPP, worker kill -9 with submits on the wire: asked about by their comment, and sent again only if absent."""
    town = smpp_town(make_town, think_ms=200)
    journey = begun(town)
    journey.campaign(800)
    chance = random.Random(1)
    for _ in range(3):
        journey.send(20)
        journey.wait_until_sending(0.01, 90)
        town.kill_one(lane, chance)
        time.sleep(1)

    journey.verdict(within_s=120)


@pytest.mark.fault
def test_everything_is_killed_over_smpp(make_town: MakeTown) -> None:
    """SMPP, the master kill -9 and all with it: a new one continues at the same home."""
    town = smpp_town(make_town, think_ms=100, redis="private")
    journey = begun(town)
    journey.campaign(600, text=LONG)
    journey.wait_until_sending(seconds=90)

    assert town.up is not None
    town.up.kill()
    town.up.wait()
    town.start()

    journey.verdict(within_s=120)


@pytest.mark.fault
@pytest.mark.parametrize("seconds", [2.0, 9.0], ids=["shorter than its lease", "longer than its lease"])
def test_a_worker_is_frozen_with_submits_on_the_wire(make_town: MakeTown, seconds: float) -> None:
    """SMPP, worker SIGSTOP with submits on the wire, thawed before and after its lease: nothing of it leaves twice."""
    town = smpp_town(make_town, think_ms=100)
    journey = begun(town)
    journey.campaign(800)
    journey.wait_until_sending(seconds=90)
    frozen = town.pids("worker --lane bulk")
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    journey.send(3)

    journey.verdict(within_s=120)


@pytest.mark.fault
@pytest.mark.parametrize(
    "kind",
    ["hang", "swallow", "lose_answer", "reset", "close", "garbage", "accepted_system_error", "accepted_unknown_code",
     "late", "slow"],
)  # fmt: skip
def test_a_response_is_lost(make_town: MakeTown, kind: str) -> None:
    """SMPP, no response, a late or a damaged one, the session cut before or after it: asked about by the comment."""
    town = smpp_town(make_town)
    journey = begun(town)
    town.order("misfortunes", {"kind": kind, "command": "submit", "next": 4, "seconds": 1.0})
    journey.campaign(300)
    journey.campaign(50, text=LONG)
    journey.send(3)

    count = journey.verdict(within_s=120)
    assert count["misfortunes"][kind] == 4


@pytest.mark.fault
def test_responses_are_lost_all_the_time(make_town: MakeTown) -> None:
    """SMPP, one response in fifty lost in some way: each message found by its comment, or absent and sent again."""
    town = smpp_town(make_town)
    journey = begun(town)
    for kind in ("hang", "lose_answer", "accepted_system_error", "close"):
        town.order("misfortunes", {"kind": kind, "command": "submit", "share": 0.005})
    journey.campaign(800)
    journey.send(10)
    town.wait_for(lambda: journey.accepted() >= 600, "most of it", 90)
    town.order("misfortunes", {"clear": True})

    journey.verdict(within_s=150)


@pytest.mark.fault
@pytest.mark.parametrize("ids", [True, False], ids=["an id for each part", "one id for all parts"])
def test_a_session_is_cut_between_parts(make_town: MakeTown, ids: bool) -> None:
    """SMPP, session cut between the parts of a message: doubtful until found absent, then sent again as a whole."""
    town = smpp_town(make_town, smpp={"smpp_part_ids": ids})
    journey = begun(town)
    town.order("misfortunes", {"kind": "cut_between_parts", "next": 4})
    journey.campaign(100, text=LONG)
    journey.campaign(100, text=CYRILLIC)

    count = journey.verdict(within_s=120)
    assert count["misfortunes"]["cut_between_parts"] == 4


@pytest.mark.fault
def test_a_storm_of_throttling(make_town: MakeTown) -> None:
    """SMPP, a throttle storm and then a limit of 100 a second: it slows down and gets all of it through, once."""
    town = smpp_town(make_town, smpp={"smpp_rate": 100})
    journey = begun(town)
    town.order("misfortunes", {"kind": "throttled", "share": 1.0})
    journey.campaign(500)
    journey.send(5)
    town.wait_for(lambda: town.count()["misfortunes"].get("throttled", 0) >= 20, "a storm", 60)
    town.order("misfortunes", {"kind": "throttled", "share": 0.3})
    journey.wait_until_sending(0.3, 90)
    town.order("misfortunes", {"clear": True})

    journey.verdict(within_s=150)


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["early_callback", "receipts_twice"])
def test_receipts_come_before_responses_or_twice(make_town: MakeTown, kind: str) -> None:
    """SMPP, receipts before responses, or twice: each finds its message by its second name."""
    town = smpp_town(make_town)
    journey = begun(town)
    town.order("misfortunes", {"kind": kind, "command": "submit", "share": 1.0, "seconds": 0.3})
    journey.campaign(300)
    journey.campaign(50, text=LONG)
    journey.send(3)

    journey.verdict(within_s=120)


@pytest.mark.fault
def test_receipts_never_come(make_town: MakeTown) -> None:
    """SMPP, receipts never: statuses come by history and by asking."""
    town = smpp_town(make_town)
    journey = begun(town)
    town.order("misfortunes", {"kind": "receipts_lost", "share": 1.0})
    journey.campaign(300)
    journey.send(3)

    journey.verdict(within_s=150)


@pytest.mark.fault
def test_the_main_host_goes_down(make_town: MakeTown) -> None:
    """SMPP, main host down, then the backup instead, then both for a while: all leaves once."""
    town = smpp_town(make_town)
    journey = begun(town)
    town.order("mirrors", {"smpp": 1, "down": True})
    journey.campaign(1200, rate=300)
    journey.wait_until_sending(0.1, 90)
    town.order("mirrors", {"smpp": 1, "down": False})
    town.order("mirrors", {"smpp": 2, "down": True})
    journey.wait_until_sending(0.4, 90)
    town.order("mirrors", {"smpp": 1, "down": True})
    time.sleep(3)
    town.order("mirrors", {"smpp": 1, "down": False})
    journey.send(3)

    journey.verdict(within_s=120)


@pytest.mark.fault
def test_binds_are_refused(make_town: MakeTown) -> None:
    """SMPP, binds refused, answered late or not at all: tried again with growing waits, nothing lost."""
    town = smpp_town(make_town)
    journey = begun(town)
    for kind in ("refuse_bind", "hang", "slow"):
        town.order("misfortunes", {"kind": kind, "command": "bind", "share": 0.4, "seconds": 0.5})
    town.order("misfortunes", {"kind": "lose_answer", "command": "submit", "share": 0.01})
    journey.campaign(300)
    time.sleep(5)
    town.order("misfortunes", {"clear": True})
    journey.send(3)

    journey.verdict(within_s=120)


@pytest.mark.fault
def test_the_account_shows_no_comments(make_town: MakeTown) -> None:
    """SMPP, the account shows no comments: what is doubtful is parked, and never sent again."""
    town = smpp_town(make_town, smpp={"shows_comments": False})
    journey = begun(town)
    town.order("misfortunes", {"kind": "hang", "command": "submit", "next": 1})
    journey.send(1)
    journey.campaign(300)

    def is_parked() -> bool:
        found = journey.statuses()
        return found["parked"] >= 1 and found["parked"] + found["delivered"] == 303

    town.wait_for(is_parked, "the doubt's end", 180)
    count = town.count()
    assert count["twice"] == 0
    assert count["smpp"]["submits"] <= 303  # what was never written is parked too
