from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.recurrence import Recurrence, Series
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import ClaimRefusal, NoClaim
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS


def refusal(claim: Any) -> ClaimRefusal:
    assert isinstance(claim, NoClaim)
    return claim.refusal


def test_a_claim_is_known_before_it_is_answered(desk: Any) -> None:
    """Its id, its lease, its slot; the batch is nowhere else."""
    ref = desk.single()
    claim = desk.claim(ref)

    assert desk.state(ref) == BatchState.SENDING
    assert desk.ledger.batches_of([claim.gateway_id]) == [ref]
    assert desk.motion() == {"lease": 1}
    assert desk.redis.zrange("{smsq}:slots:urgent", 0, -1) == [f"{ref}/1".encode()]
    assert (claim.recipients, claim.text, claim.lane, claim.attempt) == ([79990000000], "Hi", "urgent", 1)
    assert 1_000_000_000 < claim.gateway_id < 2_147_483_647


def test_only_a_ready_batch_is_claimed(desk: Any) -> None:
    """And whoever is told so leaves nothing behind that is hinted for ever."""
    ref = desk.single()
    desk.claim(ref)
    desk.redis.zadd("{smsq}:ready:urgent", {str(ref): 0})

    assert refusal(desk.try_claim(ref)) is ClaimRefusal.TAKEN
    assert desk.motion() == {"lease": 1}


def test_the_same_nonce_has_the_same_answer_while_it_is_sent(desk: Any) -> None:
    """Never afterwards: the batch may have another claim by then."""
    _, (ref,) = desk.campaign(3)
    claim = desk.claim(ref, "n1")
    before = desk.everything()
    assert desk.claim(ref, "n1") == claim
    assert desk.everything() == before

    desk.ledger.release(claim, unwritten=True)
    second = desk.claim(ref, "n2")
    assert second.gateway_id != claim.gateway_id
    assert refusal(desk.try_claim(ref, "n1")) is ClaimRefusal.TAKEN
    desk.accept(second)
    assert refusal(desk.try_claim(ref, "n2")) is ClaimRefusal.TAKEN


def test_a_lost_answer_is_not_repeated_by_another_run(desk: Any) -> None:
    """The roll call may be giving this claim back just now; to answer it would send it twice."""
    ref = desk.single()
    desk.claim(ref, "n1")
    view = desk.view(ref)
    assert view.state == BatchState.SENDING
    actual = desk.ledger.beat().run
    shard = f"{{smsq}}:b:{ref.number // 1024}"
    raw = desk.redis.hget(shard, f"{ref.number}m")
    desk.redis.hset(shard, f"{ref.number}m", raw.replace(actual.encode(), b"f" * len(actual)))

    assert refusal(desk.try_claim(ref, "n1")) is ClaimRefusal.TAKEN


def test_unknown_and_purged_batches(desk: Any) -> None:
    """One that never was is an alarm; one that is gone is ignored; neither is made by asking."""
    ref = desk.single()
    desk.redis.hdel(f"{{smsq}}:b:{ref.number // 1024}", f"{ref.number}m")
    keys = set(desk.redis.keys("*"))

    assert refusal(desk.try_claim(ref)) is ClaimRefusal.GONE
    assert refusal(desk.try_claim(type(ref)(ref.number + 5000))) is ClaimRefusal.NEVER
    assert set(desk.redis.keys("*")) <= keys
    assert desk.totals()["alarm:unknown-batch"] == 1
    assert desk.motion() == {}


def test_slots_are_kept_for_the_urgent_lane(desk: Any) -> None:
    """Bulk takes seven of ten; urgent all that are left."""
    _, bulk = desk.campaign(*[1] * 9)
    taken = [desk.try_claim(ref) for ref in bulk]
    assert [isinstance(each, NoClaim) for each in taken] == [False] * 7 + [True] * 2
    assert refusal(taken[-1]) is ClaimRefusal.SLOT

    urgent = [desk.try_claim(desk.single(phone=79990000000 + n)) for n in range(4)]
    assert [isinstance(each, NoClaim) for each in urgent] == [False] * 3 + [True]


def test_a_doubtful_claim_keeps_its_slot_until_the_request_must_be_over(desk: Any) -> None:
    """Its lease and the time that the peer keeps a silent connection."""
    first, second = desk.single(), desk.single(phone=79990000001, lane="bulk")
    desk.doubted(first)
    alone = {"parallel": 1, "urgent_slots": 0}

    desk.now += 119.9
    assert refusal(desk.try_claim(second, **alone)) is ClaimRefusal.SLOT
    desk.now += 0.2
    desk.claim(second, **alone)


