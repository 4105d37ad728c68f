"""The ledger picks: the next ready batch of a lane, in the order of their set, and what a repeated call is given."""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any

import pytest

from smsq.worker.domain.batch import Ref, pack
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import Claim, ClaimCall, ClaimRefusal, NewMessage, NoClaim, Settling, Terms
from smsq.worker.ledger.layout import hint_again_ms
from tests.worker.ledger.conftest import ONE, PHONE

TERMS = Terms(
    owner="urgent/host/1/a",
    mirror=ONE,
    lease_s=45.0,
    parallel=10,
    urgent_slots=3,
    slot_kept_s=75.0,
    credentials="right",
)


class Thread:
    """One thread of a worker, whose calls are numbered."""

    def __init__(self, desk: Any, lane: str, name: str = "1", **terms: Any) -> None:
        self.desk, self.lane = desk, lane
        self.terms = dataclasses.replace(TERMS, owner=f"{lane}/host/1/a", **terms)
        self.who, self.number = f"{self.terms.owner}/{name}", 0
        self.nonce = ""

    def next(self) -> Claim | NoClaim:
        self.nonce, self.number = secrets.token_hex(16), self.number + 1
        return self.copy()

    def again(self) -> Claim | NoClaim:
        """The same call once more, since nothing was heard."""
        return self.copy(is_repeated=True)

    def copy(self, *, is_repeated: bool = False) -> Claim | NoClaim:
        call = ClaimCall(self.who, self.number, self.lane, is_repeated)
        return self.desk.ledger.claim_next(self.nonce, self.terms, call)

    def settle_and_next(self, claim: Claim) -> Any:
        self.nonce, self.number = secrets.token_hex(16), self.number + 1
        call = ClaimCall(self.who, self.number, self.lane)
        settling = Settling(claim, "accepted", 0, 1, None, 60.0)
        return self.desk.ledger.settle_and_claim_next(settling, self.nonce, self.terms, call)


@pytest.fixture
def urgent(desk: Any) -> Thread:
    return Thread(desk, "urgent")


@pytest.fixture
def bulk(desk: Any) -> Thread:
    return Thread(desk, "bulk")


def enrolled(desk: Any, batches: int) -> str:
    """A campaign of which nothing is handed out yet."""
    campaign: str = desk.ledger.open_campaign(desk.plan()).id
    rows = range(1, batches + 1)
    desk.ledger.enrol_range(campaign, 1, [pack([PHONE + row], None, [row], 1) for row in rows], [], batches)
    desk.ledger.close_campaign(campaign)
    return campaign


def without_hints(desk: Any, lane: str) -> None:
    """No hint was given of what is ready in this lane, as while all slots were taken."""
    number = SENDING[lane].number
    desk.redis.hset("{smsq}:ctl", f"unhinted:{number}", desk.now * 1000 + hint_again_ms(lane))


def ref_of(claim: Claim | NoClaim) -> Ref:
    assert isinstance(claim, Claim), claim
    return claim.ref


def refusal(claim: Claim | NoClaim) -> ClaimRefusal:
    assert isinstance(claim, NoClaim), claim
    return claim.refusal


# What is next --------------------------------------------------------------------------------------------------------


def test_they_leave_in_the_order_in_which_they_came(desk: Any, urgent: Thread) -> None:
    """Each with what is sent of it; with the last the lane is empty."""
    refs = []
    for phone in range(3):
        refs.append(desk.single(79990000000 + phone, f"Code {phone}"))
        desk.now += 0.1
    without_hints(desk, "urgent")

    claims = [urgent.next() for _ in range(4)]

    assert [ref_of(claim) for claim in claims[:3]] == refs
    assert [claim.left for claim in claims] == [2, 1, 0, 0]
    assert [(claim.recipients, claim.text) for claim in claims[:3] if isinstance(claim, Claim)] == [
        ([79990000000 + phone], f"Code {phone}") for phone in range(3)
    ]
    assert refusal(claims[3]) is ClaimRefusal.NONE
    assert [desk.state(ref) for ref in refs] == [BatchState.SENDING] * 3


