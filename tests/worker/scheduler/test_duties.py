from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from smsq.worker.domain.batch import MessageId, Ref, pack
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import BatchState, Status
from smsq.worker.ledger import Plan, retention
from smsq.worker.ledger.batches.asking import Probe
from smsq.worker.ledger.campaigns.lately import Lately, Printer
from smsq.worker.scheduler.asks import Asks
from smsq.worker.scheduler.doubts import Doubts
from smsq.worker.scheduler.feed import LEAST_AHEAD, MOST_AHEAD, Feed
from smsq.worker.scheduler.history import History
from smsq.worker.scheduler.money import Money
from smsq.worker.scheduler.sweeper import Sweeper
from smsq.worker.scheduler.upkeep import Upkeep

PHONE = 79990000000
DAY_S = 86400.0


def window(office: Any) -> int:
    """Batches ahead before anything has left: so many for each slot of the bulk lane."""
    settings = office.runtime.settings
    return LEAST_AHEAD * (settings.parallel_sends - settings.urgent_slots)


def fed(office: Any) -> dict[str, int]:
    return {view.id: view.fed for view in office.views.campaigns()}


def test_the_feed_is_fair_and_its_window_bounded(office: Any) -> None:
    """A large campaign and a small one get the same; nothing more while nobody claims."""
    large, small = office.campaign(300), office.campaign(300)
    feed = Feed(office.runtime)
    for _ in range(5):
        feed.tick(office.now)

    assert sum(fed(office).values()) == window(office)
    assert fed(office)[large] == fed(office)[small]
    hinted = [ref for _, refs in office.hinted("bulk") for ref in refs]
    assert len(hinted) == len(set(hinted)) == window(office)


def test_the_feed_gives_no_hint_that_would_wake_nobody(office: Any) -> None:
    """All slots are taken by workers who go on by themselves, and they have not run out of batches."""
    office.campaign(300)
    office.ledger.feed(office.campaign(300), 5, 100)
    far = 10**15
    office.redis.hset("{smsq}:ctl", "awake:1", f"2 {far}")
    office.redis.zadd("{smsq}:slots:bulk", {"1/1": far, "2/1": far})

    Feed(office.runtime).tick(office.now)

    assert (sum(fed(office).values()), office.hinted("bulk")) == (window(office), [])