def test_codes_go_past_requests_that_are_overdue(desk: Any) -> None:
    """Four more, fourteen with them, so that one mirror that swallows does not stop all until the peer has closed."""
    codes = [desk.single(phone=79990000000 + n) for n in range(16)]
    _, (bulk,) = desk.campaign(1)
    for ref in codes[:10]:
        desk.claim(ref)
    desk.now += 1.9
    assert refusal(desk.try_claim(codes[10])) is ClaimRefusal.SLOT
    desk.now += 0.2
    answered = [desk.claim(ref) for ref in codes[10:14]]

    assert refusal(desk.try_claim(codes[14])) is ClaimRefusal.SLOT
    assert refusal(desk.try_claim(bulk)) is ClaimRefusal.SLOT
    desk.accept(answered[0])
    desk.claim(codes[14])
    desk.now += 3.0
    assert refusal(desk.try_claim(codes[15])) is ClaimRefusal.SLOT


def test_codes_go_past_what_a_dead_worker_left(desk: Any) -> None:
    """Whether its claims are in doubt by then or not; campaigns do not, and keep their share."""
    codes = [desk.single(phone=79990000000 + n) for n in range(12)]
    for ref in codes[:10]:
        desk.claim(ref)
    desk.now += 6.0
    assert {desk.ledger.expire(ref, 1.0, 5.0) for ref in codes[:10]} == {"doubtful"}
    _, (bulk,) = desk.campaign(1)
    assert (desk.views.depth().by("smsq_slots"), desk.views.astray()) == (
        {"urgent": 10, "bulk": 0},
        {"urgent": 10, "bulk": 0},
    )

    desk.accept(desk.claim(codes[10]))
    desk.claim(codes[11])
    assert (desk.views.depth().by("smsq_slots")["urgent"], desk.views.astray()["urgent"]) == (11, 10)
    assert refusal(desk.try_claim(bulk)) is ClaimRefusal.SLOT


def test_campaigns_are_gone_past_only_when_their_lease_is_over(desk: Any) -> None:
    """A hundred messages may take their time."""
    _, bulk = desk.campaign(*[1] * 7)
    for ref in bulk:
        desk.claim(ref)
    codes = [desk.single(phone=79990000000 + n) for n in range(4)]
    for ref in codes[:3]:
        desk.claim(ref)
    alone = {"parallel": 8, "urgent_slots": 1}
    desk.now += 1.0
    assert refusal(desk.try_claim(codes[3], **alone)) is ClaimRefusal.SLOT
    desk.now += 45.0

    desk.claim(codes[3], **alone)


@pytest.mark.parametrize(("parallel", "most"), [(1, 5), (10, 14), (12, 14), (14, 14), (16, 16)])
def test_never_more_than_the_gateway_allows(desk: Any, parallel: int, most: int) -> None:
    """Fifteen at once are one too many; who may send more than that has told us so, and gets that."""
    taken = 0
    for n in range(18):
        desk.now += 2.5
        taken += not isinstance(desk.try_claim(desk.single(phone=79990000000 + n), parallel=parallel), NoClaim)

    assert taken == most


def test_an_answered_or_released_claim_gives_its_slot_back_at_once(desk: Any) -> None:
    """One slot serves one after the other."""
    alone = {"parallel": 1, "urgent_slots": 1}
    first, second = desk.single(), desk.single(phone=79990000001)
    desk.ledger.release(desk.claim(first, **alone), unwritten=True)
    desk.accept(desk.claim(first, **alone))
    desk.claim(second, **alone)


def test_a_slot_that_comes_free_rings_for_both_lanes(desk: Any) -> None:
    """However the request ended; once per slot, four rings at most, none for an answer that came twice."""
    bells = [f"{{smsq}}:bell:slots:{lane}" for lane in ("urgent", "bulk")]
    rings = lambda: [desk.redis.llen(bell) for bell in bells]  # noqa: E731
    first = desk.claim(desk.single())
    desk.ledger.release(first, unwritten=True)
    desk.ledger.release(first, unwritten=True)
    assert rings() == [1, 1]
    second = desk.claim(desk.single(phone=79990000001))
    desk.accept(second)
    desk.accept(second)
    assert rings() == [2, 2]
    third = desk.claim(desk.single(phone=79990000002))
    desk.ledger.doubt(third, "no_answer", 1.0, over=False)
    assert rings() == [2, 2]
    desk.ledger.doubt(desk.claim(desk.single(phone=79990000003)), "no_answer", 1.0, over=True)
    assert rings() == [3, 3]
    for number in range(4, 8):
        desk.accept(desk.claim(desk.single(phone=79990000000 + number)))

    assert rings() == [4, 4]
    desk.ledger.await_slot("urgent", 1.0)
    assert rings() == [3, 4]


