"""A budget counts what was told and what was not, and can be raised."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.domain.errors import BudgetSpent
from smsq.worker.domain.status import Status
from smsq.worker.ledger import Claim, ClaimRefusal, NoClaim

PHONE = 79990000000


def refusal(answer: Claim | NoClaim) -> ClaimRefusal | None:
    return answer.refusal if isinstance(answer, NoClaim) else None


def spent(desk: Any, budget: int = 4) -> tuple[str, list[Any]]:
    """A campaign of batches of two at 1 a part, paused once its budget lets no third one leave."""
    campaign, refs = desk.campaign(2, 2, 2, 2, budget=Decimal(budget), part_price=Decimal(1))
    for ref in refs[:2]:
        desk.accept(desk.claim(ref), "2")
    assert refusal(desk.try_claim(refs[2])) is ClaimRefusal.PAUSED
    assert [(entry.by, entry.what, entry.why) for entry in desk.views.log(campaign)][2:] == [
        ("scheduler", "pause", "budget")
    ]
    return campaign, refs


def test_a_message_whose_cost_nobody_told_counts_at_its_price(desk: Any) -> None:
    """Accepted without a cost, or found after a lost answer: it left, and it was not for nothing."""
    campaign, refs = desk.campaign(2, 2, 2, budget=Decimal(5), part_price=Decimal(1))
    desk.accept(desk.claim(refs[0]), None)
    lost = desk.doubted(refs[1])
    for phone in lost.recipients:
        desk.fact(lost.gateway_id, phone, cost=None)

    view = desk.views.campaign(campaign)
    assert (view.cost, view.unpriced, view.expected) == (0, 4, 4)
    assert refusal(desk.try_claim(refs[2])) is ClaimRefusal.PAUSED


def test_it_counts_at_its_cost_once_that_is_told(desk: Any) -> None:
    """Then the others may leave for what is saved; a later report changes nothing of it."""
    campaign, refs = desk.campaign(2, 2, 2, budget=Decimal(5), part_price=Decimal(1))
    claims = [desk.claim(ref) for ref in refs[:2]]
    for claim in claims:
        desk.accept(claim, None)
    for claim in claims:
        for phone in claim.recipients:
            desk.fact(claim.gateway_id, phone, cost=Decimal("0.5"))
            desk.fact(claim.gateway_id, phone, Status.READ, cost=None)

    view = desk.views.campaign(campaign)
    assert (view.cost, view.unpriced, view.expected) == (2, 0, 0)
    desk.claim(refs[2])


def test_what_was_refused_or_never_arrived_does_not_count(desk: Any) -> None:
    """Nothing of it was charged."""
    campaign, refs = desk.campaign(2, 2, 2, budget=Decimal(5), part_price=Decimal(1))
    desk.ledger.settle_refused(desk.claim(refs[0]), 6)
    absent = desk.doubted(refs[1])
    assert desk.views.campaign(campaign).expected == 2
    desk.probe(refs[1], {absent.gateway_id: range(2)})

    assert desk.views.campaign(campaign).expected == 0
    desk.claim(refs[2])


def test_parked_messages_count_too(desk: Any) -> None:
    """They may have been accepted; settled by hand they are taken for it, dropped they are not."""
    campaign, refs = desk.campaign(2, 2, budget=Decimal(3), part_price=Decimal(1), on_doubt="park")
    parked = desk.doubted(refs[0])
    desk.probe(refs[0], {}, asked_s=73 * 3600.0)

    assert desk.views.campaign(campaign).expected == 2
    assert refusal(desk.try_claim(refs[1])) is ClaimRefusal.PAUSED
    desk.ledger.resolve(refs[0], parked.fence, "settle")
    assert desk.views.campaign(campaign).expected == 2


def test_a_budget_is_raised_with_the_resume(desk: Any) -> None:
    """What was held goes on."""
    campaign, refs = spent(desk)

    assert desk.ledger.control(campaign, "resume", budget=Decimal(8)) == "running"
    desk.accept(desk.claim(refs[2]), "2")
    desk.accept(desk.claim(refs[3]), "2")
    assert desk.views.campaign(campaign).budget == 8


@pytest.mark.parametrize("raised", [None, Decimal("5.9")], ids=["as it is", "by too little"])
def test_a_resume_that_cannot_go_on_changes_nothing(desk: Any, raised: Decimal | None) -> None:
    """It says what is needed; the campaign stays paused under the budget it had."""
    campaign, _ = spent(desk)
    before = desk.everything()

    with pytest.raises(BudgetSpent, match=f"campaign {campaign} cannot go on: .* at least 6") as refused:
        desk.ledger.control(campaign, "resume", budget=raised)
    assert refused.value.least == 6
    assert desk.everything() == before
    assert (desk.views.campaign(campaign).state, desk.views.campaign(campaign).why) == ("paused", "budget")


def test_a_person_s_pause_ends_while_there_is_money(desk: Any) -> None:
    """And not where a budget was used up meanwhile."""
    campaign, refs = desk.campaign(1, 1, budget=Decimal(1), part_price=Decimal(1))
    desk.ledger.control(campaign, "pause", "a person said so")
    assert desk.ledger.control(campaign, "resume") == "running"
    desk.accept(desk.claim(refs[0]), "1")
    desk.ledger.control(campaign, "pause", "a person said so")

    with pytest.raises(BudgetSpent):
        desk.ledger.control(campaign, "resume")


def test_a_running_campaign_s_budget_can_be_set(desk: Any) -> None:
    """Before it is spent; never to less than what is gone, and not once it is over."""
    campaign, refs = desk.campaign(2, 2, part_price=Decimal(1))
    desk.accept(desk.claim(refs[0]), "2")
    with pytest.raises(BudgetSpent):
        desk.ledger.control(campaign, "resume", budget=Decimal(2))
    assert desk.ledger.control(campaign, "resume", budget=Decimal(3)) == "running"
    assert refusal(desk.try_claim(refs[1])) is ClaimRefusal.PAUSED

    desk.ledger.control(campaign, "cancel")
    assert desk.ledger.control(campaign, "resume", budget=Decimal(9)) == "cancelled"
    assert desk.views.campaign(campaign).budget == 3


def test_a_campaign_without_a_price_is_told_one_with_its_budget(desk: Any) -> None:
    """Otherwise nothing that is not told yet would count."""
    campaign, refs = desk.campaign(2, 2)
    desk.claim(refs[0])
    with pytest.raises(BudgetSpent):
        desk.ledger.control(campaign, "resume", budget=Decimal(2), part_price=Decimal(1))
    desk.ledger.control(campaign, "resume", budget=Decimal(3), part_price=Decimal(1))

    assert desk.views.campaign(campaign).part_price == 1
    assert refusal(desk.try_claim(refs[1])) is ClaimRefusal.PAUSED