def test_the_window_is_topped_up_as_batches_leave(office: Any) -> None:
    """Once half of them are gone, and further ahead where they leave quickly."""
    office.campaign(500)
    feed = Feed(office.runtime)
    feed.tick(office.now)
    hinted = [ref for _, refs in office.hinted("bulk") for ref in refs]
    for ref in hinted[: len(hinted) // 2]:
        office.settled(Ref.parse(ref))
    feed.tick(office.now)
    assert window(office) <= office.views.in_motion()["ready:bulk"] <= MOST_AHEAD


@pytest.mark.parametrize("why", ["paused", "cancelled", "scheduled"])
def test_what_may_not_go_is_not_fed(office: Any, why: str) -> None:
    """And takes nothing from the others for long."""
    waiting = office.campaign(60, start_at=office.now + 3600 if why == "scheduled" else None)
    if why != "scheduled":
        office.ledger.control(waiting, "pause" if why == "paused" else "cancel")
    going = office.campaign(60)
    feed = Feed(office.runtime)
    for _ in range(10):
        feed.tick(office.now)

    assert fed(office)[waiting] == 0
    assert fed(office)[going] == window(office)


def test_a_slow_campaign_does_not_stand_in_the_way(office: Any) -> None:
    """What its own pace keeps back is not handed out, so the window is the others'."""
    slow, fast = office.campaign(300, rate=0.05), office.campaign(300)
    feed = Feed(office.runtime)
    for _ in range(20):
        feed.tick(office.now)
        for _, refs in office.hinted("bulk"):
            for ref in refs:
                if Ref.parse(ref).campaign == fast:
                    office.settled(Ref.parse(ref))
                else:
                    office.try_claim(Ref.parse(ref))
    assert fed(office)[fast] == 300
    assert fed(office)[slow] <= 3


def test_sending_hours(office: Any) -> None:
    """By the clock of the wall."""
    campaign = office.campaign(5, window="9-21")
    feed = Feed(office.runtime)
    night, day = (datetime(2026, 11, 21, hour, 30).astimezone().timestamp() for hour in (3, 12))
    feed.tick(night)
    assert fed(office)[campaign] == 0
    feed.tick(day)
    assert fed(office)[campaign] == 5


def test_the_sweeper_hints_again_what_nobody_claimed(office: Any) -> None:
    """Urgent after two seconds, bulk after three; what was claimed is not hinted."""
    urgent, taken, bulk = office.single(), office.single(1), office.single(2, lane="bulk")
    office.settled(taken)
    sweeper = Sweeper(office.runtime)
    sweeper.tick(office.now)
    assert office.hinted("urgent") + office.hinted("bulk") == []
    office.ahead_s = 2.5
    sweeper.tick(office.now)
    assert office.hinted("urgent") == [("send_batches", [str(urgent)])]
    assert office.hinted("bulk") == []
    office.ahead_s = 3.5
    sweeper.tick(office.now)
    assert office.hinted("bulk") == [("send_batches", [str(bulk)])]


def test_hints_do_not_pile_up_where_nobody_takes_them(office: Any) -> None:
    """Thousands of them would stand before a worker that comes."""
    for n in range(50):
        office.single(n)
    sweeper, most = Sweeper(office.runtime), 4 * office.runtime.settings.parallel_sends
    for _ in range(20):
        office.ahead_s += 3.0
        sweeper.tick(office.now)
    assert office.runtime.hints.waiting("urgent") <= 2 * most


def test_the_sweeper_doubts_what_its_worker_left_behind(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three beats missed, that we could have heard; a live worker's claim stays until its lease ends."""
    seconds = [1000.0]
    monkeypatch.setattr(office.runtime.clock, "monotonic", lambda: seconds[0])
    dead, alive = office.single(), office.single(1)
    office.ledger.beat("bulk/h/1/a")
    office.claim(dead)
    sweeper = Sweeper(office.runtime)
    sweeper.tick(office.now)
    assert office.views.in_motion()["doubt"] == 0
    office.ahead_s = 3.5
    sweeper.tick(office.now)
    assert office.views.in_motion()["doubt"] == 0  # Redis may have been away until just now
    for seconds[0] in (1001.0, 1002.0, 1003.0):
        sweeper.tick(office.now)
    assert office.views.in_motion()["doubt"] == 1
    office.ledger.beat("bulk/h/1/a")
    office.claim(alive)
    sweeper.tick(office.now)
    assert office.views.in_motion()["lease"] == 1


def test_doubts_and_asks_are_hinted_when_due(office: Any) -> None:
    """And again where nobody carried it out; ids taken for absent now and then."""
    doubtful, accepted = office.single(lane="bulk"), office.single(1, lane="bulk")
    office.ledger.doubt(office.claim(doubtful), "no_answer", 1.0)
    office.settled(accepted)
    office.redis.zadd("{smsq}:watch", {str(doubtful): 0})
    duties = [Doubts(office.runtime), Asks(office.runtime)]
    for duty in duties:
        duty.tick(office.now)
    assert office.hinted("status") == [("watch_absent", [str(doubtful)])]
    for _ in range(2):
        office.ahead_s += 61.0
        for duty in duties:
            duty.tick(office.now)
        assert office.hinted("status") == [("settle_doubts", [str(doubtful)]), ("ask_statuses", [str(accepted)])]


def test_codes_are_asked_about_apart_and_one_by_one(office: Any) -> None:
    """Their questions wait in a queue of their own, and none of them for another's answer."""
    doubtful, accepted = [office.single(n) for n in range(2)], office.single(2)
    for ref in doubtful:
        office.ledger.doubt(office.claim(ref), "no_answer", 1.0)
    office.settled(accepted)
    office.ahead_s = 61.0
    for duty in (Doubts(office.runtime), Asks(office.runtime)):
        duty.tick(office.now)

    assert office.hinted("status") == []
    assert office.hinted("status.urgent") == [
        *(("settle_urgent_doubts", [str(ref)]) for ref in doubtful),
        ("ask_urgent_statuses", [str(accepted)]),
    ]
    assert office.views.in_motion()["doubt"] == 2


def test_history_is_read_while_much_is_missing(office: Any) -> None:
    """Not for one or two, which are asked about by themselves."""
    history = History(office.runtime)
    for n in range(3):
        assert office.hinted("status") == []
        office.settled(office.single(n))
        history.tick(office.now)
    assert office.hinted("status") == [("read_history",)]


@pytest.mark.parametrize("is_doubtful", [False, True])
def test_history_is_read_for_a_single_batch_too(office: Any, is_doubtful: bool) -> None:
    """One of a campaign may hold hundreds of messages, of which two questions tell little."""
    ((ref,), _) = office.ledger.feed(office.campaign(1), 1, 100)
    if is_doubtful:
        office.ledger.doubt(office.claim(ref), "no_answer", 1.0)
    else:
        office.settled(ref)
    assert office.hinted("status") == []

    History(office.runtime).tick(office.now)

    assert office.hinted("status") == [("read_history",)]


def test_the_balance_is_looked_at_now_and_then(office: Any) -> None:
    """Often while an empty account halts the lane."""
    money = Money(office.runtime)
    for seconds in (0, 15, 30, 301):
        money.tick(office.now + seconds)
    assert office.hinted("chores") == [("check_balance",)] * 2
    office.ledger.halt_money()
    money.tick(office.now + 302)
    assert len(office.hinted("chores")) == 1


def test_texts_go_first_then_everything(office: Any) -> None:
    """Gateway ids, rejects, the record of the file; a later campaign of the same file keeps its own."""
    campaign = office.campaign(2, digest="d1")
    refs = office.ledger.feed(campaign, 2, 100)[0]
    claims = [office.settled(ref) for ref in refs]
    office.ledger.advance(
        [Fact(gateway_id=c.gateway_id, recipient=c.recipients[0], status=Status.DELIVERED) for c in claims]
    )
    again = office.ledger.open_campaign(Plan(name="again", digest="d1", text="Hello", template="Hello"), again=True)
    upkeep = Upkeep(office.runtime)
    upkeep.tick(office.now + 1800)
    assert office.views.campaign(campaign).template == "Hello"
    upkeep.tick(office.now + 3700)
    assert office.views.campaign(campaign).template == ""
    assert office.views.campaign(campaign).statuses == {"delivered": 2}

    upkeep.tick(office.now + 4 * DAY_S + 1)
    assert office.views.campaign(campaign) is None
    assert office.ledger.batches_of([claim.gateway_id for claim in claims]) == [None, None]
    assert office.redis.get("{smsq}:digest:d1") == again.id.encode()


def test_texts_stay_while_a_parked_message_may_be_released(office: Any) -> None:
    """It would go out empty."""
    campaign = office.campaign(1)
    (ref,) = office.ledger.feed(campaign, 1, 100)[0]
    claim = office.claim(ref)
    office.ledger.doubt(claim, "no_answer", 1.0)
    office.ahead_s = 73 * 3600.0
    state, _ = office.ledger.probe(
        ref, Probe(office.now, 1.0, [], 0.0, True, {}), window_s=300, arrival_s=195, next_ask_s=60,
        patience_s=72 * 3600, blind_patience_s=24 * 3600,
    )  # fmt: skip
    assert state == "parked"
    Upkeep(office.runtime).tick(office.now + 7200)
    office.ledger.resolve(ref, claim.fence, "release")
    assert office.claim(ref).text == "Hello"


def test_singles_are_forgotten_after_their_end(office: Any) -> None:
    """A bulk one's text an hour after it, the rest after days; one that is not final stays."""
    done, waiting = office.single(lane="bulk", key="a"), office.single(1, lane="bulk", key="b")
    claim = office.settled(done)
    office.settled(waiting)
    office.ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=PHONE, status=Status.DELIVERED)])
    upkeep = Upkeep(office.runtime)
    shard = f"{{smsq}}:b:{done.number // 1024}"
    upkeep.tick(office.now + 3650)
    assert [office.redis.hexists(shard, f"{ref.number}t") for ref in (done, waiting)] == [False, True]
    upkeep.tick(office.now + 4 * DAY_S + 60)
    batches = office.ledger.read([done, waiting])
    assert batches[0] is None
    assert batches[1] is not None
    assert batches[1].state == BatchState.SETTLED
    assert office.ledger.batches_of([claim.gateway_id]) == [None]
    assert office.single(1, lane="bulk", key="b") == waiting  # not final: its key is known, however old
    assert office.single(lane="bulk", key="a") != done


