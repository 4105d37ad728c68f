from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from smsq.worker.domain.batch import MessageId
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import BatchState, IdState, Status
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

PHONE = 79990000000


@pytest.mark.parametrize("order", list(permutations([Status.ACCEPTED, Status.DELIVERED, Status.READ])))
def test_reports_may_come_in_any_order(desk: Any, order: tuple[Status, ...]) -> None:
    """The furthest one stays."""
    claim = desk.settled(desk.single())
    for status in order:
        desk.fact(claim.gateway_id, PHONE, status)
    assert desk.statuses(claim.ref) == ["read"]


def test_a_report_may_come_a_hundred_times(desk: Any) -> None:
    """It moves its message once."""
    campaign, (ref,) = desk.campaign(2)
    claim = desk.settled(ref)
    moved = [desk.fact(claim.gateway_id, PHONE + 1, cost=Decimal("0.75")) for _ in range(100)]
    before = desk.everything()
    desk.fact(claim.gateway_id, PHONE + 1, cost=Decimal("0.75"))

    assert moved == [1] + [0] * 99
    assert desk.everything() == before
    assert desk.views.campaign(campaign).statuses == {"delivered": 1, "accepted": 1}


def test_the_report_says_what_it_costs(desk: Any) -> None:
    """Instead of the share of the answer, once."""
    campaign, (ref,) = desk.campaign(1)
    claim = desk.claim(ref)
    desk.accept(claim, "2")
    for _ in range(3):
        desk.fact(claim.gateway_id, PHONE + 1, cost=Decimal("3.25"), parts=2)
    receipt = desk.views.receipt(MessageId(ref.number, 0))
    assert (receipt.cost, receipt.parts) == (Decimal("3.25"), 2)
    assert desk.views.campaign(campaign).cost == Decimal("3.25")


def test_strangers_ids_are_counted_and_ignored(desk: Any) -> None:
    """The account's owner may send by other programs too."""
    assert desk.fact(123) == 0
    assert desk.totals() == {"alarm:stranger-id": 1}


@pytest.mark.parametrize("phone", [PHONE + 5, (1 << 40) + PHONE + 1, 7])
def test_a_phone_that_is_not_in_the_batch_changes_nothing(desk: Any, phone: int) -> None:
    """Not even one whose last digits look like one of ours."""
    _, (ref,) = desk.campaign(2)
    claim = desk.settled(ref)
    assert desk.fact(claim.gateway_id, phone) == 0
    assert desk.totals()["alarm:foreign-id"] == 1


def test_a_report_under_an_id_that_was_given_back_changes_nothing(desk: Any) -> None:
    """It is in the ledger, but no attempt of its batch any more: nothing left under it, so it is not ours."""
    ref = desk.single()
    released = desk.claim(ref)
    desk.ledger.release(released, unwritten=True)
    desk.claim(ref)
    assert desk.fact(released.gateway_id) == 0
    assert desk.statuses(ref) == ["sending"]
    assert desk.totals()["alarm:foreign-id"] == 1


def test_a_report_may_overtake_the_sends_answer(desk: Any) -> None:
    """It does not end the sending; the answer does."""
    ref = desk.single()
    claim = desk.claim(ref)
    desk.fact(claim.gateway_id)
    assert (desk.state(ref), desk.statuses(ref)) == (BatchState.SENDING, ["delivered"])
    assert desk.accept(claim) == "settled"
    assert desk.statuses(ref) == ["delivered"]
    assert desk.motion() == {}


def test_all_found_before_a_doubt_settles_it_at_once(desk: Any) -> None:
    """Nothing is left to ask."""
    ref = desk.single()
    claim = desk.claim(ref)
    desk.fact(claim.gateway_id)
    desk.ledger.doubt(claim, "no_answer", 1.0)
    assert desk.state(ref) == BatchState.SETTLED
    assert desk.motion() == {}


def test_a_found_phone_proves_that_phone_only(desk: Any) -> None:
    """The others stay doubtful until they are found too."""
    _, (ref,) = desk.campaign(3)
    claim = desk.doubted(ref)
    desk.fact(claim.gateway_id, PHONE + 2, Status.ACCEPTED)
    assert desk.statuses(ref) == ["doubtful", "accepted", "doubtful"]
    assert desk.motion() == {"doubt": 1}
    for phone in (1, 3):
        desk.fact(claim.gateway_id, PHONE + phone)
    assert desk.state(ref) == BatchState.SETTLED
    assert desk.motion() == {"asks": 1}


