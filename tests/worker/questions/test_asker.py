"""Asking about accepted messages: what an error in the answer means for everybody's next question."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.domain.batch import MessageId
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import BatchState, Status

ASK = {
    "status": lambda plant, ref: plant.asks.ask_statuses([str(ref)]),
    "history": lambda plant, ref: plant.asks.read_history(),
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
    assert plant.runtime.views.brakes().back_off_s > 590


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
def test_all_questions_back_off_after_one_too_many(make_plant: Callable[..., Any], command: str) -> None:
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
        plant.asks.ask_statuses([str(each)])
        plant.doubts.settle_doubts([str(each)])

    assert asked(plant, "status") > before
    assert plant.statuses(ref) == plant.statuses(other) == ["accepted"]
    assert plant.ledger.due("ready:urgent", 10, 1.0) == []
    assert plant.sandbox.report()["accepted"] == 2


def money_of(plant: Any, ref: Any) -> list[tuple[Decimal, int]]:
    """Cost and parts of each message of a batch."""
    batch = plant.ledger.read([ref])[0]
    found = [plant.runtime.views.receipt(MessageId(ref.number, place)) for place in range(batch.count)]
    return [(receipt.cost, receipt.parts) for receipt in found]


def lost(plant: Any, ref: Any) -> None:
    """Send a batch; the gateway accepts it and its answer does not come back."""
    plant.sandbox.misfortune("lose_answer", next_few=1, command="send")
    plant.send(ref)
    assert plant.state(ref) == BatchState.DOUBTFUL


def heard(plant: Any, ref: Any, status: Status = Status.DELIVERED) -> None:
    """A callback for each message of a batch, without its cost."""
    batch = plant.ledger.read([ref])[0]
    gateway_id = batch.ids[-1].gateway_id
    plant.ledger.advance(
        [Fact(gateway_id=gateway_id, recipient=phone, status=status, heard=True) for phone in batch.recipients]
    )


LONG = "Ж" * 100  # two parts
PRICE = Decimal("3.8")


def test_a_question_about_a_doubt_tells_what_it_cost(plant: Any) -> None:
    """Its answer was lost and no callback comes: cost and parts are the gateway's all the same."""
    ref = plant.enrol(79990000000, LONG)
    lost(plant, ref)

    plant.doubts.settle_doubts([str(ref)])

    assert money_of(plant, ref) == [(2 * PRICE, 2)]


def test_a_campaigns_lost_answer_costs_what_it_cost(make_plant: Callable[..., Any]) -> None:
    """Two messages are asked about alone, the others together; the campaign's total is the gateway's own count."""
    plant = make_plant(SMSQ_MASS_ASK_EVERY_S="0.1")
    (ref,) = plant.campaign([79990000000 + n for n in range(30)], text=LONG)
    lost(plant, ref)
    for _ in range(100):
        plant.doubts.settle_doubts([str(ref)])
        if plant.state(ref) == BatchState.SETTLED:
            break
        plant.runtime.clock.wait(0.05)

    assert money_of(plant, ref) == [(2 * PRICE, 2)] * 30
    assert plant.runtime.views.campaign(ref.campaign).cost == 60 * PRICE


@pytest.mark.parametrize("command", ASK)
@pytest.mark.parametrize("size", [1, 5])
def test_a_callback_without_cost_leaves_the_question_of_money(plant: Any, command: str, size: int) -> None:
    """The messages are final; what they cost is asked, or stands on a page of history."""
    refs = plant.campaign([79990000000 + n for n in range(size)], text=LONG)
    lost(plant, refs[0])
    heard(plant, refs[0])
    assert [cost for cost, _ in money_of(plant, refs[0])] == [0] * size

    ASK[command](plant, refs[0])

    assert money_of(plant, refs[0]) == [(2 * PRICE, 2)] * size
    assert plant.runtime.views.in_motion()["asks"] == 0


def test_money_that_is_known_is_not_asked_for(plant: Any) -> None:
    """A plain question is shorter by ten times."""
    ref = sent(plant)
    seen: list[int] = []
    ask = plant.asker.ask
    plant.asker.ask = lambda pairs, **how: seen.append(how["detail"]) or ask(pairs, **how)

    plant.asks.ask_statuses([str(ref)])
    heard(plant, ref, Status.READ)

    assert seen == [0]
    assert money_of(plant, ref) == [(PRICE, 1)]


def test_a_question_about_money_counts_when_it_was_answered(plant: Any) -> None:
    """Tries are few: those that had no permit, or no answer, are none of them."""
    ref = plant.enrol()
    lost(plant, ref)
    heard(plant, ref)
    plant.sandbox.misfortune("error_502", next_few=20, command="status")
    for _ in range(20):
        plant.asks.ask_statuses([str(ref)])
    assert plant.runtime.views.in_motion()["asks"] == 1

    plant.sandbox.clear()
    plant.runtime.clock.wait(0.2)
    plant.asks.ask_statuses([str(ref)])
    assert money_of(plant, ref) == [(PRICE, 1)]


def test_a_page_that_cannot_be_read_is_no_last_page(plant: Any) -> None:
    """The walk through history goes on from where it stood; only a page of the gateway's can end it."""
    sent(plant)
    plant.asks._page_from = 4711
    plant.sandbox.misfortune("error_502", next_few=1, command="history")

    plant.asks.read_history()
    assert plant.asks._page_from == 4711

    plant.asks.read_history()
    assert plant.asks._page_from is None