def test_what_is_removed_leaves_nothing_behind(office: Any) -> None:
    """Neither in a set of what is in motion nor in a gauge: parked, asked about or watched."""
    campaign = office.campaign(3)
    refs = office.ledger.feed(campaign, 3, 100)[0]
    for ref in refs[:2]:
        office.settled(ref)
    office.redis.zadd("{smsq}:parked", {str(refs[2]): 1})
    office.redis.zadd("{smsq}:watch", {str(refs[0]): 1})
    office.redis.hset(office.ledger.keys.campaign(campaign), mapping={"state": "done", "done_at": 1})

    Upkeep(office.runtime).tick(office.now + 4 * DAY_S + 1)

    assert office.views.campaign(campaign) is None
    assert set(office.views.in_motion().values()) == {0}
    depth = office.views.depth()
    assert (sum(depth.shown["smsq_batches"].values()), depth.one("smsq_pending_statuses")) == (0, 0)


def test_a_purged_batch_that_is_still_due_is_not_due_again(office: Any) -> None:
    """Whoever is hinted of it takes it out."""
    from smsq.worker.actors.doubts import DoubtSettler
    from smsq.worker.actors.statuses import Statuses
    from smsq.worker.questions.asker import Asker

    gone = str(Ref(1, "camp1"))
    office.redis.set("{smsq}:n:batch", 1)
    for name in ("asks", "asks:urgent", "watch"):
        office.redis.zadd("{smsq}:" + name, {gone: 1})
    asker = Asker(office.runtime)
    Statuses(office.runtime, asker).ask_statuses([gone])
    DoubtSettler(office.runtime, asker).watch_absent([gone])

    assert set(office.views.in_motion().values()) == {0}