def test_each_lane_has_its_own(desk: Any, urgent: Thread, bulk: Thread) -> None:
    """A campaign's batch is no code, and a single message of the bulk lane stands among campaigns'."""
    (single, (_, (batch,))) = desk.single(lane="bulk"), desk.campaign(3)

    assert refusal(urgent.next()) is ClaimRefusal.NONE
    assert {ref_of(bulk.next()), ref_of(bulk.next())} == {single, batch}


def test_campaigns_leave_in_the_order_in_which_they_were_handed_out(desk: Any, bulk: Thread) -> None:
    """The feeder's turns are kept, whoever takes them."""
    one, other = enrolled(desk, 4), enrolled(desk, 4)
    turns = []
    for campaign in (one, other, one, other):
        turns += desk.ledger.feed(campaign, 2, 100)[0]
        desk.now += 0.02

    assert [ref_of(bulk.next()) for _ in turns[:7]] == turns[:7]


def test_what_was_hinted_again_is_still_taken(desk: Any, urgent: Thread) -> None:
    """The sweep moves a batch to the end of the order, not out of it."""
    ref = desk.single()
    desk.now += 2.0
    assert desk.ledger.due("ready:urgent", 10, 1.9995) == [ref]

    assert ref_of(urgent.next()) == ref


# What may not go stands in nobody's way ------------------------------------------------------------------------------


def test_what_may_not_go_yet_is_passed_over(desk: Any, urgent: Thread) -> None:
    """A message that was found absent waits for the gateway's minute, even in its last two seconds."""
    early = desk.single()
    claim = desk.doubted(early)
    desk.now += 59.5
    desk.probe(early, {claim.gateway_id: [0]}, asked_s=59.0, known_s=59.0, window_s=1.0)
    late = desk.single()

    assert (desk.state(early), ref_of(urgent.next())) == (BatchState.READY, late)
    assert refusal(urgent.next()) is ClaimRefusal.NONE
    desk.now += 1.5
    assert ref_of(urgent.next()) == early


def test_a_campaign_at_its_own_pace_keeps_no_other_back(desk: Any, bulk: Thread) -> None:
    """Its batches stand first, and go when their time is there."""
    slow, (first,) = desk.campaign(10, 10, 10, 10, rate=1)
    rest = [desk.ledger.feed(slow, 1, 100)[0][0] for _ in range(3)]
    assert ref_of(bulk.next()) == first
    desk.now += 0.5
    _, (other,) = desk.campaign(3)

    assert ref_of(bulk.next()) == other
    assert refusal(bulk.next()) is ClaimRefusal.NONE
    desk.now += 20.0
    assert ref_of(bulk.next()) in rest


@pytest.mark.parametrize("hand", ["pause", "cancel"])
def test_a_campaign_that_was_stopped_is_looked_at_a_few_at_a_time(desk: Any, bulk: Thread, hand: str) -> None:
    """What is paused is held, what is cancelled ends; the next campaign has its turn soon."""
    stopped, refs = desk.campaign(*[1] * 12)
    desk.ledger.control(stopped, hand)
    desk.now += 0.1
    _, (other,) = desk.campaign(3)

    assert refusal(bulk.next()) is ClaimRefusal.MORE
    assert ref_of(bulk.next()) == other
    assert {desk.state(ref) for ref in refs} == {BatchState.READY if hand == "pause" else BatchState.SETTLED}
    assert desk.redis.zcard("{smsq}:ready:bulk") == 0


def test_a_budget_that_is_spent_pauses_its_campaign_alone(desk: Any, bulk: Thread) -> None:
    """The refusal of the one in front is no refusal of those behind."""
    poor, (first, _) = desk.campaign(2, 2, budget=2.0, part_price=1.0)
    desk.now += 0.1
    _, (other,) = desk.campaign(3)

    assert ref_of(bulk.next()) == first
    assert ref_of(bulk.next()) == other
    assert desk.views.campaign(poor).state == "paused"


