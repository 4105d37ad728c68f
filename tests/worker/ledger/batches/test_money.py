"""Money is what the gateway said when it was asked; a call to us may fill a gap, and changes nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import redis as redis_py
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsq.worker.domain.batch import MessageId
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import Status
from tests.worker.ledger.conftest import PHONE, Desk

Step = tuple[str, int, str | None, int]  # which wire, which message, what it says of the cost, and of the status
COSTS = st.sampled_from([None, "0", "0.0001", "1.5", "1.9", "2", "3", "3.7999999999999998", "99", "399999"])
STATUSES = [Status.ACCEPTED, Status.DELIVERED, Status.READ]
QUOTED = Decimal(2)  # a part
steps = st.lists(
    st.tuples(st.sampled_from(["answer", "call", "ask", "history"]), st.integers(0, 2), COSTS, st.integers(0, 2)),
    max_size=12,
)


def units(cost: str) -> Decimal:
    return round(Decimal(cost), 4)


def may_fill(cost: str) -> bool:
    """Whether a call's cost can be true: half to all of what was quoted."""
    return QUOTED / 2 <= Decimal(cost) <= QUOTED


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps)
def test_cost_is_what_the_gateway_itself_said_last(redis: redis_py.Redis, story: list[Step]) -> None:
    """Whatever calls, answers, asks and pages come in which order; a first call may stand in until then."""
    redis.flushall()
    desk = Desk(redis)
    campaign, (ref,) = desk.campaign(3, part_price=QUOTED)
    claim = desk.doubted(ref)
    told: dict[int, Decimal] = {}
    heard: dict[int, Decimal] = {}
    for wire, place, cost, status in story:
        if wire == "answer":  # late, for all three together
            desk.accept(claim, None if cost is None else str(3 * units(cost)) if units(cost) < 1000 else None)
            if cost is not None and units(cost) < 1000:
                told |= dict.fromkeys(range(3), units(cost))
            continue
        fact = Fact(
            gateway_id=claim.gateway_id,
            recipient=claim.recipients[place],
            status=STATUSES[status],
            cost=None if cost is None else Decimal(cost),
            parts=1 if wire == "history" else 0,
            heard=wire == "call",
        )
        desk.ledger.advance([fact])
        if cost is None:
            continue
        if wire != "call":
            told[place] = units(cost)
        elif may_fill(cost):
            heard.setdefault(place, units(cost))

    receipts = [desk.views.receipt(MessageId(ref.number, place)) for place in range(3)]
    expected = [told.get(place, heard.get(place, Decimal(0))) for place in range(3)]
    assert [receipt.cost for receipt in receipts] == expected
    assert desk.views.campaign(campaign).cost == sum(expected)
    view = desk.view(ref)
    assert all(view.is_untold(place) == (place not in told) for place in range(3) if view.status(place))


def cost_of(desk: Any, ref: Any, place: int = 0) -> Decimal:
    cost: Decimal = desk.views.receipt(MessageId(ref.number, place)).cost
    return cost


@pytest.mark.parametrize("cost", ["0", "0.0001", "399999"])
def test_a_repeated_call_changes_no_campaigns_cost(desk: Any, cost: str) -> None:
    """One genuine call can be repeated with any cost, since no signature covers it."""
    campaign, (ref,) = desk.campaign(1, budget=Decimal(10), part_price=Decimal("1.5"))
    claim = desk.settled(ref)
    for _ in range(3):
        desk.call(claim.gateway_id, PHONE + 1, cost=Decimal(cost), parts=9)

    receipt = desk.views.receipt(MessageId(ref.number, 0))
    assert (receipt.status, receipt.cost, receipt.parts) == ("delivered", Decimal("1.5"), 1)
    assert desk.views.campaign(campaign).cost == Decimal("1.5")


@pytest.mark.parametrize(
    ("cost", "is_taken"),
    [("1.5", True), ("0.75", True), ("0.7", False), ("1.6", False), ("0", False), ("399999", False)],
)
def test_a_call_fills_a_gap_within_what_was_quoted(desk: Any, cost: str, is_taken: bool) -> None:
    """Half to all of it: one that is too cheap would hollow a budget out, one that is too dear would pause it."""
    campaign, (ref,) = desk.campaign(1, part_price=Decimal("1.5"))
    claim = desk.doubted(ref)
    desk.call(claim.gateway_id, PHONE + 1, cost=Decimal(cost))
    expected = Decimal(cost) if is_taken else Decimal(0)

    assert (cost_of(desk, ref), desk.views.campaign(campaign).cost) == (expected, expected)
    desk.fact(claim.gateway_id, PHONE + 1, cost=Decimal("1.45"))
    assert (cost_of(desk, ref), desk.views.campaign(campaign).cost) == (Decimal("1.45"), Decimal("1.45"))


