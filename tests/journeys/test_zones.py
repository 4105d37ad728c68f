"""Sending hours in the recipients' own time on real processes: windows close and open, and processes are killed."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable

import pytest

from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 300  # of each zone
RATE, BATCH = 15, 10
MINUTE_S = 60
OPEN_S = 6 * MINUTE_S  # the window is 12:00-12:06: on a busy machine a killed worker is back after a minute or two
AHEAD_S = 15  # from the enrolment until the first window closes: too short for all rows of that zone
OPTED_OUT = 20


def zone_in_which_it_is_noon(at: int) -> str:
    """The distance from UTC at which clocks show 12:00 at this moment (Unix seconds, whole minutes)."""
    ahead = 12 * 60 - at // 60 % (24 * 60)
    return f"{'-' if ahead < 0 else '+'}{abs(ahead) // 60:02}:{abs(ahead) % 60:02}"


def until(at: float) -> None:
    """Wait for a moment of the wall clock."""
    time.sleep(max(0.0, at - time.time()))


def taken(town: Town) -> dict[int, list[float]]:
    """When the gateway accepted each phone's messages."""
    with urllib.request.urlopen(f"{town.control}/_sandbox/messages?limit=1000") as answer:
        found: dict[int, list[float]] = {}
        for each in json.load(answer)["messages"]:
            if each["is_accepted"]:
                found.setdefault(int(each["phone"].removeprefix("+")), []).append(each["at"])
    return found


def begun(town: Town, opens: dict[str, int]) -> tuple[Journey, dict[int, str]]:
    """A campaign over these zones, rows of all of them mixed; the zone of each phone."""
    journey = town.begin()
    journey.phones = town.phones(ROWS * len(opens))
    zones = [zone_in_which_it_is_noon(at) for at in opens.values()]
    rows = [
        {"phone": f"+{phone}", "name": f"P{n}", "tz": zones[n % len(zones)]} for n, phone in enumerate(journey.phones)
    ]
    view = town.smsq.campaigns.run(rows, text="Hello {name}", window="12:00-12:06", per_row={"zone": "tz"}, rate=RATE)
    journey.campaigns.append(view.id)
    return journey, {phone: list(opens)[n % len(zones)] for n, phone in enumerate(journey.phones)}


@pytest.mark.fault
def test_no_row_leaves_outside_of_its_window_whatever_is_killed(make_town: Callable[..., Town]) -> None:
    """One zone closes, another opens at that moment, a third a minute later: workers and scheduler kill -9 around each.

    By the gateway's stamps nothing leaves outside of its own window, nobody gets it twice, and every row whose window
    is long enough has left; but for those who opted out before theirs opened.
    """
    town = make_town(
        redis="private", gateway=["--misfortune", "lose_answer=3%"], SMSQ_BATCH_SIZE=str(BATCH), SMSQ_URGENT_SLOTS="1"
    )
    turn = int(time.time() + 2 * AHEAD_S) // MINUTE_S * MINUTE_S + MINUTE_S
    opens = {"closing": turn - OPEN_S, "opening": turn, "later": turn + MINUTE_S}
    until(turn - AHEAD_S)
    journey, zone_of = begun(town, opens)
    journey.wait_until_sending(0.01, 30)
    left_out = [phone for phone, zone in zone_of.items() if zone == "later"][:OPTED_OUT]
    file = town.folder / "list.csv"
    file.write_text("phone\n" + "".join(f"+{phone}\n" for phone in left_out))
    assert town.run("optout", "import", str(file), "--reason", "a test").wait(60) == 0

    for moment in (turn - 6, turn + 1, turn + MINUTE_S - 1, turn + MINUTE_S + 2):
        until(moment)
        town.kill("worker --lane bulk")
        town.kill("scheduler")

    def are_through() -> bool:
        found = taken(town)
        served = {phone for phone in found if zone_of[phone] != "closing"}
        return len(served) == 2 * ROWS - OPTED_OUT

    town.wait_for(are_through, "rows of the zones that opened", OPEN_S + MINUTE_S)
    town.smsq.campaigns.cancel(journey.campaigns[0])
    town.wait_for(journey.is_over, "the end of the campaign", 120, town.own_time)

    found, statuses, count = taken(town), journey.statuses(), town.count()
    stamps = [(phone, at) for phone, moments in found.items() for at in moments]
    outside = [
        (zone_of[phone], at - opens[zone_of[phone]])
        for phone, at in stamps
        if not 0 <= at - opens[zone_of[phone]] < OPEN_S
    ]
    assert outside == []
    assert (len(stamps), count["twice"], count["twice_by_id"]) == (len(found), 0, 0)
    assert not found.keys() & set(left_out)
    of_closing = sum(1 for phone in found if zone_of[phone] == "closing")
    assert 0 < of_closing < ROWS
    assert (statuses["optout"], statuses["cancelled"]) == (OPTED_OUT, ROWS - of_closing)
    assert sum(statuses.values()) == 3 * ROWS