def test_a_batch_that_is_late_ends_on_the_way(desk: Any, urgent: Thread) -> None:
    """And the one behind it is claimed in the same call."""
    late = desk.single(deadline_s=1.0)
    desk.now += 1.5
    ref = desk.single()

    assert ref_of(urgent.next()) == ref
    assert desk.state(late) == BatchState.SETTLED


def test_a_refusal_for_everybody_ends_the_look(desk: Any, bulk: Thread) -> None:
    """No money, no slot, a login that is halted: nothing behind the first would fare better."""
    _, refs = desk.campaign(1, 1)
    desk.ledger.halt_money()
    assert refusal(bulk.next()) is ClaimRefusal.HALTED
    desk.ledger.topped_up()
    bulk.terms = dataclasses.replace(bulk.terms, parallel=3)

    assert refusal(bulk.next()) is ClaimRefusal.SLOT
    assert [desk.state(ref) for ref in refs] == [BatchState.READY] * 2


def test_the_last_slot_is_left_to_a_code_that_waits(desk: Any, urgent: Thread, bulk: Thread) -> None:
    """Whoever frees a slot claims the next in the same stroke: a campaign would always come before the code."""
    for _ in range(3):
        desk.single()
        assert isinstance(urgent.next(), Claim)
    desk.campaign(*[1] * 7)
    for _ in range(6):
        assert isinstance(bulk.next(), Claim)
    code = desk.single()

    assert refusal(bulk.next()) is ClaimRefusal.SLOT
    assert ref_of(urgent.next()) == code


# Calls that are repeated ---------------------------------------------------------------------------------------------


def test_a_repeated_call_is_given_the_same_claim(desk: Any, urgent: Thread) -> None:
    """However often, and never another one."""
    desk.single()
    other = desk.single()
    claim = urgent.next()

    assert [urgent.again() for _ in range(3)] == [claim] * 3
    assert desk.state(other) == BatchState.READY


def test_a_repeated_call_whose_first_try_never_came_is_a_call(desk: Any, urgent: Thread) -> None:
    """And if the first try comes after all, it is given the same."""
    ref, other = desk.single(), desk.single()
    urgent.nonce, urgent.number = "n", 1
    claim = urgent.again()

    assert ref_of(claim) == ref
    assert urgent.copy() == claim
    assert desk.state(other) == BatchState.READY


def test_a_copy_that_comes_late_claims_nothing(desk: Any, urgent: Thread) -> None:
    """Nobody would hear of it: neither when the repetition had found nothing, nor when what it was given is over."""
    urgent.nonce, urgent.number = "n", 1
    assert refusal(urgent.again()) is ClaimRefusal.NONE
    ref = desk.single()
    assert refusal(urgent.copy()) is ClaimRefusal.OVER
    urgent.nonce, urgent.number = "m", 2
    claim = urgent.again()
    assert isinstance(claim, Claim)
    desk.ledger.release(claim, unwritten=True)

    assert refusal(urgent.copy()) is ClaimRefusal.OVER
    assert refusal(urgent.again()) is ClaimRefusal.OVER
    assert desk.state(ref) == BatchState.READY


def test_a_copy_of_an_older_call_claims_nothing(desk: Any, urgent: Thread) -> None:
    """Its thread has long gone on."""
    urgent.nonce, urgent.number = "n", 7
    assert refusal(urgent.again()) is ClaimRefusal.NONE
    ref = desk.single()
    urgent.nonce, urgent.number = "m", 6

    assert refusal(urgent.copy()) is ClaimRefusal.OVER
    assert desk.state(ref) == BatchState.READY


def test_a_copy_of_a_call_for_a_certain_batch_claims_nothing(desk: Any) -> None:
    """The same for a call that names its batch."""
    ref = desk.single()
    call = ClaimCall("urgent/host/1/a/1", 1, "urgent", is_repeated=True)
    claim = desk.try_claim(ref, "n", call=call)
    assert desk.try_claim(ref, "n", call=call) == claim
    desk.ledger.release(claim, unwritten=True)

    assert refusal(desk.try_claim(ref, "n", call=dataclasses.replace(call, is_repeated=False))) is ClaimRefusal.OVER
    assert desk.state(ref) == BatchState.READY


