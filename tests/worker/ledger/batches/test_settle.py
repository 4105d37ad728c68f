from __future__ import annotations

from decimal import Decimal
from typing import Any

from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.status import BatchState, IdState, Status
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

PHONE = 79990000000


def alive(desk: Any, owner: str = "bulk/host/1/a") -> None:
    desk.ledger.beat(owner)


def test_an_acceptance_settles_and_is_asked_about_later(desk: Any) -> None:
    """With its share of the cost and its parts."""
    campaign, (ref,) = desk.campaign(3)
    claim = desk.claim(ref)
    assert desk.ledger.settle_accepted(claim, 2, Decimal("4.5"), 60.0) == ("settled", desk.now, 0)

    receipt = desk.views.receipt(MessageId(ref.number, 1))
    assert (receipt.status, receipt.parts, receipt.cost) == ("accepted", 2, Decimal("1.5"))
    assert receipt.gateway_id == claim.gateway_id
    assert desk.views.campaign(campaign).cost == Decimal("4.5")
    assert desk.motion() == {"asks": 1}
    assert desk.redis.zcard("{smsq}:slots:bulk") == 0


def test_cost_is_shared_by_parts(desk: Any) -> None:
    """One message of three parts costs three times one of one."""
    _, (ref,) = desk.campaign(2)
    desk.ledger.settle_accepted(desk.claim(ref), bytes([1, 3]), Decimal(4), 60.0)
    costs = [desk.views.receipt(MessageId(ref.number, place)).cost for place in (0, 1)]
    assert costs == [Decimal(1), Decimal(3)]


def test_a_refusal_settles_with_its_code(desk: Any) -> None:
    """The gateway wants none of it; nothing is asked any more."""
    ref = desk.single()
    desk.ledger.settle_refused(desk.claim(ref), 6)
    receipt = desk.views.receipt(MessageId(ref.number, 0))
    assert (receipt.status, receipt.error_code) == ("refused", 6)
    assert desk.motion() == {}


def test_a_stale_fence_changes_nothing_but_facts(desk: Any) -> None:
    """A worker that was frozen brings its acceptance when another holds the batch: merged, the claim stays."""
    _, (ref,) = desk.campaign(2)
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    second = desk.claim(ref)

    assert desk.ledger.release(first, unwritten=True) == "stale"
    assert desk.ledger.doubt(first, "no_answer", 1.0) == "stale"
    assert desk.ledger.settle_refused(first, 6)[0] == "stale"
    assert desk.state(ref) == BatchState.SENDING
    assert desk.accept(first) == "stale"
    assert desk.statuses(ref) == ["accepted"] * 2
    assert desk.state(ref) == BatchState.SENDING
    assert desk.accept(second) == "settled"


def test_an_acceptance_under_a_second_id_is_a_double_and_counted_once(desk: Any) -> None:
    """Per message; however often it is reported, under whichever of the two."""
    campaign, (ref,) = desk.campaign(2)
    first = desk.doubted(ref)
    desk.probe(ref, {first.gateway_id: [0, 1]})
    second = desk.settled(ref)
    for _ in range(5):
        for claim in (first, second):
            for phone in claim.recipients:
                desk.fact(claim.gateway_id, phone)
                desk.accept(claim)

    assert desk.totals()["doubles"] == 2
    assert desk.views.campaign(campaign).doubles == 2


def test_a_refusal_does_not_end_what_an_earlier_attempt_may_have_sent(desk: Any) -> None:
    """Not refused, not accepted: it is asked about, and refused only when the first is known to be absent."""
    ref = desk.single()
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    desk.now += 400
    second = desk.claim(ref)

    assert desk.ledger.settle_refused(second, 6)[0] == "doubtful"
    assert desk.statuses(ref) == ["doubtful"]
    assert desk.probe(ref, {first.gateway_id: [0]})[0] == "ready"
    desk.now += 61
    third = desk.claim(ref)
    assert desk.ledger.settle_refused(third, 6)[0] == "settled"
    assert desk.statuses(ref) == ["refused"]
    assert "doubles" not in desk.totals()


