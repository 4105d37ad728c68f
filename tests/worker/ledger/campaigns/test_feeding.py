from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from smsq.worker.domain.batch import pack
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import Conflict
from smsq.worker.ledger import ClaimRefusal
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


def zoned(desk: Any, *parts: Sequence[tuple[int, float | None]], zones: Sequence[str]) -> tuple[str, list[int]]:
    """A campaign whose ranges have batches with a zone and perhaps a moment; its id and its batches."""
    opened = desk.ledger.open_campaign(desk.plan())
    rows = 0
    for n, part in enumerate(parts, 1):
        batches = [
            replace(pack([PHONE + rows + k], None, [rows + k], 1), zone=zone, moment=moment)
            for k, (zone, moment) in enumerate(part, 1)
        ]
        rows += len(batches)
        known = zones[: 1 + max(zone for each in parts[:n] for zone, _ in each)]
        desk.ledger.enrol_range(opened.id, n, batches, [], rows, zones=known)
    desk.ledger.close_campaign(opened.id)
    return opened.id, [ref.number for ref in desk.views.batch_refs(opened.id)]


def test_a_zone_that_comes_while_moments_are_due_waits_for_the_next_call(desk: Any) -> None:
    """The scheduler has read two zones, a third is enrolled meanwhile: nothing is half-written, no batch is lost."""
    due = desk.now - 1
    campaign, batches = zoned(
        desk, [(1, None), (0, None), (1, due)], [(2, due)], zones=("Europe/Moscow", "Asia/Omsk", "Asia/Tomsk")
    )
    assert desk.ledger.move_due(campaign, 2) == 1
    (running,) = desk.views.running()
    assert (running.waiting, running.moment) == ((1, 2), due)
    assert desk.ledger.move_due(campaign, 3) == 1

    assert sorted(ref.number for ref in desk.ledger.feed(campaign, 50, 100, [0, 1, 2])[0]) == batches
    (running,) = desk.views.running()
    assert (running.is_fed, running.moment) == (True, None)
    assert desk.ledger.move_due(campaign, 3) == 0


def test_no_batch_is_lost_after_a_scheduler_that_knows_no_zones(desk: Any) -> None:
    """It moves the cursor alone; the lists are handed out to their end, and what left already is not sent again."""
    campaign, batches = zoned(desk, [(n % 2, None) for n in range(5)], zones=("Europe/Moscow", "Asia/Omsk"))
    refs = desk.views.batch_refs(campaign)
    for ref in refs[:4]:  # as it does
        desk.redis.zadd("{smsq}:ready:bulk", {str(ref): desk.now * 1000})
    desk.redis.hset(f"{{smsq}}:c:{campaign}", "fed", 4)
    desk.accept(desk.claim(refs[0]))
    handed_out: list[int] = []
    while not desk.views.running()[0].is_fed:
        handed_out += [ref.number for ref in desk.ledger.feed(campaign, 2, 100, [0, 1])[0]]

    assert sorted(handed_out) == batches
    assert desk.ledger.feed(campaign, 2, 100, [0, 1]) == ([], "all handed out")
    assert desk.views.campaign(campaign).fed == 5
    assert desk.try_claim(refs[0]).refusal is ClaimRefusal.TAKEN
    for ref in refs[1:]:
        desk.accept(desk.claim(ref))


def test_zones_are_there_from_the_first_batch_on(desk: Any) -> None:
    """Batches without one would be in no list: rows of a producer that knows zones are refused behind others."""
    opened = desk.ledger.open_campaign(desk.plan())
    zones = ["Europe/Moscow"]

    def batch(row: int, zone: int | None) -> Any:
        return replace(pack([PHONE + row], None, [row], 1), zone=zone)

    desk.ledger.enrol_range(opened.id, 1, [batch(1, None)], [], 1)
    with pytest.raises(Conflict, match="was begun with other time zones"):
        desk.ledger.enrol_range(opened.id, 2, [batch(2, 0)], [], 2, zones=zones)
    rejected = desk.ledger.open_campaign(desk.plan())
    desk.ledger.enrol_range(rejected.id, 1, [], [Reject(1, "invalid", "no phone", "x")], 1)
    desk.ledger.enrol_range(rejected.id, 2, [batch(2, 0)], [], 2, zones=zones)

    assert desk.views.campaign(opened.id).batches == 1
    assert len(desk.ledger.feed(rejected.id, 5, 100, [0])[0]) == 1
