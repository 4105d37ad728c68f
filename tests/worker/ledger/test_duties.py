from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.status import BatchState
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

PHONE = 79990000000


def test_what_is_due_is_due_again(desk: Any) -> None:
    """Taking it leaves it there, so a crash between two steps loses nothing."""
    refs = [desk.single(phone=PHONE + n) for n in range(3)]
    assert desk.ledger.due("ready:urgent", 10, 2.0) == []
    desk.now += 2.0
    assert desk.ledger.due("ready:urgent", 2, 2.0) == refs[:2]
    assert desk.ledger.due("ready:urgent", 2, 2.0) == refs[2:]
    desk.now += 2.0
    assert desk.ledger.due("ready:urgent", 10, 2.0) == refs


def test_permits_for_counted_requests(desk: Any) -> None:
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

    assert desk.ledger.establish("smsc.ru/demo") == "known"
    with pytest.raises(LedgerForeign, match=r"belongs to smsc\.ru/demo"):
        desk.ledger.establish("smsc.ru/other")


def test_what_is_purged_leaves_every_set(desk: Any) -> None:
    """Whatever still points at it."""
    ref = Ref(1)
    desk.single()
    for name in ("doubt", "asks", "watch", "parked", "blind", "lease", "ready:bulk"):
        desk.redis.zadd(f"{{smsq}}:{name}", {str(ref): 0})
    desk.redis.delete("{smsq}:b:0")
    desk.try_claim(ref)
    assert desk.motion() == {}
