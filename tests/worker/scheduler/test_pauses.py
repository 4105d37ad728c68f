"""Campaigns are paused by themselves, and go on by themselves only if that was asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.recurrence import Recurrence, Series
from smsq.worker.domain.status import Status
from smsq.worker.ledger.views import CampaignView
from smsq.worker.scheduler.money import Money
from smsq.worker.scheduler.pauses import Pauses

LEAST = 20  # final messages that a share is of, by the office's settings


@pytest.fixture
def pauses(office: Any) -> Pauses:
    found = Pauses(office.runtime)
    found.tick(office.now)
    return found


def ended(office: Any, campaign: str, many: int, status: Status) -> None:
    """So many more messages of a campaign leave and end like that."""
    refs: list[Ref] = office.ledger.feed(campaign, many, 100)[0]
    assert len(refs) == many
    for ref in refs:
        if status is Status.REFUSED:
            office.ledger.settle_refused(office.claim(ref), 6)
            continue
        claim = office.settled(ref)
        told = {"status": status, "cost": Decimal(1), "at": int(office.now)}
        office.ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=claim.recipients[0], **told)])


def view(office: Any, campaign: str) -> CampaignView:
    found = office.views.campaign(campaign)
    assert found is not None
    return found


@pytest.mark.parametrize("status", [Status.UNDELIVERABLE, Status.EXPIRED, Status.REFUSED])
def test_a_sudden_rise_of_failures_pauses_it(office: Any, pauses: Pauses, status: Status) -> None:
    """However good it was before, and only it."""
    campaign, other = office.campaign(300), office.campaign(300)
    for _ in range(5):
        ended(office, campaign, LEAST, Status.DELIVERED)
        pauses.tick(office.now)
    assert view(office, campaign).state == "running"
    ended(office, campaign, LEAST, status)
    pauses.tick(office.now)
    found = view(office, campaign)

    assert (found.state, found.why) == ("paused", "bad")
    assert f"{LEAST} of its latest {LEAST} final messages failed" in found.found
    assert view(office, other).state == "running"
    assert [entry.by for entry in office.views.log(campaign)][-1] == "scheduler"


def test_few_failures_pause_nothing(office: Any, pauses: Pauses) -> None:
    """Neither a small share nor a small number."""
    campaign, small = office.campaign(300), office.campaign(LEAST)
    ended(office, campaign, 60, Status.DELIVERED)
    ended(office, campaign, 40, Status.UNDELIVERABLE)
    ended(office, small, LEAST - 1, Status.UNDELIVERABLE)
    pauses.tick(office.now)

    assert {view(office, each).state for each in (campaign, small)} == {"running"}


def test_a_campaign_has_a_share_of_its_own(office: Any, pauses: Pauses) -> None:
    """Less than the setting, or none at all; also if that is set while it runs."""
    strict, lenient = office.campaign(300, stop_if_bad=20.0), office.campaign(300)
    office.ledger.amend(lenient, {"stop_if_bad": "0.0"})
    for campaign in (strict, lenient):
        ended(office, campaign, 30, Status.DELIVERED)
        ended(office, campaign, 10 if campaign == strict else 60, Status.UNDELIVERABLE)
    pauses.tick(office.now)

    assert (view(office, strict).state, view(office, lenient).state) == ("paused", "running")


def test_who_resumes_it_is_not_told_the_same_again(office: Any, pauses: Pauses) -> None:
    """It is judged by what ends from then on, and no notice stays."""
    campaign = office.campaign(300)
    ended(office, campaign, LEAST, Status.UNDELIVERABLE)
    pauses.tick(office.now)
    office.ledger.control(campaign, "resume")
    pauses.tick(office.now)
    found = view(office, campaign)
    assert (found.state, found.why, found.found) == ("running", "", "")
    ended(office, campaign, LEAST - 1, Status.UNDELIVERABLE)
    pauses.tick(office.now)
    assert view(office, campaign).state == "running"
    ended(office, campaign, 1, Status.UNDELIVERABLE)
    pauses.tick(office.now)

    assert view(office, campaign).why == "bad"


def test_below_the_reserve_campaigns_stop_and_codes_go_on(office: Any, pauses: Pauses) -> None:
    """What was spent since the balance was read counts."""
    campaign = office.campaign(30)
    office.ledger.set_reserve(Decimal(100))
    office.ledger.note_balance(Decimal(105))
    ended(office, campaign, 5, Status.DELIVERED)
    pauses.tick(office.now)
    assert view(office, campaign).state == "running"
    ended(office, campaign, 1, Status.DELIVERED)
    pauses.tick(office.now)
    found = view(office, campaign)

    assert (found.state, found.why) == ("paused", "balance")
    assert "about 99.00, is below the reserve of 100" in found.found
    office.settled(office.single())


def test_what_is_being_sent_is_as_good_as_spent(office: Any, pauses: Pauses) -> None:
    """At the quoted price, so that the reserve is still there when its cost is known."""
    campaign = office.campaign(30, part_price=Decimal(2))
    office.ledger.set_reserve(Decimal(100))
    office.ledger.note_balance(Decimal(105))
    refs = office.ledger.feed(campaign, 3, 100)[0]
    claims = [office.claim(ref) for ref in refs[:2]]
    pauses.tick(office.now)
    assert view(office, campaign).state == "running"
    office.claim(refs[2])
    pauses.tick(office.now)

    assert (len(claims), view(office, campaign).why) == (2, "balance")
    assert "about 105.00 less 6.00 for what is being sent" in view(office, campaign).found


def test_a_campaign_that_recurs_is_not_paused_by_the_balance(office: Any, pauses: Pauses) -> None:
    """Its occurrences are: each can go on after a top-up, while one that is not begun would be left out."""
    calendar = Recurrence.parse("day 10:00", "Europe/Moscow")
    origin = office.campaign(3, series=Series(calendar=calendar, next_at=calendar.after(office.now)))
    other = office.campaign(3)
    office.ledger.set_reserve(Decimal(100))
    office.ledger.note_balance(Decimal(1))
    pauses.tick(office.now)

    assert (view(office, origin).standing, view(office, other).why) == ("recurring", "balance")


@pytest.mark.parametrize(
    ("auto_resume", "person", "expected"),
    [(True, False, "running"), (False, False, "paused"), (True, True, "paused")],
    ids=["asked for", "not asked for", "a person has paused it since"],
)
def test_it_goes_on_by_itself_only_if_asked_for(
    office: Any, pauses: Pauses, auto_resume: bool, person: bool, expected: str
) -> None:
    """And what a person paused stays paused."""
    campaign = office.campaign(30, auto_resume=auto_resume)
    office.ledger.set_reserve(Decimal(100))
    office.ledger.note_balance(Decimal(1))
    pauses.tick(office.now)
    if person:
        office.ledger.control(campaign, "pause", "a person said so")
        assert view(office, campaign).why == "a person said so"
    Money(office.runtime).tick(office.now)
    office.runtime.clock.wait(0.01)
    office.ledger.note_balance(Decimal(500))
    pauses.tick(office.now)
    found = view(office, campaign)

    assert found.state == expected
    assert (found.why == "") is (expected == "running")


def test_an_estimate_resumes_nothing(office: Any, pauses: Pauses) -> None:
    """Only a balance that was read after the pause, or a lower reserve."""
    campaign = office.campaign(30, auto_resume=True)
    office.ledger.set_reserve(Decimal(100))
    office.ledger.note_balance(Decimal(99))
    pauses.tick(office.now)
    office.ledger.set_reserve(Decimal(50))
    pauses.tick(office.now)
    assert view(office, campaign).state == "paused"
    office.ledger.set_reserve(Decimal(0))
    pauses.tick(office.now)

    assert view(office, campaign).state == "running"