def test_the_depth_tells_the_oldest_and_counts_messages(office: Any) -> None:
    """What is due first is mostly the youngest; batches are no messages."""
    first, second = office.single(), office.single(1)
    (third,) = office.ledger.feed(office.campaign(1), 1, 100)[0]
    office.redis.zadd("{smsq}:ready:urgent", {str(first): 9e15, str(second): 1})
    office.ahead_s = 100.0
    youngest = office.single(2)
    assert office.views.depth().by("smsq_queue_oldest_seconds")["urgent"] > 99
    for ref in (first, third, youngest):
        office.settled(ref)
    office.redis.zadd("{smsq}:asks", {str(first): 9e15})

    depth = office.views.depth()

    assert depth.one("smsq_pending_statuses") == 3
    assert depth.one("smsq_status_age_seconds") > 99


def test_a_doubt_that_ends_is_counted_with_its_time(office: Any) -> None:
    """Found is the end one hopes for."""
    ref = office.single()
    claim = office.claim(ref)
    office.ledger.doubt(claim, "no_answer", 1.0)
    office.ahead_s = 7.0
    office.ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=claim.recipients[0], status=Status.ACCEPTED)])

    depth = office.views.depth()

    assert depth.by("smsq_doubts_total") == {"found": 1}
    assert depth.by("smsq_doubt_settle_seconds_count") == {"found": 1}
    assert 6.9 <= depth.by("smsq_doubt_settle_seconds_sum")["found"] < 60
    assert depth.one("smsq_pending_statuses") == 1


@pytest.mark.parametrize("spread_ms", [0, 1, 30_000], ids=["at once", "one after the other", "over hours"])
def test_texts_of_singles_go_whenever_upkeep_comes_back(office: Any, monkeypatch: Any, spread_ms: int) -> None:
    """A scheduler that was away for days leaves none behind."""
    monkeypatch.setattr(retention, "AT_ONCE", 4)
    refs = [office.single(n, lane="bulk") for n in range(10)]
    began = int(office.now * 1000)
    office.redis.zadd("{smsq}:ended", {str(ref): began + n * spread_ms for n, ref in enumerate(refs)})

    def texts() -> int:
        return sum(office.redis.hexists(office.ledger.keys.shard(ref.number), f"{ref.number}t") for ref in refs)

    Upkeep(office.runtime).tick(office.now)
    assert texts() == 10
    for _ in range(6):
        Upkeep(office.runtime).tick(office.now + 2 * DAY_S)
    assert texts() == 0