def test_a_failure_ends_a_message_only_when_no_other_attempt_may_live(desk: Any) -> None:
    """Released before absence was trusted: the first may still be delivered. After three days of silence it is not."""
    ref = desk.single()
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    second = desk.settled(ref)
    desk.fact(second.gateway_id, PHONE, Status.UNDELIVERABLE)
    assert desk.statuses(ref) == ["accepted"]
    assert desk.motion() == {"asks": 1, "watch": 1}

    desk.now += 73 * 3600
    assert not desk.ledger.watched(ref, 3600.0)
    desk.fact(second.gateway_id, PHONE, Status.UNDELIVERABLE)
    assert desk.statuses(ref) == ["undeliverable"]
    assert desk.motion() == {}


def test_a_failure_under_one_id_while_the_other_is_accepted(desk: Any) -> None:
    """The better one counts."""
    ref = desk.single()
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    second = desk.settled(ref)
    desk.fact(first.gateway_id, PHONE, Status.EXPIRED)
    assert desk.statuses(ref) == ["accepted"]
    desk.fact(second.gateway_id, PHONE, Status.DELIVERED)
    assert desk.statuses(ref) == ["delivered"]
    assert "doubles" not in desk.totals()
    assert desk.totals()["resend_doubles"] == 1  # an operator chose that risk


def test_what_was_absent_under_an_accepted_id_may_fail_under_its_own(desk: Any) -> None:
    """One of two was accepted; the other went alone and failed: it failed, nothing else of it lives."""
    _, (ref,) = desk.campaign(2)
    first = desk.doubted(ref)
    desk.fact(first.gateway_id, PHONE + 1, Status.ACCEPTED)
    assert desk.probe(ref, {first.gateway_id: [1]})[0] == "ready"
    second = desk.settled(ref)
    assert second.recipients == [PHONE + 2]
    desk.fact(second.gateway_id, PHONE + 2, Status.EXPIRED)
    desk.fact(first.gateway_id, PHONE + 1, Status.DELIVERED)
    assert desk.statuses(ref) == ["delivered", "expired"]


def test_a_late_arrival_is_counted_and_shown(desk: Any) -> None:
    """Its id was taken for absent; the fact is believed."""
    ref = desk.single()
    first = desk.doubted(ref)
    desk.probe(ref, {first.gateway_id: [0]})
    assert desk.view(ref).ids[0].state == IdState.ABSENT
    desk.fact(first.gateway_id, PHONE, Status.ACCEPTED)
    assert desk.state(ref) == BatchState.SETTLED
    assert desk.totals()["late_arrivals"] == 1
    assert desk.motion() == {"asks": 1, "watch": 1}


def test_a_held_batch_that_settles_is_held_no_longer(desk: Any) -> None:
    """Resuming does not hand out what is done."""
    campaign, (ref,) = desk.campaign(1)
    first = desk.doubted(ref)
    desk.probe(ref, {first.gateway_id: [0]})
    desk.ledger.control(campaign, "pause")
    desk.try_claim(ref)
    desk.fact(first.gateway_id, PHONE + 1, Status.ACCEPTED)
    assert desk.redis.exists(f"{{smsq}}:c:{campaign}:h") == 0
    desk.ledger.control(campaign, "resume")
    assert desk.motion() == {"asks": 1, "watch": 1}


def test_our_own_verdict_gives_way_to_a_fact(desk: Any) -> None:
    """An operator dropped it, and it was delivered."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.ledger.resolve(ref, claim.fence, "drop")
    assert desk.statuses(ref) == ["cancelled"]
    desk.fact(claim.gateway_id)
    assert desk.statuses(ref) == ["delivered"]
    assert desk.totals()["late_arrivals"] == 1


def test_a_group_of_facts_is_merged_at_once(desk: Any) -> None:
    """Several batches, several reports of one message, in one call."""
    _, refs = desk.campaign(3, 3)
    claims = [desk.settled(ref) for ref in refs]
    facts = [
        Fact(gateway_id=claim.gateway_id, recipient=phone, status=status, at=1)
        for claim in claims
        for phone in claim.recipients
        for status in (Status.ACCEPTED, Status.DELIVERED, Status.READ)
    ]
    assert desk.ledger.advance(facts) == 12
    assert [desk.statuses(ref) for ref in refs] == [["read"] * 3] * 2


def test_what_was_dropped_and_accepted_after_all_is_asked_about(desk: Any) -> None:
    """It is not final any more, so it is not forgotten either."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.ledger.resolve(ref, claim.fence, "drop")
    desk.accept(claim)
    assert desk.statuses(ref) == ["accepted"]
    assert desk.motion() == {"asks": 1, "watch": 1}
    assert desk.redis.zcard("{smsq}:ended") == 0
    desk.fact(claim.gateway_id)
    assert desk.motion() == {"watch": 1}
    assert desk.redis.zcard("{smsq}:ended") == 1