def test_a_bell_that_cannot_ring_spoils_no_answer(desk: Any) -> None:
    """Somebody wrote something else under its name."""
    desk.redis.set("{smsq}:bell:slots:urgent", "no list")
    ref = desk.single()

    desk.accept(desk.claim(ref))

    assert desk.statuses(ref) == ["accepted"]
    assert desk.redis.llen("{smsq}:bell:slots:bulk") == 1
    with pytest.raises(LedgerTrouble):
        desk.ledger.await_slot("urgent", 0.1)


def test_the_pace_lets_a_large_batch_go_into_debt_once(desk: Any) -> None:
    """Ten segments a second: after a batch of thirty nothing leaves for two seconds."""
    _, (large, next_one) = desk.campaign(30, 1)
    desk.claim(large, rate=10.0)
    waits = desk.try_claim(next_one, rate=10.0)

    assert refusal(waits) is ClaimRefusal.LATER
    assert waits.wait_s == pytest.approx(2.0, abs=0.01)
    desk.now += 2.01
    desk.claim(next_one, rate=10.0)


def test_codes_overdraw_the_pace_and_campaigns_pay(desk: Any) -> None:
    """A hundred parts of debt are three seconds, which nobody waits for who wants to log in."""
    _, (large, next_one) = desk.campaign(130, 1)
    desk.claim(large, rate=30.0)
    for n in range(30):
        desk.accept(desk.claim(desk.single(phone=79990000000 + n), rate=30.0))
    waits = desk.try_claim(next_one, rate=30.0)

    assert refusal(waits) is ClaimRefusal.LATER
    assert waits.wait_s == pytest.approx(130 / 30, abs=0.01)
    desk.now += waits.wait_s
    desk.claim(next_one, rate=30.0)


def test_a_debt_is_remembered_until_it_is_paid(desk: Any) -> None:
    """However slow the pace."""
    _, (bulk,) = desk.campaign(1)
    for n in range(3):
        desk.claim(desk.single(phone=79990000000 + n), rate=0.01)

    assert desk.redis.pttl("{smsq}:bucket") > 250_000
    assert desk.try_claim(bulk, rate=0.01).wait_s > 250


def test_a_campaigns_own_pace_takes_nothing_from_the_common_one(desk: Any) -> None:
    """However often it is told to wait."""
    campaign, (first, second) = desk.campaign(6, 1, rate=4.0)
    _, (other,) = desk.campaign(1)
    desk.claim(first, rate=10.0)
    for _ in range(10):
        assert refusal(desk.try_claim(second, rate=10.0)) is ClaimRefusal.PACED

    desk.claim(other, rate=10.0)
    assert desk.ledger.due("ready:bulk", 10, 3.0) == []
    assert desk.ledger.feed(campaign, 5, 100) == ([], "rate")
    desk.now += 2.0
    assert desk.ledger.feed(campaign, 5, 100)[0] == [second]


@pytest.mark.parametrize(
    ("window", "hour", "is_open"),
    [
        ("9-21", 8, False),
        ("9-21", 9, True),
        ("9-21", 21, False),
        ("21-6", 23, True),
        ("21-6", 6, False),
        ("", 3, True),
        ("0-24", 0, True),
        ("0-24", 23, True),
        ("09:30-20:00", 9, False),
        ("9-21 not fri", 12, False),
    ],
)
def test_sending_hours_bind_what_was_handed_out(desk: Any, window: str, hour: int, is_open: bool) -> None:
    """A batch that waited for the gateway until the evening is not sent at night."""
    desk.now = datetime(2027, 1, 15, hour, 10).astimezone().timestamp()  # a Friday
    _, (ref,) = desk.campaign(1, window=window or None)
    if is_open:
        desk.claim(ref)
        return
    refused = desk.try_claim(ref)
    assert refusal(refused) is ClaimRefusal.CLOSED
    assert desk.ledger.due("ready:bulk", 10, 3.0) == []
    desk.now += refused.wait_s
    assert desk.ledger.due("ready:bulk", 10, 3.0) == [ref]
    desk.claim(ref)


