from __future__ import annotations

from typing import Any

import pytest

from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

PHONE = 79990000000


def test_the_feed_hands_out_in_order_and_once(desk: Any) -> None:
    """Behind its cursor; what it handed out is ready and hinted again later."""
    opened, _ = desk.campaign(1, close=False)
    assert desk.ledger.feed(opened, 5, 100) == ([], "all handed out")
    _, refs = desk.campaign(1, 1, 1)
    assert [ref.number for ref in refs] == sorted({ref.number for ref in refs})


@pytest.mark.parametrize(
    ("why", "halt"),
    [
        ("money", lambda desk: desk.ledger.halt_money()),
        ("quiet", lambda desk: desk.ledger.throttled(5.0)),
        ("fell", lambda desk: desk.redis.hset("{smsq}:ctl", "fell", "x")),
        ("doubts", lambda desk: desk.redis.zadd("{smsq}:blind", {str(n): 1 for n in range(3)})),
    ],
)
def test_the_feed_says_why_it_waits(desk: Any, why: str, halt: Any) -> None:
    """One answer to "why is this still waiting?"."""
    opened = desk.ledger.open_campaign(desk.plan())
    from smsq.worker.domain.batch import pack

    desk.ledger.enrol_range(opened.id, 1, [pack([PHONE], None, [1], 1)], [], 1)
    halt(desk)
    assert desk.ledger.feed(opened.id, 1, 2) == ([], why)


def test_a_scheduled_campaign_waits_for_its_time(desk: Any) -> None:
    """Then it is handed out."""
    campaign, refs = desk.campaign(1, start_at=desk.now + 10)
    assert refs == []
    assert desk.ledger.feed(campaign, 1, 2) == ([], "scheduled")
    desk.now += 10
    assert len(desk.ledger.feed(campaign, 1, 2)[0]) == 1
    assert desk.ledger.feed("nope", 1, 2) == ([], "gone")