def test_a_refusal_is_no_proof_of_a_second_acceptance(desk: Any) -> None:
    """A callback under the first id came while the second was being refused."""
    _, (ref,) = desk.campaign(2)
    first = desk.doubted(ref)
    desk.probe(ref, {first.gateway_id: [0, 1]})
    second = desk.claim(ref)
    desk.fact(first.gateway_id, PHONE + 1, Status.ACCEPTED)
    desk.ledger.settle_refused(second, 7)

    assert desk.statuses(ref) == ["accepted", "refused"]
    assert "doubles" not in desk.totals()


def test_an_id_of_another_batch_is_an_alarm(desk: Any) -> None:
    """Nothing else."""
    one, other = desk.claim(desk.single()), desk.claim(desk.single(phone=PHONE + 1))
    stranger = type(one)(**{name: getattr(one, name) for name in one.__slots__} | {"gateway_id": other.gateway_id})
    assert desk.accept(stranger) == "foreign"
    assert desk.state(one.ref) == BatchState.SENDING
    assert desk.totals()["alarm:foreign-id"] == 1


def test_verbs_on_a_batch_that_never_was_make_nothing(desk: Any) -> None:
    """A claim from another ledger's time."""
    claim = desk.claim(desk.single())
    ghost = type(claim)(**{name: getattr(claim, name) for name in claim.__slots__} | {"ref": Ref(10**6)})
    before = set(desk.redis.keys("*"))
    words = [desk.accept(ghost), desk.ledger.release(ghost, unwritten=True), desk.ledger.doubt(ghost, "x", 1.0)]
    assert words == ["never"] * 3
    assert set(desk.redis.keys("*")) == before
    assert desk.totals()["alarm:unknown-batch"] == 3


def test_a_release_forgets_the_attempt(desk: Any) -> None:
    """It goes back to ready after the given pause; the id stays known to the roll call."""
    ref = desk.single()
    claim = desk.claim(ref)
    assert desk.ledger.release(claim, unwritten=True, delay_s=5.0) == "released"
    assert desk.view(ref).ids == []
    assert desk.redis.hexists("{smsq}:g", claim.gateway_id)
    assert desk.redis.zscore("{smsq}:ready:urgent", str(ref)) == (desk.now + 5.0) * 1000
    assert desk.ledger.release_unsaid(ref, claim.fence, claim.gateway_id) == "stale"


def test_a_release_keeps_what_was_reported_all_the_same(desk: Any) -> None:
    """The gateway said later and a callback says delivered: the callback is right for its phone."""
    _, (ref,) = desk.campaign(2)
    claim = desk.claim(ref)
    desk.fact(claim.gateway_id, PHONE + 1)
    desk.ledger.release(claim, unwritten=False)
    second = desk.claim(ref)
    assert second.recipients == [PHONE + 2]
    desk.accept(second)
    desk.fact(claim.gateway_id, PHONE + 1, Status.READ)
    assert desk.statuses(ref) == ["read", "accepted"]


def test_a_doubt_begins_the_asking(desk: Any) -> None:
    """The id stays open."""
    ref = desk.single()
    claim = desk.doubted(ref)
    assert desk.motion() == {"doubt": 1, "blind": 1}
    assert desk.view(ref).ids[0].state == IdState.OPEN
    assert desk.ledger.doubt(claim, "again", 1.0) == "stale"
    assert desk.view(ref).why == "no_answer"


def test_a_claim_expires_after_its_lease_or_when_its_owner_falls_silent(desk: Any) -> None:
    """To doubt, never to ready."""
    first, second = desk.single(), desk.single(phone=PHONE + 1)
    alive(desk)
    desk.claim(first)
    assert desk.ledger.expire(first, 1.0, 3.0) == "alive"
    desk.now += 3.1
    assert desk.ledger.expire(first, 1.0, 3.0) == "doubtful"
    desk.claim(second)
    desk.now += 45
    alive(desk)
    assert desk.ledger.expire(second, 1.0, 3.0) == "doubtful"
    assert desk.ledger.expire(second, 1.0, 3.0) == "stale"
    assert {desk.state(ref) for ref in (first, second)} == {BatchState.DOUBTFUL}
    assert desk.totals()["expired:urgent"] == 2


