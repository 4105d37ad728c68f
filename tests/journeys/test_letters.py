"""Journeys of letters: messages leave over SMTP, and only questions tell what became of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.town import Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.fault
def test_a_worker_dies_between_a_letters_last_line_and_its_settling(make_town: Callable[..., Town]) -> None:
    """A worker kill -9 after a letter's last line, before its answer: asked about, never sent again."""
    town = make_town(letters=True)
    town.order("misfortunes", {"kind": "hang", "command": "letter", "next": 5})
    journey = town.begin()
    journey.send(5)
    town.wait_for(lambda: journey.accepted() == 5, "the letters at the gateway", 30)

    town.kill("worker --lane urgent")

    journey.verdict()
    assert town.count()["letters"] - journey.before["letters"] == 5


@pytest.mark.fault
def test_a_campaign_of_letters_with_answers_that_get_lost(make_town: Callable[..., Town]) -> None:
    """A mail server that drops the connection after a letter, or takes it and says no: asked about, none sent again."""
    town = make_town(letters=True)
    for kind in ("lose_answer", "accepted_451", "letter_held"):
        town.order("misfortunes", {"kind": kind, "command": "letter", "share": 0.1})

    journey = town.campaign(600)

    journey.verdict(within_s=120)


@pytest.mark.fault
def test_letters_that_arrive_after_everybody_gave_them_up(make_town: Callable[..., Town]) -> None:
    """A mail server's queue that is slower than the window: parked, found when it arrives, never sent again."""
    town = make_town(letters=True)
    journey = town.begin()
    journey.send(2)
    town.wait_for(lambda: journey.accepted() == 2, "a control", 30)
    town.order("misfortunes", {"kind": "letter_held", "command": "letter", "next": 3, "seconds": 25})

    journey.send(3)

    town.wait_for(lambda: journey.statuses()["parked"] == 3, "parked letters", 60)
    town.wait_for(lambda: journey.accepted() == 5, "the letters at the gateway", 60)
    town.wait_for(lambda: not journey.statuses()["parked"], "what was parked being found", 60)
    journey.verdict(within_s=120)