def test_nothing_leaves_before_openings_are_known(desk: Any) -> None:
    """Nor in the last seconds of one, since a request takes its time."""
    desk.now = datetime(2027, 1, 15, 12).astimezone().timestamp()
    campaign, (ref, other) = desk.campaign(1, 1, window="9-21")
    known = desk.redis.hget(f"{{smsq}}:c:{campaign}", "o0")
    desk.redis.hdel(f"{{smsq}}:c:{campaign}", "o0")
    assert refusal(desk.try_claim(ref)) is ClaimRefusal.CLOSED
    desk.redis.hset(f"{{smsq}}:c:{campaign}", "o0", known)
    desk.claim(ref)
    desk.now = datetime(2027, 1, 15, 20, 59, 57).astimezone().timestamp()
    assert refusal(desk.try_claim(other)) is ClaimRefusal.CLOSED


def test_one_alone_takes_tokens_for_one(desk: Any) -> None:
    """Of a batch that goes on one by one."""
    _, (ref,) = desk.campaign(50)
    claim = desk.doubted(ref, alone=True)
    desk.probe(ref, {claim.gateway_id: range(50)})
    desk.redis.delete("{smsq}:bucket")
    desk.claim(ref, rate=60.0)
    assert float(desk.redis.hget("{smsq}:bucket", "tokens")) == 59.0


def test_a_budget_pauses_its_campaign_with_a_reason(desk: Any) -> None:
    """What is being sent is counted at the quoted price."""
    campaign, refs = desk.campaign(2, 2, 2, budget=Decimal(5), part_price=Decimal(1))
    desk.claim(refs[0])
    desk.claim(refs[1])

    assert refusal(desk.try_claim(refs[2])) is ClaimRefusal.PAUSED
    view = desk.views.campaign(campaign)
    assert (view.state, view.why) == ("paused", "budget")


def test_a_reason_outlives_the_last_row(desk: Any) -> None:
    """The producer closes a campaign that its budget paused meanwhile."""
    campaign, refs = desk.campaign(2, close=False, budget=Decimal(1), part_price=Decimal(1))
    desk.try_claim(refs[0])
    desk.ledger.close_campaign(campaign)
    assert desk.views.campaign(campaign).why == "budget"


def test_a_paused_campaigns_batches_are_held_and_come_back(desk: Any) -> None:
    """Pause takes hold at the next claim."""
    campaign, (first, second) = desk.campaign(1, 1)
    sent = desk.claim(first)
    desk.ledger.control(campaign, "pause")
    assert refusal(desk.try_claim(second)) is ClaimRefusal.PAUSED
    assert desk.motion() == {"lease": 1}
    assert desk.accept(sent) == "settled"

    assert desk.ledger.control(campaign, "resume") == "running"
    assert desk.motion() == {"ready:bulk": 1, "asks": 1}
    desk.claim(second)


def test_a_cancelled_campaigns_batch_ends_at_the_claim(desk: Any) -> None:
    """Its messages are cancelled; the campaign is over when the others are."""
    campaign, (ref,) = desk.campaign(2)
    desk.ledger.control(campaign, "cancel")
    assert refusal(desk.try_claim(ref)) is ClaimRefusal.SETTLED

    view = desk.views.campaign(campaign)
    assert (view.state, view.statuses, view.is_over, view.done_at) == ("cancelled", {"cancelled": 2}, True, desk.now)


def test_a_late_message_ends_at_the_claim(desk: Any) -> None:
    """A code that nobody waits for any more is not sent."""
    ref = desk.single(deadline_s=60.0)
    desk.now += 60.0
    assert refusal(desk.try_claim(ref)) is ClaimRefusal.SETTLED
    assert desk.statuses(ref) == ["late"]
    assert desk.motion() == {}


@pytest.mark.parametrize("end", ["cancel", "late"])
def test_neither_while_an_earlier_attempt_may_live(desk: Any, end: str) -> None:
    """An operator released it before absence was trusted: it is asked about first."""
    if end == "cancel":
        campaign, (ref,) = desk.campaign(1)
    else:
        ref = desk.single(phone=79990000001, deadline_s=500.0)
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    if end == "cancel":
        desk.ledger.control(campaign, "cancel")
    desk.now += 600.0

    assert refusal(desk.try_claim(ref)) is ClaimRefusal.SETTLED
    assert desk.statuses(ref) == ["doubtful"]
    assert desk.motion() == {"doubt": 1, "blind": 1}
    assert desk.probe(ref, {first.gateway_id: [0]}, asked_s=700.0, known_s=700.0)[0] == "settled"
    assert desk.statuses(ref) == ["cancelled" if end == "cancel" else "late"]


def test_a_refused_login_halts_its_credentials_only(desk: Any) -> None:
    """New ones resume."""
    ref = desk.single()
    desk.ledger.halt_login("wrong")
    assert desk.try_claim(ref, credentials="wrong") == NoClaim(refusal=ClaimRefusal.HALTED, why="login")
    desk.claim(ref, credentials="right")


