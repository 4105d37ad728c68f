"""The log of a campaign: who did what, when, with what before and after; never a phone or a text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from smsq.worker.ledger.orders import ordered_by
from smsq.worker.ledger.retention import Retention
from smsq.worker.ownership import user_name
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS
PHONE = 79990000000


def told(desk: Any, campaign: str) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    return [
        (entry.by, entry.what, [(each.name, each.before, each.after) for each in entry.changes])
        for entry in desk.views.log(campaign)
    ]


def test_every_order_is_noted_once(desk: Any) -> None:
    """With its giver and what it changed; the same order again changes nothing and is not noted."""
    me = f"user {user_name()}"
    campaign, _ = desk.campaign(1, 1, budget=Decimal(5), part_price=Decimal(1), close=False)
    desk.now += 60
    with ordered_by("key shop"):
        assert [desk.ledger.control(campaign, "pause", "later") for _ in range(2)] == ["paused"] * 2
    for _ in range(2):
        desk.ledger.control(campaign, "resume", budget=Decimal("7.5"))
    with ordered_by("scheduler"):
        desk.ledger.close_campaign(campaign)
        desk.ledger.close_campaign(campaign)
    desk.ledger.control(campaign, "cancel")

    begun = [("channel", "", "sms"), ("budget", "", "5"), ("on_doubt", "", "ask")]
    assert told(desk, campaign) == [
        (me, "begin", begun),
        ("key shop", "pause", [("state", "enrolling", "paused")]),
        (me, "resume", [("state", "paused", "enrolling"), ("budget", "5", "7.5")]),
        ("scheduler", "close", [("state", "enrolling", "running")]),
        (me, "cancel", [("state", "running", "cancelled")]),
    ]
    assert [entry.at - desk.views.log(campaign)[0].at for entry in desk.views.log(campaign)] == [0, 60, 60, 60, 60]


def test_a_decision_about_a_doubt_is_in_the_log_of_its_campaign(desk: Any) -> None:
    """The batch and how many messages, no phone, not even in the reason; a single message has no log."""
    campaign, (ref,) = desk.campaign(2, on_doubt="park")
    claim = desk.doubted(ref)
    single = desk.single()
    other = desk.doubted(single)
    desk.ledger.resolve(ref, claim.fence, "drop", f"+{PHONE} was asked")
    desk.ledger.resolve(single, other.fence, "drop", "no")

    entry = desk.views.log(campaign)[-1]
    assert (entry.what, entry.why) == ("drop", "7999***0000 was asked")
    assert [(each.name, each.after) for each in entry.changes] == [("messages", "2"), ("batch", str(ref.number))]
    assert [key for key in desk.redis.keys("*") if key.endswith(b":a")] == [f"{{smsq}}:c:{campaign}:a".encode()]


def test_the_first_entry_and_the_newest_are_kept(desk: Any) -> None:
    """A program that pauses and resumes for ever does not fill the ledger."""
    campaign, _ = desk.campaign(1, close=False)
    for turn in range(510):
        desk.ledger.control(campaign, "resume" if turn % 2 else "pause")
    entries = desk.views.log(campaign)

    assert (len(entries), entries[0].what, entries[-1].what, entries[1].what) == (500, "begin", "resume", "resume")


def test_a_log_goes_with_its_campaign(desk: Any) -> None:
    """Nothing of it stays."""
    campaign, _ = desk.campaign(1)
    desk.ledger.control(campaign, "cancel")
    desk.ledger.wind_up(campaign, 10, 100)
    desk.now += 31 * 86_400
    Retention(desk.ledger, desk.views, keep_texts_s=60, keep_days=30).forget_campaigns(desk.now)

    assert [key for key in desk.redis.keys("*") if campaign.encode() in key] == []
