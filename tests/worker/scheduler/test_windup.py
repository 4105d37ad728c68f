"""What a cancelled campaign still holds ends by itself, in portions that nobody else waits for."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import BatchState, Status
from smsq.worker.ledger import ClaimRefusal, NoClaim
from smsq.worker.scheduler import windup as windup_module
from smsq.worker.scheduler.feed import Feed
from smsq.worker.scheduler.upkeep import Upkeep
from smsq.worker.scheduler.windup import WindUp

DAY_S = 86400.0


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of four batches, and rounds that follow one another at once."""
    monkeypatch.setattr(windup_module, "BATCHES", 4)
    monkeypatch.setattr(windup_module, "LOOK_S", 0.0)
    monkeypatch.setattr(windup_module, "ROUND_S", 0.0)


def states(office: Any, campaign: str) -> list[BatchState]:
    """Of all its batches, in row order."""
    return [BatchState(batch.state) for batch in office.ledger.read(office.views.batch_refs(campaign))]


def test_a_cancelled_campaign_is_wound_up_and_forgotten(office: Any) -> None:
    """What was never handed out ends as cancelled; the campaign is over, then gone with all its keys."""
    before = set(office.redis.keys("*"))
    campaign = office.campaign(20)
    office.ledger.feed(campaign, 3, 100)
    office.ledger.control(campaign, "cancel")
    WindUp(office.runtime).tick(office.now)

    view = office.views.campaign(campaign)
    assert (view.state, view.statuses, view.is_over) == ("cancelled", {"cancelled": 20}, True)
    assert [row.status for row in office.views.report(campaign)] == ["cancelled"] * 20
    assert office.views.in_motion()["ready:bulk"] == 0
    assert office.views.depth().shown["smsq_batches"]["bulk", "settled"] == 20
    assert office.views.depth().shown["smsq_messages_total"]["bulk", "sms", "cancelled"] == 20
    upkeep = Upkeep(office.runtime)
    upkeep.tick(office.now)
    upkeep.tick(office.now + 4 * DAY_S + 1)
    assert office.views.campaign(campaign) is None
    left = set(office.redis.keys("*")) - before
    assert {key.decode().split(":")[1] for key in left} <= {"totals", "n"}


@pytest.mark.usefixtures("small")
def test_a_portion_is_small_and_what_was_handed_out_goes_first(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it stands in front of no other campaign's."""
    monkeypatch.setattr("smsq.worker.ledger.campaigns.feeding.HANDED_OUT", 4)
    campaign = office.campaign(20)
    office.ledger.feed(campaign, 10, 100)
    for ref in office.views.batch_refs(campaign)[:6]:
        office.settled(ref)
    office.ledger.control(campaign, "cancel")
    duty = WindUp(office.runtime)
    assert office.views.in_motion()["ready:bulk"] == 4

    duty.tick(office.now)
    assert office.views.in_motion()["ready:bulk"] == 0
    ended = []
    for _ in range(4):
        ended.append(office.views.campaign(campaign).statuses.get("cancelled", 0))
        duty.tick(office.now)
    assert ended == [4, 8, 12, 14]


@pytest.mark.usefixtures("small")
def test_several_cancelled_campaigns_take_turns(office: Any) -> None:
    """One portion in a tick, however many they are."""
    one, two = office.campaign(8), office.campaign(8)
    for campaign in (one, two):
        office.ledger.control(campaign, "cancel")
    duty, seen = WindUp(office.runtime), []
    for _ in range(2):
        duty.tick(office.now)
        seen.append([office.views.campaign(each).statuses.get("cancelled", 0) for each in (one, two)])

    assert [sum(each) for each in seen] == [4, 8]
    assert seen[1] == [4, 4]


def test_what_is_held_is_no_worker_s_business(office: Any) -> None:
    """A cancel of a paused campaign hands nothing out: no claim is spent on it."""
    campaign = office.campaign(3)
    refs = office.ledger.feed(campaign, 3, 100)[0]
    office.ledger.control(campaign, "pause")
    assert all(isinstance(office.try_claim(ref), NoClaim) for ref in refs)
    office.ledger.control(campaign, "cancel")

    assert office.views.in_motion()["ready:bulk"] == 0
    Feed(office.runtime).tick(office.now)
    assert office.hinted("bulk") == []
    WindUp(office.runtime).tick(office.now)
    assert office.views.campaign(campaign).is_over
    assert not office.redis.exists(office.ledger.keys.campaign(campaign, "h"))


@pytest.mark.usefixtures("small")
def test_what_may_have_left_is_asked_about_first(office: Any) -> None:
    """Released by a person while its first attempt may live, then cancelled: nothing is written over it."""
    campaign = office.campaign(2)
    ref, other = office.ledger.feed(campaign, 2, 100)[0]
    claim = office.claim(ref)
    office.ledger.doubt(claim, "no_answer", 1.0)
    office.ledger.resolve(ref, claim.fence, "release")
    office.ledger.control(campaign, "cancel")
    WindUp(office.runtime).tick(office.now)

    assert states(office, campaign) == [BatchState.DOUBTFUL, BatchState.SETTLED]
    office.ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=claim.recipients[0], status=Status.DELIVERED)])
    assert office.views.campaign(campaign).statuses == {"delivered": 1, "cancelled": 1}
    assert isinstance(office.try_claim(other), NoClaim)


