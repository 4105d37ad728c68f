from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.job import PriceJob
from smsq.worker.domain.status import BatchState
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


def test_what_is_due_is_due_again(desk: Any) -> None:
    """Taking it leaves it there, so a crash between two steps loses nothing."""
    refs = [desk.single(phone=PHONE + n) for n in range(3)]
    assert desk.ledger.due("ready:urgent", 10, 2.0) == []
    desk.now += 2.0
    assert desk.ledger.due("ready:urgent", 2, 2.0) == refs[:2]
    assert desk.ledger.due("ready:urgent", 2, 2.0) == refs[2:]
    desk.now += 2.0
    assert desk.ledger.due("ready:urgent", 10, 2.0) == refs


def test_leave_for_counted_requests(desk: Any) -> None:
    """So many at once, so many in a span counted from a request's end; nothing is counted unless all allow it."""
    take, give_back = desk.ledger.take, desk.ledger.give_back
    limits = {"mass": (1, 60.0)}
    assert take("ask", "a", 2, 40.0, limits) == 0.0
    assert take("ask", "a", 2, 40.0, limits) == 0.0  # the reply was lost
    assert take("ask", "b", 2, 40.0, limits) == pytest.approx(100.0)  # it may arrive at the very end of its slot
    assert take("ask", "c", 2, 40.0) == 0.0
    assert take("ask", "d", 2, 40.0) == 0.05
    give_back("ask", "c")
    assert take("ask", "d", 2, 40.0) == 0.0
    desk.now += 10.0
    give_back("ask", "a", limits)
    assert take("ask", "b", 2, 40.0, limits) == pytest.approx(60.0)
    desk.now += 60.0
    assert take("ask", "b", 2, 40.0, limits) == 0.0


def test_one_leads(desk: Any) -> None:
    """Until it stands down or falls silent."""
    assert desk.ledger.lead("one", 0.05)
    assert not desk.ledger.lead("two", 0.05)
    assert desk.ledger.lead("one", 60.0)
    desk.ledger.stand_down("two")
    assert not desk.ledger.lead("two", 0.05)
    desk.ledger.stand_down("one")
    assert desk.ledger.lead("two", 0.05)


def test_a_persons_hand_on_a_campaign(desk: Any) -> None:
    """Each verb twice is each verb once; what is done stays done."""
    campaign, (ref,) = desk.campaign(1)
    said = [desk.ledger.control(campaign, verb) for verb in ("pause", "pause", "resume", "resume", "close")]
    assert said == ["paused", "paused", "running", "running", "running"]
    claim = desk.settled(ref)
    desk.fact(claim.gateway_id, PHONE + 1)
    assert [desk.ledger.control(campaign, verb) for verb in ("pause", "resume", "cancel")] == ["done"] * 3
    with pytest.raises(BadInput, match="no campaign nope"):
        desk.ledger.control("nope", "pause")


def test_a_campaign_is_done_when_all_is_final_or_parked(desk: Any) -> None:
    """Parked messages wait for an operator, not the campaign for them."""
    campaign, refs = desk.campaign(1, 1, on_doubt="park")
    claim = desk.settled(refs[0])
    desk.redis.hset("{smsq}:totals", "x", 0)
    doubted = desk.doubted(refs[1])
    desk.fact(claim.gateway_id, PHONE + 1)
    assert desk.views.campaign(campaign).state == "running"
    desk.probe(refs[1], {}, asked_s=73 * 3600.0)
    assert desk.views.campaign(campaign).state == "done"
    assert desk.views.campaign(campaign).statuses == {"delivered": 1, "parked": 1}
    desk.ledger.resolve(refs[1], doubted.fence, "drop")
    assert desk.views.campaign(campaign).statuses == {"delivered": 1, "cancelled": 1}


def test_dropping_acts_on_what_is_due_only(desk: Any) -> None:
    """A running campaign's batch, a message in time and one that is being sent are left alone."""
    campaign, (ref, busy) = desk.campaign(1, 1)
    assert desk.ledger.drop(ref, "cancelled") == "stale"
    assert desk.ledger.drop(ref, "late") == "stale"
    desk.claim(busy)
    desk.ledger.control(campaign, "cancel")
    assert [desk.ledger.drop(each, "cancelled") for each in (ref, ref, busy)] == ["settled", "stale", "stale"]
    assert desk.statuses(ref) == ["cancelled"]
    assert desk.state(busy) == BatchState.SENDING

    code = desk.single(deadline_s=5.0)
    assert desk.ledger.drop(code, "late") == "stale"
    desk.now += 5.0
    assert desk.ledger.drop(code, "late") == "settled"


@pytest.mark.parametrize("end", ["cancelled", "late"])
def test_a_ledger_that_may_have_fallen_back_drops_nothing(desk: Any, end: str) -> None:
    """It may have forgotten that it was sent: nobody reports it as late or cancelled before the roll call is over."""
    if end == "cancelled":
        campaign, (ref,) = desk.campaign(1)
        desk.ledger.control(campaign, "cancel")
    else:
        ref = desk.single(deadline_s=5.0)
        desk.now += 5.0
    actual = desk.redis.hget("{smsq}:run", "current")
    desk.redis.hset("{smsq}:run", "current", "another")
    assert desk.ledger.drop(ref, end) == "stale"
    assert desk.statuses(ref) == ["queued"]
    desk.redis.hset("{smsq}:run", "current", actual)
    assert desk.ledger.drop(ref, end) == "settled"


def test_dropping_what_may_have_been_sent_asks_first(desk: Any) -> None:
    """An operator released it before its absence was trusted."""
    campaign, (ref,) = desk.campaign(1)
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    desk.ledger.control(campaign, "cancel")
    assert desk.ledger.drop(ref, "cancelled") == "doubtful"
    assert desk.motion() == {"doubt": 1, "blind": 1}


def test_jobs_are_answered_once(desk: Any) -> None:
    """And waited for with a bell."""
    price = PriceJob(phones=(PHONE,), text="Hi")
    job = desk.ledger.post_job(price)
    assert desk.ledger.await_job(job, 0.05) is None
    assert desk.ledger.take_job(job) == price
    desk.ledger.finish_job(job, {"cost": "1.5"})
    assert desk.ledger.take_job(job) is None
    assert desk.ledger.await_job(job, 1.0) == {"cost": "1.5"}


def test_beats_and_owners(desk: Any) -> None:
    """Lanes are counted by their live processes."""
    desk.ledger.beat("bulk/host/1/a")
    desk.ledger.beat("urgent/host/2/b")
    assert desk.views.lanes() == {"bulk": 1, "urgent": 1}
    desk.now += 6
    desk.ledger.beat("bulk/host/1/a")
    assert desk.views.lanes() == {"bulk": 1}


def test_a_ledger_belongs_to_one_account(desk: Any) -> None:
    """A sandbox's never meets a real gateway."""
    from smsq.worker.domain.errors import LedgerForeign

    assert desk.ledger.found("smsc.ru/demo") == "known"
    with pytest.raises(LedgerForeign, match=r"belongs to smsc\.ru/demo"):
        desk.ledger.found("smsc.ru/other")


def test_what_is_purged_leaves_every_set(desk: Any) -> None:
    """Whatever still points at it."""
    ref = Ref(1)
    desk.single()
    for name in ("doubt", "asks", "watch", "parked", "blind", "lease", "ready:bulk"):
        desk.redis.zadd(f"{{smsq}}:{name}", {str(ref): 0})
    desk.redis.delete("{smsq}:b:0")
    desk.try_claim(ref)
    assert desk.motion() == {}
