"""Opt-outs in the ledger: the list, and batches that are screened by it before they are claimed."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import OptedOut, WrongKey
from smsq.worker.domain.optout import EVERYTHING, OptOut, Scope, plain_key
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import Claim, ClaimCall, ClaimRefusal, NoClaim, Terms
from smsq.worker.sealing import Sealer
from tests.worker.ledger.conftest import BOTH_WAYS, PHONE

pytestmark = BOTH_WAYS


def out(phone: int, scope: Scope = EVERYTHING, reason: str = "") -> OptOut:
    return OptOut(key=plain_key(phone), scope=scope, reason=reason, at=1_700_000_000.0)


def claimed_again(desk: Any, ref: Any, **options: Any) -> Claim:
    """A claim that finds the list grown has the batch screened; the next one is granted."""
    first = desk.try_claim(ref, **options)
    assert isinstance(first, NoClaim)
    assert first.refusal is ClaimRefusal.MORE
    return desk.claim(ref, **options)


def test_an_entry_is_there_once(desk: Any) -> None:
    """And keeps its date and reason; each scope has its own."""
    news = Scope(topic="news")

    assert desk.ledger.opt_out([out(PHONE, reason="first"), out(PHONE, news)]) == 2
    assert desk.ledger.opt_out([out(PHONE, reason="second")]) == 0
    assert desk.ledger.entries_of([str(PHONE)]) == [out(PHONE, reason="first"), out(PHONE, news)]
    assert desk.ledger.opt_in([out(PHONE)]) == 1
    assert desk.ledger.opt_in([out(PHONE)]) == 0
    assert list(desk.ledger.opted_out()) == [out(PHONE, news)]


def test_an_opt_out_after_enrolment_leaves_the_batch_at_the_claim(desk: Any) -> None:
    """The others go; the campaign says how many were left out."""
    campaign, (ref,) = desk.campaign(3)
    desk.ledger.opt_out([out(PHONE + 2)])

    claim = claimed_again(desk, ref)
    desk.accept(claim)

    assert claim.recipients == [PHONE + 1, PHONE + 3]
    assert desk.statuses(ref) == ["accepted", "optout", "accepted"]
    assert desk.views.campaign(campaign).statuses == {"accepted": 2, "optout": 1}
    assert desk.totals()["messages:bulk:sms:optout"] == 1


def test_a_batch_of_which_all_opted_out_is_settled(desk: Any) -> None:
    """Its campaign is over, and nothing has left."""
    campaign, (ref,) = desk.campaign(2)
    desk.ledger.opt_out([out(PHONE + 1), out(PHONE + 2)])
    assert desk.try_claim(ref).refusal is ClaimRefusal.MORE

    assert desk.try_claim(ref).refusal is ClaimRefusal.TAKEN
    assert desk.state(ref) == BatchState.SETTLED
    view = desk.views.campaign(campaign)
    assert (view.state, view.statuses) == ("done", {"optout": 2})
    assert desk.motion() == {}


def test_a_batch_is_screened_once_for_each_growth_of_the_list(desk: Any) -> None:
    """Not at all if the list has not grown since it was enrolled."""
    desk.ledger.opt_out([out(1)])
    _, (early, late) = desk.campaign(1, 1, screened=desk.ledger.screening_number())
    assert isinstance(desk.try_claim(early), Claim)

    desk.ledger.opt_out([out(2)])
    claim = claimed_again(desk, late)
    desk.ledger.release(claim, unwritten=True)
    assert isinstance(desk.try_claim(late), Claim)


def test_a_batch_that_comes_back_is_looked_at_again(desk: Any) -> None:
    """After a release, or a doubt that ended in absence."""
    _, (ref,) = desk.campaign(2)
    claim = desk.claim(ref)
    desk.ledger.opt_out([out(PHONE + 1)])
    desk.ledger.release(claim, unwritten=True)

    second = claimed_again(desk, ref)
    assert second.recipients == [PHONE + 2]
    desk.ledger.doubt(second, "no_answer", 1.0)
    desk.ledger.opt_out([out(PHONE + 2)])
    assert desk.probe(ref, {second.gateway_id: [1]})[0] == "ready"
    desk.now += 100
    assert desk.try_claim(ref).refusal is ClaimRefusal.MORE
    assert desk.statuses(ref) == ["optout", "optout"]


def test_what_may_have_been_accepted_stays_doubtful(desk: Any) -> None:
    """A person released it, so an id is open: a verdict of ours would hide the copy that may have left."""
    ref = desk.single(lane="bulk")
    claim = desk.doubted(ref)
    assert desk.ledger.resolve(ref, desk.view(ref).fence, "release", "a test") == "ready"
    desk.ledger.opt_out([out(PHONE)])

    assert desk.try_claim(ref).refusal is ClaimRefusal.MORE
    assert desk.state(ref) == BatchState.DOUBTFUL
    assert desk.statuses(ref) == ["doubtful"]

    assert desk.probe(ref, {claim.gateway_id: [0]})[0] == "ready"
    desk.now += 100
    assert desk.try_claim(ref).refusal is ClaimRefusal.MORE
    assert desk.statuses(ref) == ["optout"]


@pytest.mark.parametrize(
    ("scope", "leaves"),
    [
        (EVERYTHING, True),
        (Scope(sender="shop"), True),
        (Scope(sender="other"), False),
        (Scope(topic="news"), True),
        (Scope(topic="sales"), False),
    ],
    ids=str,
)
def test_scopes(desk: Any, scope: Scope, leaves: bool) -> None:
    """A sender is compared without case; a topic is the campaign's."""
    _, (ref,) = desk.campaign(2, options=Options(sender="SHOP"), topic="news")
    desk.ledger.opt_out([out(PHONE + 1, scope)])

    claim = claimed_again(desk, ref)

    assert claim.recipients == ([PHONE + 2] if leaves else [PHONE + 1, PHONE + 2])