def test_an_empty_account_halts_the_bulk_lane(desk: Any) -> None:
    """Urgent goes on trying; a top-up resumes."""
    _, (bulk,) = desk.campaign(1)
    desk.ledger.halt_money()
    assert desk.try_claim(bulk) == NoClaim(refusal=ClaimRefusal.HALTED, why="money")
    desk.claim(desk.single())
    desk.ledger.topped_up()
    desk.claim(bulk)


def test_a_throttled_login_backs_off_longer_each_time(desk: Any) -> None:
    """Until an answer comes."""
    ref = desk.single()
    pauses = []
    for _ in range(7):
        desk.now += pauses[-1] if pauses else 0.0
        pauses.append(desk.ledger.throttled(2.0))
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0]
    assert refusal(desk.try_claim(ref)) is ClaimRefusal.LATER
    desk.ledger.answered()
    desk.now += 64.0
    desk.claim(ref)
    assert desk.ledger.throttled(2.0) == 2.0


def test_answers_to_what_was_under_way_do_not_lengthen_a_back_off(desk: Any) -> None:
    """Ten sends at once that all meet a blocked address are one event."""
    pauses = [desk.ledger.throttled(600.0) for _ in range(10)]

    assert pauses == [600.0] * 10


@pytest.mark.parametrize(("field", "why"), [("run", "run"), ("ctl", "fell")])
def test_a_fallen_ledger_grants_nothing(desk: Any, field: str, why: str) -> None:
    """And decides nothing: a late message stays queued until the ledger is trusted."""
    ref = desk.single(deadline_s=1.0)
    other = desk.single(phone=79990000001)
    desk.redis.hset("{smsq}:run", "current", "another") if field == "run" else desk.redis.hset(
        "{smsq}:ctl", "fell", "x"
    )
    assert desk.try_claim(other) == NoClaim(refusal=ClaimRefusal.HALTED, why=why)
    if field == "run":
        desk.now += 5
        assert refusal(desk.try_claim(ref)) is ClaimRefusal.HALTED
        assert desk.statuses(ref) == ["queued"]


def test_openings_of_another_window_are_not_believed(desk: Any) -> None:
    """A changed window holds at once, though the scheduler has not written down yet when it is open."""
    desk.now = datetime(2027, 1, 15, 12).astimezone().timestamp()
    campaign, (ref,) = desk.campaign(1, window="9-21")
    desk.ledger.amend(campaign, {"window": "22-23"})
    refused = desk.try_claim(ref)
    assert (refusal(refused), refused.wait_s) == (ClaimRefusal.CLOSED, 1.0)
    desk.open_windows()
    assert desk.try_claim(ref).wait_s == 10 * 3600
    desk.ledger.amend(campaign, {"window": "9-21"})
    desk.open_windows()
    desk.claim(ref)


def test_openings_go_with_their_window(desk: Any) -> None:
    """One window, none, another: no batch waits for the first one's opening."""
    desk.now = datetime(2027, 1, 15, 12).astimezone().timestamp()
    campaign, (ref,) = desk.campaign(1, window="3-5")
    desk.ledger.amend(campaign, {"window": ""})
    desk.open_windows()
    assert desk.redis.hget(f"{{smsq}}:c:{campaign}", "o0") is None
    desk.ledger.amend(campaign, {"window": "9-21"})
    refused = desk.try_claim(ref)
    assert (refusal(refused), refused.wait_s) == (ClaimRefusal.CLOSED, 1.0)
    desk.open_windows()
    desk.now += 1
    assert desk.ledger.due("ready:bulk", 10, 3.0) == [ref]
    desk.claim(ref)


def test_a_batch_of_a_campaign_that_recurs_is_held(desk: Any) -> None:
    """Only its occurrences leave; a scheduler of an earlier version hands out its own batches."""
    series = Series(calendar=Recurrence.parse("day 10:00", "Europe/Moscow"), next_at=desk.now + 60)
    campaign, _ = desk.campaign(1, series=series)
    (ref,) = desk.views.batch_refs(campaign)
    desk.redis.zadd("{smsq}:ready:bulk", {str(ref): desk.now * 1000})  # as it does

    assert refusal(desk.try_claim(ref)) is ClaimRefusal.PAUSED
    assert desk.motion() == {}
    assert desk.redis.smembers(f"{{smsq}}:c:{campaign}:h") == {str(ref).encode()}
    assert desk.ledger.feed(campaign, 5, 100) == ([], "recurs")