def test_what_is_doubtful_by_now_is_not_given_again(desk: Any, urgent: Thread) -> None:
    """Between two tries its worker was silent for too long; the repetition is given another."""
    ref, other = desk.single(), desk.single()
    assert ref_of(urgent.next()) == ref
    desk.now += 46.0
    assert desk.ledger.expire(ref, 1.0, 3.0) == "doubtful"

    assert ref_of(urgent.again()) == other
    assert ref_of(urgent.again()) == other


def test_a_call_of_another_run_is_not_given_its_claim_again(desk: Any, urgent: Thread) -> None:
    """The roll call decides about that claim; under the new run the call is one that was never made."""
    ref, other = desk.single(), desk.single()
    assert ref_of(urgent.next()) == ref
    desk.redis.hset("{smsq}:run", "birth", "another")
    assert refusal(urgent.again()) is ClaimRefusal.HALTED
    desk.redis.hset("{smsq}:run", "current", desk.ledger.beat("").run)

    assert refusal(urgent.again()) is ClaimRefusal.OVER
    assert ref_of(urgent.next()) == other


def test_of_calls_that_are_answered_at_once_nothing_is_written_down(desk: Any, urgent: Thread) -> None:
    """Only a call that was repeated has copies."""
    desk.single()
    urgent.next()
    urgent.next()
    assert desk.redis.hlen("{smsq}:calls") == 0

    urgent.again()

    assert desk.redis.hlen("{smsq}:calls") == 1
    assert 0 < desk.redis.ttl("{smsq}:calls") <= 3600


# With the settling ---------------------------------------------------------------------------------------------------


def test_settling_and_the_next_claim_are_one_round_trip(desk: Any, urgent: Thread) -> None:
    """Each with its own answer."""
    first, second = desk.single(), desk.single()
    claim = urgent.next()

    settled, following = urgent.settle_and_next(claim)

    assert (settled.word, ref_of(following)) == ("settled", second)
    assert [desk.state(ref) for ref in (first, second)] == [BatchState.SETTLED, BatchState.SENDING]


def test_a_settling_alone_says_how_many_are_left(desk: Any, urgent: Thread) -> None:
    """So that a thread that knew of none goes on, or goes back to the bell."""
    desk.single()
    claim = urgent.next()
    desk.single()
    without_hints(desk, "urgent")

    assert (claim.left, desk.ledger.settle_accepted(claim, 1, None, 60.0).left) == (0, 1)


def test_what_has_a_hint_of_its_own_is_left_to_whom_that_wakes(desk: Any, urgent: Thread) -> None:
    """Else he would be woken for nothing: only what came up to the last one without a hint is counted."""
    for _ in range(3):
        desk.single()
    without_hints(desk, "urgent")
    desk.now += 0.01
    for _ in range(4):
        desk.single()

    assert [urgent.next().left for _ in range(5)] == [2, 1, 0, 0, 0]


def test_a_stale_settling_does_not_keep_the_claim_back(desk: Any, urgent: Thread) -> None:
    """What it says of the messages counts all the same."""
    first, second = desk.single(), desk.single()
    claim = urgent.next()
    desk.now += 46.0
    desk.ledger.expire(first, 1.0, 3.0)

    settled, following = urgent.settle_and_next(claim)

    assert (settled.word, ref_of(following)) == ("stale", second)
    assert desk.statuses(first) == ["accepted"]


def test_a_settling_that_fails_is_told_apart_from_the_claim(desk: Any, urgent: Thread) -> None:
    """And the other way round."""
    desk.single()
    second = desk.single()
    claim = urgent.next()
    shard = "{smsq}:b:0"
    kept = desk.redis.hget(shard, f"{claim.ref.number}m")
    desk.redis.hset(shard, f"{claim.ref.number}m", b"\xc1")
    settled, following = urgent.settle_and_next(claim)
    assert isinstance(settled, LedgerTrouble)
    assert ref_of(following) == second

    desk.redis.hset(shard, f"{claim.ref.number}m", kept)
    third = desk.single()
    desk.redis.hset(shard, f"{third.number}m", b"\xc1")
    settled, following = urgent.settle_and_next(claim)
    assert settled.word == "settled"
    assert isinstance(following, LedgerTrouble)