def test_a_forgotten_recipient_is_known_by_its_hash(desk: Any) -> None:
    """At enrolment and at the claim; without the key nothing is said to be free to go."""
    _, (ref,) = desk.campaign(2)
    hashed = desk.ledger.forgotten_keys(PHONE + 1)[0]
    desk.ledger.opt_out([OptOut(key=hashed)])

    assert list(desk.ledger.screened([PHONE + 1, PHONE + 2], sender=None, topic="").statuses) == [0]
    sealer, desk.ledger.sealer = desk.ledger.sealer, None
    with pytest.raises(WrongKey, match="SMSQ_SECRET_KEY"):
        desk.ledger.screened([PHONE], sender=None, topic="")
    assert desk.try_claim(ref).refusal is ClaimRefusal.SEALED
    desk.ledger.sealer = sealer
    assert claimed_again(desk, ref).recipients == [PHONE + 2]


def test_a_forgotten_recipient_gets_no_single_message(desk: Any) -> None:
    """By either lane; a producer without the key leaves it to the claim."""
    desk.ledger.opt_out([OptOut(key=desk.ledger.forgotten_keys(PHONE)[0])])
    for lane in ("urgent", "bulk"):
        with pytest.raises(OptedOut):
            desk.single(lane=lane)
    sealer, desk.ledger.sealer = desk.ledger.sealer, None
    ref = desk.single(lane="bulk")
    desk.ledger.sealer = sealer
    first = desk.try_claim(ref)

    assert isinstance(first, NoClaim)
    assert first.refusal is ClaimRefusal.MORE
    assert desk.statuses(ref) == ["optout"]


def test_a_key_made_at_its_first_use_finds_the_forgotten(desk: Any) -> None:
    """A fresh process has sealed nothing yet."""
    desk.ledger.opt_out([OptOut(key=desk.ledger.forgotten_keys(PHONE)[0])])
    sealer, desk.ledger.sealer = desk.ledger.sealer, None
    desk.ledger.make_sealer = lambda: sealer

    with pytest.raises(OptedOut):
        desk.single(lane="bulk")


def test_another_secret_finds_nobody_and_says_so(desk: Any) -> None:
    """It would take everybody who was forgotten for free to go."""
    desk.ledger.opt_out([OptOut(key=desk.ledger.forgotten_keys(PHONE)[0])])
    desk.redis.hset(desk.ledger.key("stamp"), "secret", desk.ledger.sealing().names[0])
    desk.ledger.sealer = Sealer(["another secret of thirty-two letters"])

    with pytest.raises(WrongKey, match="SMSQ_SECRET_KEY"):
        desk.ledger.screened([PHONE], sender=None, topic="")


def test_one_time_codes_go(desk: Any) -> None:
    """Their persons asked for them a moment ago."""
    ref = desk.single(otp_id="abc")
    desk.ledger.opt_out([out(PHONE)])

    assert isinstance(desk.try_claim(ref), Claim)


def test_a_claim_of_the_next_batch_has_it_screened_too(desk: Any) -> None:
    """And says that there is more to claim."""
    desk.campaign(2)
    desk.ledger.opt_out([out(PHONE + 1)])
    terms = desk_terms()
    first = desk.ledger.claim_next("n1", terms, ClaimCall("w/1", 1, "bulk"))
    second = desk.ledger.claim_next("n2", terms, ClaimCall("w/1", 2, "bulk"))

    assert (first.refusal, first.left > 0) == (ClaimRefusal.MORE, True)
    assert isinstance(second, Claim)
    assert second.recipients == [PHONE + 2]


def desk_terms() -> Any:
    return Terms(
        owner="bulk/host/1/a",
        mirror="https://one",
        lease_s=45.0,
        parallel=10,
        urgent_slots=3,
        slot_kept_s=75.0,
        credentials="right",
    )