def test_an_answer_after_expiry_still_counts(desk: Any) -> None:
    """The worker was only slow."""
    ref = desk.single()
    claim = desk.claim(ref)
    desk.now += 46
    desk.ledger.expire(ref, 1.0, 3.0)
    assert desk.accept(claim) == "stale"
    assert (desk.state(ref), desk.statuses(ref)) == (BatchState.SETTLED, ["accepted"])
    assert desk.motion() == {"asks": 1}


def test_a_refusal_of_somebody_sends_the_absent_one_by_one(desk: Any) -> None:
    """Each alone, so that the guilty one is named; sixteen and more attempts keep their own ids."""
    _, (ref,) = desk.campaign(20)
    claim = desk.doubted(ref, alone=True)
    assert desk.probe(ref, {claim.gateway_id: range(20)})[0] == "ready"
    alone = []
    for place in range(20):
        claim = desk.claim(ref)
        assert claim.recipients == [PHONE + 1 + place]
        word = desk.ledger.settle_refused(claim, 7)[0] if place == 18 else desk.accept(claim)
        assert word == ("settled" if place == 19 else "again")
        alone.append(claim)
    for claim in alone:
        desk.fact(claim.gateway_id, claim.recipients[0])

    receipts = [desk.views.receipt(MessageId(ref.number, place)) for place in range(20)]
    assert [each.status for each in receipts].count("delivered") == 20 - 1 + (receipts[18].status == "delivered")
    assert [each.gateway_id for each in receipts] == [claim.gateway_id for claim in alone]
    assert "doubles" not in desk.totals()


def test_a_codes_text_goes_as_soon_as_it_is_settled(desk: Any) -> None:
    """A bulk message's waits for upkeep."""
    urgent, bulk = desk.single(text="code 1234"), desk.single(phone=PHONE + 1, lane="bulk")
    shard = f"{{smsq}}:b:{urgent.number // 1024}"
    assert desk.redis.hexists(shard, f"{urgent.number}t")
    desk.settled(urgent)
    desk.settled(bulk)
    assert not desk.redis.hexists(shard, f"{urgent.number}t")
    assert desk.redis.hexists(shard, f"{bulk.number}t")


def test_a_released_id_beyond_the_fifteenth_keeps_no_refusal_open(desk: Any) -> None:
    """The receipts of earlier ones share its nibble; it proves nothing, and the number that is refused is refused."""
    _, (ref,) = desk.campaign(18)
    together = desk.doubted(ref, alone=True)
    desk.probe(ref, {together.gateway_id: list(range(18))})
    for _ in range(16):
        assert desk.accept(desk.claim(ref)) == "again"
    throttled = desk.claim(ref)
    assert desk.ledger.release(throttled, unwritten=False) == "released"
    assert throttled.gateway_id not in [known.gateway_id for known in desk.view(ref).ids]

    assert desk.ledger.settle_refused(desk.claim(ref), 7)[0] == "again"
    assert desk.statuses(ref)[16:] == ["refused", "queued"]


def test_a_refusal_is_not_taken_by_a_ledger_that_may_have_fallen_back(desk: Any) -> None:
    """A copy may have forgotten a later attempt that was accepted; an acceptance counts all the same."""
    refused, accepted = desk.single(), desk.single(phone=PHONE + 1)
    claims = desk.claim(refused), desk.claim(accepted)
    desk.redis.hset("{smsq}:run", "current", "another")

    assert desk.ledger.settle_refused(claims[0], 7)[0] == "doubtful"
    assert desk.accept(claims[1]) == "settled"
    assert desk.statuses(refused) == ["doubtful"]