# Hints that would wake nobody ----------------------------------------------------------------------------------------


def test_a_message_without_a_hint_is_left_to_those_who_go_on(desk: Any) -> None:
    """And those that wait before it; they hear of it with their next claim or settling."""
    claims = full_lane(desk)
    assert [claim.left for claim in claims] == [0, 0]
    assert not is_hint_needed(desk)

    assert desk.ledger.settle_accepted(claims[0], 1, None, 60.0).left == 6


def full_lane(desk: Any, waiting: int = 5, parallel: int = 2, taken: int = 0) -> list[Claim]:
    """All slots, or those that are not `taken`, are taken by threads that go on by themselves, and some wait."""
    names = range(taken, parallel)
    for _ in range(len(names) + waiting):
        desk.single()
    claims = [Thread(desk, "urgent", str(n), parallel=parallel, urgent_slots=1).next() for n in names]
    return [claim for claim in claims if isinstance(claim, Claim)]


def is_hint_needed(desk: Any) -> bool:
    return desk.ledger.enrol(NewMessage(79990000099, "Hi")).is_hint_needed


def test_no_hint_is_needed_while_every_slot_is_taken_by_those_who_go_on(desk: Any) -> None:
    """Who has an answer claims the next; those who wait for a slot were hinted for what waits already."""
    full_lane(desk)

    assert not is_hint_needed(desk)


@pytest.mark.parametrize("waiting", [0, 3])
def test_a_hint_is_needed_while_few_wait(desk: Any, waiting: int) -> None:
    """Somebody must wait beside those who have the slots, since a slot can come free by other ways."""
    full_lane(desk, waiting)

    assert is_hint_needed(desk)


def test_a_hint_is_needed_as_soon_as_a_slot_is_free(desk: Any) -> None:
    """A thread may be asleep, and the message goes at once."""
    claims = full_lane(desk)
    desk.accept(claims[0])

    assert is_hint_needed(desk)


def test_a_hint_is_needed_once_nothing_was_claimed_for_a_while(desk: Any) -> None:
    """Those who have the slots may be dead."""
    full_lane(desk)
    desk.now += 0.31

    assert is_hint_needed(desk)


@pytest.mark.parametrize(("lane", "seconds"), [("urgent", 1.8), ("bulk", 44.8)])
def test_a_hint_is_needed_while_a_request_is_overdue(desk: Any, lane: str, seconds: float) -> None:
    """Its slot may come free by time, which wakes nobody, and a code need not even wait for that."""
    ref = desk.single(lane=lane)
    assert ref_of(Thread(desk, lane).next()) == ref

    desk.now += seconds
    claim, *_ = full_lane(desk, taken=1)
    assert not is_hint_needed(desk)

    desk.accept(claim)
    desk.now += 0.31
    assert isinstance(Thread(desk, "urgent", "1", parallel=2, urgent_slots=1).next(), Claim)
    assert is_hint_needed(desk)


def test_a_hint_is_needed_where_workers_do_not_go_on_by_themselves(desk: Any) -> None:
    """As those of an older version."""
    refs = [desk.single() for _ in range(7)]
    for ref in refs[:2]:
        desk.claim(ref, parallel=2, urgent_slots=1)

    assert is_hint_needed(desk)


def test_a_feeder_hears_the_same_of_its_lane(desk: Any) -> None:
    """With what it handed out."""
    desk.campaign(*[1] * 20)
    more = enrolled(desk, 3)
    assert desk.ledger.feed(more, 1, 100)[1] == ""
    threads = [Thread(desk, "bulk", str(n)) for n in range(7)]
    for thread in threads:
        assert isinstance(thread.next(), Claim)

    assert desk.ledger.feed(more, 1, 100)[1] == "awake"
    desk.now += 0.31
    assert desk.ledger.feed(more, 1, 100)[1] == ""
