"""Asking about accepted messages: what an error in the answer means for everybody's next question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ASK = {
    "status": lambda plant, ref: plant.asker.ask_statuses([str(ref)]),
    "history": lambda plant, ref: plant.asker.read_history(),
}


def asked(plant: Any, command: str) -> int:
    return int(plant.sandbox.report()["requests"].get(command, 0))


def sent(plant: Any, phone: int = 79990000000) -> Any:
    ref = plant.enrol(phone)
    plant.send(ref)
    return ref


@pytest.mark.parametrize("command", ASK)
def test_a_blocked_address_is_left_alone(plant: Any, command: str) -> None:
    """Going on would prolong the block: after error 4 there are neither questions nor sends."""
    ref = sent(plant)
    plant.sandbox.misfortune("blocked", command=command, next_few=1)
    other = plant.enrol(79990000001)

    for ask in (ASK[command], *ASK.values()):
        ask(plant, ref)
    plant.send(other)

    assert asked(plant, "status") + asked(plant, "history") == 1
    assert plant.sandbox.report()["requests"]["send"] == 1
    assert plant.runtime.views.brakes().rests_s > 590


def test_a_place_is_kept_for_codes(make_plant: Callable[..., Any]) -> None:
    """All but one of the places for questions are taken by a campaign's: its next one waits, a code's does not."""
    plant = make_plant(SMSQ_PARALLEL_ASKS="3")
    pair = (4711, 79991234567)
    for token in ("a", "b"):
        assert plant.ledger.take("ask", token, 2, 30.0) == 0.0

    assert plant.asker.ask([pair], patience_s=0.0) is None
    assert plant.asker.ask([pair], patience_s=0.0, is_urgent=True) is not None


def test_no_question_for_many_goes_before_a_codes_that_is_due(plant: Any) -> None:
    """It is left out until that was handed out."""
    code = plant.enrol()
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(code)
    pairs = [(4711, 79991234567), (4712, 79991234568)]
    plant.ledger.redis.zadd(plant.ledger.key("doubt:urgent"), {str(code): 1})
    assert plant.asker.ask(pairs) is None
    assert asked(plant, "status") == 0

    assert plant.ledger.due("doubt:urgent", 10, 60.0) == [code]
    assert plant.asker.ask(pairs) is not None


@pytest.mark.parametrize("command", ASK)
def test_all_questions_rest_after_one_too_many(make_plant: Callable[..., Any], command: str) -> None:
    """Error 9 to a question counts for all of them; sends are counted apart and go on."""
    plant = make_plant(SMSQ_MASS_ASK_EVERY_S="30")
    ref = sent(plant)
    plant.sandbox.misfortune("duplicate", command=command, next_few=1)

    for ask in (ASK[command], *ASK.values()):
        ask(plant, ref)

    assert asked(plant, "status") + asked(plant, "history") == 1
    assert plant.statuses(ref) == ["accepted"]
    assert plant.statuses(sent(plant, 79990000001)) == ["accepted"]


@pytest.mark.parametrize("command", ASK)
def test_everything_stops_at_the_first_refused_log_in(plant: Any, command: str) -> None:
    """Whichever command met it."""
    ref = sent(plant)
    plant.sandbox.misfortune("bad_login", command=command, next_few=1)

    for ask in (ASK[command], *ASK.values()):
        ask(plant, ref)

    assert asked(plant, "status") + asked(plant, "history") == 1
    assert plant.runtime.views.halted() == "login"


def test_what_was_found_and_shows_no_longer_stays_accepted(make_plant: Callable[..., Any]) -> None:
    """No mirror shows it any more: -3 is no evidence about what is accepted, and nothing is sent again."""
    plant = make_plant(SMSQ_MASS_ASK_EVERY_S="0.1")
    ref = sent(plant)
    plant.sandbox.misfortune("lose_answer", next_few=1)
    other = sent(plant, 79990000001)
    plant.doubts.settle_doubts([str(other)])
    assert plant.statuses(ref) == plant.statuses(other) == ["accepted"]
    before = asked(plant, "status")
    for number in range(1, len(plant.sandbox.mirrors) + 1):
        plant.sandbox.mirror(number, lag=3600.0)

    for each in (ref, other):
        plant.asker.ask_statuses([str(each)])
        plant.doubts.settle_doubts([str(each)])

    assert asked(plant, "status") > before
    assert plant.statuses(ref) == plant.statuses(other) == ["accepted"]
    assert plant.ledger.due("ready:urgent", 10, 1.0) == []
    assert plant.sandbox.report()["accepted"] == 2
