"""Sending again: by the gateway's count a retry reaches those that failed, and `kill -9` loses and doubles nothing."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.town import OURS, Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FAILED = ("expired", "undeliverable")


def command(town: Town, *words: str) -> subprocess.CompletedProcess[str]:
    """An operator's command, run to its end."""
    return subprocess.run(
        [*OURS, "campaign", *words], cwd=town.folder, env=town.environ, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def wait_over(town: Town, campaign_id: str) -> None:
    def is_over() -> bool:
        view = town.views.campaign(campaign_id)
        return view is not None and view.is_over

    town.wait_for(is_over, f"the end of campaign {campaign_id}", 120, town.own_time)


def taken(town: Town, before: dict[str, Any]) -> dict[str, int]:
    count = town.count()
    return {name: count[name] - before[name] for name in ("accepted", "distinct", "twice", "twice_by_id")}


def failed_phones(town: Town, campaign_id: str) -> set[str]:
    return {each.phone for each in town.smsq.campaigns.report(campaign_id) if each.status in FAILED}


def test_a_retry_reaches_exactly_those_that_failed(make_town: Callable[..., Town]) -> None:
    """Run twice it adds nothing; a retry of the retry reaches those that failed again."""
    town = make_town(redis="private", gateway=["--undeliverable", "8%", "--expire", "4%"])
    journey = town.begin()
    origin = journey.campaign(3000)
    wait_over(town, origin)
    failed, before = failed_phones(town, origin), town.count()
    first = command(town, "retry", origin, "--yes", "--follow", "--json")
    retried = json.loads(first.stdout)
    second = command(town, "retry", origin, "--yes", "--json")

    assert 100 < len(failed) < 1000
    assert (retried["origin"], retried["rows"], first.returncode) == (origin, len(failed), 5)
    assert {each.phone for each in town.smsq.campaigns.report(retried["id"])} == failed
    assert (second.returncode, second.stdout) == (2, "")
    assert "nothing is added" in second.stderr
    many = len(failed)
    assert taken(town, before) == {"accepted": many, "distinct": 0, "twice": many, "twice_by_id": 0}

    again, before = failed_phones(town, retried["id"]), town.count()
    third = json.loads(command(town, "retry", retried["id"], "--yes", "--follow", "--json").stdout)
    town.chosen_twice = town.count()["twice"]
    assert (third["origin"], third["rows"]) == (retried["id"], len(again))
    assert taken(town, before)["accepted"] == len(again)


def unsent(town: Town, journey: Journey, rows: int) -> str:
    """A campaign of so many rows that was cancelled before it began."""
    origin = journey.campaign(rows, at="2099-01-01T09:00+00:00")
    assert command(town, "cancel", origin, "--yes").returncode == 0
    wait_over(town, origin)
    return origin


@pytest.mark.fault
def test_a_killed_retry_goes_on_with_every_row_exactly_once(make_town: Callable[..., Town]) -> None:
    """A retry, its enrolling process kill -9 at three random rows, run again: the gateway counts every row once."""
    rows, chance = 12_000, random.Random()
    town = make_town(redis="private", SMSQ_BATCH_SIZE="50")
    journey = town.begin()
    origin = unsent(town, journey, rows)
    before, killed_at = town.count(), []
    for _ in range(3):
        so_far = killed_at[-1] if killed_at else 0
        target = so_far + chance.randrange(1, max(2, (rows - so_far) // 3))
        process = town.run("campaign", "retry", origin, "--unsent", "--yes")
        while process.poll() is None:
            view = next((each for each in town.views.campaigns() if each.origin == origin), None)
            if view is not None and view.rows >= target:
                process.kill()
                break
        process.wait()
        killed_at.append(next(each.rows for each in town.views.campaigns() if each.origin == origin))
    last = command(town, "retry", origin, "--unsent", "--yes", "--json")
    retried = json.loads(last.stdout)["id"]
    wait_over(town, retried)
    after = command(town, "retry", origin, "--unsent", "--yes")

    assert (last.returncode, json.loads(last.stdout)["rows"]) == (0, rows), last.stderr
    assert killed_at[0] < rows, killed_at
    assert [each.origin for each in town.views.campaigns()] == [origin, ""]
    assert "nothing is added" in after.stderr
    assert taken(town, before) == {"accepted": rows, "distinct": rows, "twice": 0, "twice_by_id": 0}
    assert town.order("missing", [str(phone) for phone in journey.phones])["count"] == 0