def test_campaigns_that_are_over_cost_the_feed_nothing(office: Any) -> None:
    """It reads the live ones; one that an earlier version began is found again."""
    over, lost, live = (office.campaign(1) for _ in range(3))
    (ref,) = office.ledger.feed(over, 1, 100)[0]
    claim = office.settled(ref)
    office.ledger.advance([Fact(gateway_id=claim.gateway_id, recipient=claim.recipients[0], status=Status.DELIVERED)])
    office.redis.zrem("{smsq}:live", lost)
    assert [campaign.id for campaign in office.views.running()] == [live]

    Upkeep(office.runtime).tick(office.now)

    assert set(office.redis.zrange("{smsq}:live", 0, -1)) == {lost.encode(), live.encode()}
    assert {campaign.id for campaign in office.views.running()} == {lost, live}
    assert {campaign.id for campaign in office.views.campaigns()} == {live, lost, over}


def test_a_large_campaign_is_removed_without_a_pause(office: Any, monkeypatch: Any) -> None:
    """Part by part, every second."""
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    campaign = office.campaign(5)
    office.redis.hset(office.ledger.keys.campaign(campaign), mapping={"state": "done", "done_at": 1})
    upkeep = Upkeep(office.runtime)
    for second in range(3):
        upkeep.tick(office.now + 5 * DAY_S + second)

    assert office.views.campaign(campaign) is None
    assert office.redis.zcard("{smsq}:live") == 0


def test_texts_leave_fingerprints_part_by_part(office: Any, monkeypatch: Any) -> None:
    """Each second a few batches; texts that are gone are known again, and all of it goes with the campaign."""
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    ledger = office.ledger
    opened = ledger.open_campaign(Plan(name="own", digest="d1", text=None, template="Hi {name}"))
    packed = [pack([PHONE + n], [f"Hi {n}"], [n + 1], 1) for n in range(5)]
    ledger.enrol_range(opened.id, 1, packed, [], 5)
    ledger.close_campaign(opened.id)
    refs = office.views.batch_refs(opened.id)
    ledger.redis.hset(ledger.keys.campaign(opened.id), mapping={"state": "done", "done_at": int(office.now * 1000)})

    def held(letter: str) -> list[bool]:
        return [ledger.redis.hexists(ledger.keys.shard(ref.number), f"{ref.number}{letter}") for ref in refs]

    upkeep, seen = Upkeep(office.runtime), []
    for second in range(3):
        upkeep.tick(office.now + 3700 + second)
        seen.append((sum(held("t")), sum(held("h"))))
    (earlier,) = Lately(ledger).campaigns(None)
    printer = Printer(office.runtime.sealer.key(), None)
    told = Lately(ledger).sent(earlier, lambda phones, way: [(place, place) for place in range(len(phones))])
    known = {phone: said for _, phone, said in told}

    assert seen == [(3, 2), (1, 4), (0, 5)]
    assert known == {PHONE + n: printer.name + printer.each(PHONE + n, f"Hi {n}") for n in range(5)}
    for second in range(4):
        upkeep.tick(office.now + 5 * DAY_S + second)
    assert not any(held("h"))


def test_late_messages_end_without_a_worker(office: Any) -> None:
    """A code that nobody could send is late, not queued for ever."""
    late = [office.single(lane=lane, deadline_s=5.0) for lane in ("urgent", "bulk")]
    waiting = office.single(3)
    upkeep = Upkeep(office.runtime)
    upkeep.tick(office.now)
    assert {office.ledger.read([ref])[0].state for ref in late} == {BatchState.READY}
    office.ahead_s = 6.0
    upkeep.tick(office.now)

    assert [office.views.receipt(MessageId(ref.number, 0)).status for ref in late] == ["late", "late"]
    assert office.views.receipt(MessageId(waiting.number, 0)).status == "queued"


def test_functions_of_other_versions_go_a_day_after_the_start(office: Any) -> None:
    """Those of ours stay; and not at once, so that an upgrade is over by then."""
    redis, name = office.ledger.redis, "smsq_due_0000000000000000"
    redis.function_load(f"#!lua name={name}\nredis.register_function('{name}', function() return 1 end)", replace=True)
    upkeep = Upkeep(office.runtime)
    left = []
    for after_s in (0.0, DAY_S - 1, DAY_S):
        upkeep.tick(office.now + after_s)
        left.append(len(redis.function_list("smsq_due_0*")))

    assert left == [1, 1, 0]
    assert redis.function_list("smsq_establish_*")
