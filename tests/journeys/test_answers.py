"""Journeys on which the gateway answers, and misleads: errors, mirrors that lag, a control that is hidden."""

from __future__ import annotations

import time

import pytest

from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LONG_S = 3600.0  # so far behind is a mirror that shows nothing of today


def struck(town: Town, before: dict[str, int]) -> dict[str, int]:
    """Misfortunes that struck since, by kind."""
    now = town.count()["misfortunes"]
    return {kind: now[kind] - before.get(kind, 0) for kind in now if now[kind] != before.get(kind, 0)}


def lag(town: Town, seconds: float, *numbers: int) -> None:
    """Mirrors (1, 2, …; all of them where none is named) see everything so much later from now on."""
    for number in numbers or range(1, len(town.mirrors) + 1):
        town.order("mirrors", {"mirror": number, "lag": seconds})


def only_questions(town: Town) -> None:
    """No statuses are called and no history is read: what is known is known by questions."""
    town.order("callbacks", {"url": ""})
    town.order("misfortunes", {"kind": "error_500", "command": "history", "share": 1.0})


def has_no_doubts(journey: Journey) -> bool:
    return not journey.statuses()["doubtful"] and not journey.town.views.in_motion()["doubt"]


@pytest.mark.fault
@pytest.mark.parametrize(
    "kind", ["duplicate", "accepted_duplicate", "concurrent", "unknown_code", "accepted_unknown_code"]
)
def test_an_error_that_says_little(town: Town, kind: str) -> None:
    """Error 9 of both texts and codes in no table, accepted or not: unknown but for the concurrency, each goes once."""
    before = dict(town.count()["misfortunes"])
    town.order("misfortunes", {"kind": kind, "next": 3})
    journey = town.campaign(800)
    journey.send(2)

    journey.verdict(within_s=90)
    assert struck(town, before)[kind] == 3
    assert (journey.doubts() > 0) is (kind != "concurrent")


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["bad_request", "denied"])
def test_an_error_that_refuses(town: Town, kind: str) -> None:
    """Errors 1 and 6 to single messages: they end refused with the gateway's reason, their neighbours go on."""
    before = dict(town.count()["misfortunes"])
    town.order("misfortunes", {"kind": kind, "next": 2})
    journey = town.begin()
    journey.send(2)
    town.wait_for(lambda: journey.statuses()["refused"] == 2, "two refusals", 20)
    journey.campaign(300)
    journey.send(2)

    journey.verdict(refused=2)
    assert struck(town, before)[kind] == 2


@pytest.mark.fault
def test_a_mirror_lags_behind_the_others(town: Town) -> None:
    """The mirror that took it says -3, another shows it: found, none goes again."""
    town.campaign(300).verdict()
    newest = max(
        (each.at, number)
        for number, mirror in enumerate(town.mirrors, 1)
        for each in mirror.heard
        if "send" in each.path
    )[1]
    before = dict(town.count()["misfortunes"])
    began = time.monotonic()
    only_questions(town)
    lag(town, LONG_S, newest)
    town.order("misfortunes", {"kind": "lose_answer", "mirror": newest, "next": 2})
    journey = town.campaign(1000)
    town.wait_for(lambda: journey.doubts() >= 2 and has_no_doubts(journey), "the end of the doubts", 40)

    assert struck(town, before)["lose_answer"] == 2
    assert [each for each in town.mirrors[newest - 1].heard if "status" in each.path and each.at > began]
    town.clear()
    journey.verdict()


@pytest.mark.fault
def test_the_control_is_hidden(town: Town) -> None:
    """Nothing accepted, and no mirror shows the control: no absence is trusted; shown again, each is sent once."""
    town.campaign(300).verdict()
    before = dict(town.count()["misfortunes"])
    lag(town, LONG_S)
    town.order("misfortunes", {"kind": "error_502", "next": 2})
    journey = town.campaign(1000)
    town.wait_for(lambda: struck(town, before).get("error_502") == 2, "answers of no worth", 20)
    time.sleep(15.0)  # past the window, and past the double window of an older control
    doubtful = journey.statuses()["doubtful"]

    assert journey.accepted() + doubtful == 1000
    assert doubtful > 0 < town.views.in_motion()["blind"]
    lag(town, 0.0)
    journey.verdict(within_s=90)


@pytest.mark.fault
def test_questions_are_answered_badly(town: Town) -> None:
    """Questions answered by -3 before found, by -3 after, by error 9, HTML or not at all: no evidence, none again."""
    before = dict(town.count()["misfortunes"])
    only_questions(town)
    lag(town, 7.0)  # the first questions come before, the last after that
    for kind in ("hang", "duplicate", "html"):
        town.order("misfortunes", {"kind": kind, "command": "status", "next": 1})
    town.order("misfortunes", {"kind": "lose_answer", "next": 2})
    journey = town.campaign(1000)
    town.wait_for(lambda: journey.doubts() >= 2 and has_no_doubts(journey), "the end of the doubts", 60)
    assert {"hang", "duplicate", "html", "lose_answer"} <= set(struck(town, before))

    lag(town, LONG_S)
    since = time.monotonic()
    journey.send(2)  # whatever became of the campaign meanwhile, about these there is something to ask
    town.wait_for(lambda: list(town.heard("status", since)), "a question about what is accepted", 30)
    time.sleep(2.0)  # its answer, which finds nothing, has been judged by then
    found = journey.statuses()
    assert found["accepted"] + found["delivered"] == 1002
    town.clear()
    journey.verdict(within_s=90)