def test_what_a_journal_told_of_is_asked_about_first(office: Any) -> None:
    """It left before the ledger fell back, and was enrolled again."""
    campaign = office.campaign(2, digest="d1")
    known = office.views.batch_refs(campaign)[0]
    office.redis.hset("{smsq}:stubs", "d1/1/100", "1500000000 https://one\n")
    office.ledger.control(campaign, "cancel")
    WindUp(office.runtime).tick(office.now)

    assert states(office, campaign) == [BatchState.DOUBTFUL, BatchState.SETTLED]
    assert [i.gateway_id for i in office.ledger.read([known])[0].ids] == [1500000000]


def test_nothing_ends_while_the_run_is_not_in_force(office: Any) -> None:
    """The ledger may have forgotten that it was sent."""
    campaign = office.campaign(2)
    office.ledger.control(campaign, "cancel")
    office.redis.hset("{smsq}:run", "current", "an earlier life")
    WindUp(office.runtime).tick(office.now)

    assert states(office, campaign) == [BatchState.READY] * 2


def test_a_campaign_that_is_not_cancelled_is_left_alone(office: Any) -> None:
    """Whoever asks for it."""
    campaign = office.campaign(2)
    assert office.ledger.wind_up(campaign, 10, 10) == 0
    assert office.ledger.wind_up("nope", 10, 10) == 0
    assert states(office, campaign) == [BatchState.READY] * 2


@pytest.mark.usefixtures("small")
def test_what_comes_back_later_ends_too(office: Any) -> None:
    """A request that was on its way at the cancel and was given back unwritten, with no worker left to look at it."""
    campaign = office.campaign(6)
    (ref,) = office.ledger.feed(campaign, 1, 100)[0]
    claim = office.claim(ref)
    office.ledger.control(campaign, "cancel")
    duty = WindUp(office.runtime)
    for _ in range(3):
        duty.tick(office.now)
    assert office.views.campaign(campaign).statuses == {"sending": 1, "cancelled": 5}
    office.ledger.release(claim, unwritten=True)
    for _ in range(3):
        duty.tick(office.now)

    assert office.views.campaign(campaign).statuses == {"cancelled": 6}
    assert office.views.campaign(campaign).is_over


@pytest.mark.usefixtures("small")
def test_the_others_are_fed_meanwhile(office: Any) -> None:
    """A large one that was cancelled takes neither their room nor their hints."""
    cancelled, going = office.campaign(300), office.campaign(300)
    feed, duty = Feed(office.runtime), WindUp(office.runtime)
    feed.tick(office.now)
    office.hinted("bulk")
    office.ledger.control(cancelled, "cancel")
    for _ in range(40):
        duty.tick(office.now)
        feed.tick(office.now)
        for _, refs in office.hinted("bulk"):
            for ref in refs:
                assert Ref.parse(ref).campaign == going
                office.settled(Ref.parse(ref))

    assert office.views.campaign(going).fed > 200


def test_a_claim_of_a_cancelled_batch_ends_it(office: Any) -> None:
    """Where a worker comes first."""
    campaign = office.campaign(1)
    (ref,) = office.ledger.feed(campaign, 1, 100)[0]
    office.ledger.control(campaign, "cancel")
    refused = office.try_claim(ref)

    assert isinstance(refused, NoClaim)
    assert refused.refusal is ClaimRefusal.SETTLED
    assert office.views.campaign(campaign).is_over
