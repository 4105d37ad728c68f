"""Caps: messages of all campaigns are counted for each recipient before a claim, once, and above the cap not sent."""

from __future__ import annotations

from typing import Any

from smsq.worker.domain.cap import Cap
from smsq.worker.ledger import Claim, ClaimRefusal
from tests.worker.ledger.conftest import BOTH_WAYS, PHONE

pytestmark = BOTH_WAYS
DAY_S = 86_400.0


def claimed(desk: Any, ref: Any) -> Claim | None:
    """A claim after the screening that a cap wants."""
    first = desk.try_claim(ref)
    assert first.refusal is ClaimRefusal.MORE
    second = desk.try_claim(ref)
    return second if isinstance(second, Claim) else None


def test_all_campaigns_count_together(desk: Any) -> None:
    """What is above the cap ends as capped, and the others go; the next day begins anew."""
    desk.ledger.set_cap(Cap(day=2))
    for _ in range(2):
        _, (ref,) = desk.campaign(1)
        claim = claimed(desk, ref)
        assert claim is not None
        desk.accept(claim)
    campaign, (ref,) = desk.campaign(2)
    third = claimed(desk, ref)

    assert third is not None
    assert third.recipients == [PHONE + 2]
    assert desk.views.campaign(campaign).statuses == {"capped": 1, "sending": 1}
    assert desk.ledger.at_cap([PHONE + 1, PHONE + 2]) == [True, False]
    desk.now += DAY_S
    assert desk.ledger.at_cap([PHONE + 1, PHONE + 2]) == [False, False]


def test_a_week_is_seven_days(desk: Any) -> None:
    """Days of eight days ago count no more."""
    desk.ledger.set_cap(Cap(week=2))
    for _ in range(2):
        _, (ref,) = desk.campaign(1)
        assert claimed(desk, ref) is not None
        desk.now += DAY_S
    _, (ref,) = desk.campaign(1)
    assert claimed(desk, ref) is None
    assert desk.statuses(ref) == ["capped"]
    desk.now += 5 * DAY_S
    _, (ref,) = desk.campaign(1)
    assert claimed(desk, ref) is not None


def test_a_message_counts_once(desk: Any) -> None:
    """However often its batch is claimed."""
    desk.ledger.set_cap(Cap(day=2))
    _, (ref,) = desk.campaign(1)
    for attempt in range(4):
        claim = claimed(desk, ref) if attempt == 0 else desk.claim(ref)
        assert claim is not None
        desk.ledger.release(claim, unwritten=True)

    assert desk.ledger.at_cap([PHONE + 1]) == [False]


def test_a_campaign_has_a_cap_of_its_own(desk: Any) -> None:
    """The smaller one holds; single messages and codes are neither counted nor capped."""
    _, (ref,) = desk.campaign(1, cap="1/day")
    assert claimed(desk, ref) is not None
    assert isinstance(desk.try_claim(desk.single(phone=PHONE + 1)), Claim)
    _, (ref,) = desk.campaign(1, cap="1/day")
    assert claimed(desk, ref) is None
    _, (ref,) = desk.campaign(1)
    assert isinstance(desk.try_claim(ref), Claim)


def test_counts_go_by_themselves(desk: Any) -> None:
    """Each day's key has an end, and without a cap there is none."""
    _, (ref,) = desk.campaign(1)
    desk.claim(ref)
    assert not [key for key in desk.redis.keys("*") if b":cap:" in key]
    desk.ledger.set_cap(Cap(day=3))
    _, (ref,) = desk.campaign(1)
    claimed(desk, ref)
    (key,) = [key for key in desk.redis.keys("*") if b":cap:" in key]
    assert 7 * 86_400 < desk.redis.ttl(key) <= 8 * 86_400
