"""Journeys of codes whose sender prefers two copies to none, through a gateway that loses answers."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.town import SMSQ, Town

pytestmark = [pytest.mark.timeout(300)]


def shown(town: Town, *words: str) -> dict[str, Any]:
    """What a command prints with --json."""
    done = subprocess.run(
        [*SMSQ, *words, "--json"], cwd=town.folder, env=town.environ, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def metric(town: Town, name: str) -> float:
    """One number of the exporter's page."""
    with urllib.request.urlopen(f"http://{town.environ['SMSQ_METRICS_ADDR']}/metrics") as page:
        found = re.search(rf"^{re.escape(name)} (\S+)$", page.read().decode(), re.MULTILINE)
    assert found is not None, name
    return float(found[1])


@pytest.mark.slow
@pytest.mark.fault
def test_a_code_that_did_not_arrive_leaves_once_more(make_town: Callable[..., Town]) -> None:
    """A code's request is lost, its sender accepts two copies: a minute later it leaves again, and arrives once."""
    town = make_town()
    town.order("misfortunes", {"kind": "error_502", "next": 1, "command": "send"})
    journey = town.begin()
    journey.send(on_doubt="resend", deadline_s=60.0)

    journey.verdict()
    told = shown(town, "status", journey.singles[0])
    assert (told["status"], told["attempts"], told["may_double"]) == ("delivered", 2, True)
    assert metric(town, 'smsq_resends_total{by="sender"}') == 1
    assert metric(town, "smsq_resend_doubles_total") == metric(town, "smsq_double_accepts_total") == 0


@pytest.mark.fault
@pytest.mark.slow
def test_a_code_that_nobody_shows_arrives_twice_as_its_sender_chose(make_town: Callable[..., Town]) -> None:
    """A code is taken, its answer lost and the gateway blind to it: two copies arrive, labelled, counted apart."""
    town = make_town(gateway=("--deliver-after", "6..6.5"), SMSQ_HISTORY_EVERY_S="0")
    for mirror in (1, 2, 3):
        town.order("mirrors", {"mirror": mirror, "lag": 8.0})
    town.order("misfortunes", {"kind": "lose_answer", "next": 1, "command": "send"})
    town.chosen_twice = 1
    journey = town.begin()
    journey.send(on_doubt="resend", deadline_s=60.0)
    town.wait_for(lambda: town.views.depth().one("smsq_resend_doubles_total"), "news of both copies", 40)

    journey.verdict(chosen_twice=1)
    told = shown(town, "status", journey.singles[0])
    assert (told["status"], told["attempts"], told["may_double"]) == ("delivered", 2, True)
    assert "may be double" in told["why"]
    assert shown(town, "doubts", "show", journey.singles[0])["resent_by"] == "sender"
    assert metric(town, 'smsq_resends_total{by="sender"}') == metric(town, "smsq_resend_doubles_total") == 1
    assert metric(town, "smsq_double_accepts_total") == 0