@pytest.mark.parametrize(("cost", "is_taken"), [("3.8", True), ("100", True), ("100.01", False), ("0", False)])
def test_where_nothing_was_quoted_a_call_is_bounded_all_the_same(desk: Any, cost: str, is_taken: bool) -> None:
    """By a hundred of the account's currency a part."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.call(claim.gateway_id, cost=Decimal(cost))

    assert cost_of(desk, ref) == (Decimal(cost) if is_taken else 0)


def test_the_first_call_is_the_one_that_counts(desk: Any) -> None:
    """Until the gateway is asked."""
    ref = desk.single()
    claim = desk.doubted(ref)
    for cost in ("3.8", "90", "1"):
        desk.call(claim.gateway_id, cost=Decimal(cost))

    assert cost_of(desk, ref) == Decimal("3.8")


def test_what_was_free_stays_free(desk: Any) -> None:
    """The gateway said 0, which is not the same as nothing."""
    ref = desk.single()
    claim = desk.claim(ref)
    desk.accept(claim, "0")
    desk.call(claim.gateway_id, cost=Decimal("3.8"))

    assert (cost_of(desk, ref), desk.view(ref).untold, desk.motion()) == (0, "", {})


def test_a_final_message_is_asked_about_until_its_cost_is_told(desk: Any) -> None:
    """A callback without cost ends the message, not the question."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.call(claim.gateway_id)
    assert (desk.statuses(ref), desk.motion()) == (["delivered"], {"asks": 1})
    assert desk.redis.zcard("{smsq}:ended") == 0

    desk.fact(claim.gateway_id, cost=Decimal("3.8"), parts=2)
    receipt = desk.views.receipt(MessageId(ref.number, 0))
    assert (receipt.cost, receipt.parts, desk.motion()) == (Decimal("3.8"), 2, {})
    assert desk.redis.zcard("{smsq}:ended") == 1


def test_an_answer_without_cost_is_asked_about(desk: Any) -> None:
    """The whole batch of it."""
    _, (ref,) = desk.campaign(3)
    claim = desk.claim(ref)
    desk.accept(claim, None)
    for place in (1, 2, 3):
        desk.call(claim.gateway_id, PHONE + place)
    assert (desk.view(ref).untold, desk.motion()) == ("/111", {"asks": 1})

    for place in (1, 2, 3):
        desk.fact(claim.gateway_id, PHONE + place, cost=Decimal(1))
    assert (desk.view(ref).untold, desk.motion()) == ("/000", {})


def test_a_gateway_that_never_tells_is_not_asked_for_ever(desk: Any) -> None:
    """After some tries; then the message is kept and forgotten as every other."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.call(claim.gateway_id)
    tries = 0
    while desk.motion():
        desk.ledger.asked(ref, (5.0, 60.0))
        tries += 1
        assert tries < 20

    assert tries == 6
    assert desk.redis.zcard("{smsq}:ended") == 1


def test_what_is_not_final_is_asked_about_all_the_same(desk: Any) -> None:
    """However often its cost was not told."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.call(claim.gateway_id, status=Status.ACCEPTED)
    for _ in range(10):
        desk.ledger.asked(ref, (5.0, 60.0))

    assert desk.motion() == {"asks": 1}


def test_a_refused_message_costs_nothing_and_is_not_asked_about(desk: Any) -> None:
    """The gateway said so at once."""
    ref = desk.single()
    desk.ledger.settle_refused(desk.claim(ref), 7)

    assert (cost_of(desk, ref), desk.motion()) == (0, {})


def test_money_is_rounded_not_cut(desk: Any) -> None:
    """A float of the gateway's is the sum that it meant."""
    ref = desk.single()
    desk.fact(desk.settled(ref).gateway_id, cost=Decimal("3.7999999999999998"))

    assert cost_of(desk, ref) == Decimal("3.8")


def test_a_large_delivery_error_keeps_its_number(desk: Any) -> None:
    """A receipt has a byte for it; 255 means something else."""
    _, (ref,) = desk.campaign(2)
    claim = desk.settled(ref)
    desk.fact(claim.gateway_id, PHONE + 1, Status.UNDELIVERABLE, error_code=300)
    desk.fact(claim.gateway_id, PHONE + 2, Status.UNDELIVERABLE, error_code=255)
    first, second = (desk.views.receipt(MessageId(ref.number, place)) for place in (0, 1))
    assert (first.error_code, first.error, second.error_code) == (300, "error 300", 255)

    desk.fact(claim.gateway_id, PHONE + 1, Status.DELIVERED)
    assert desk.views.receipt(MessageId(ref.number, 0)).error_code == 0
