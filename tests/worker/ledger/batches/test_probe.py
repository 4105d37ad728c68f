from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.domain.errors import LedgerHalted
from smsq.worker.domain.status import BatchState, IdState, Status
from tests.worker.ledger.conftest import BOTH_WAYS, WINDOW_S

pytestmark = BOTH_WAYS

PHONE = 79990000000
OTHER = "https://other"


def test_trusted_absence_makes_it_ready_again(desk: Any) -> None:
    """After the window, on the mirror that carried it, with a younger control; a batch of one waits out the guard."""
    ref = desk.single()
    claim = desk.doubted(ref)
    assert desk.probe(ref, {claim.gateway_id: [0]}) == ("ready", "")
    assert desk.view(ref).ids[0].state == IdState.ABSENT
    assert desk.motion() == {"ready:urgent": 1, "watch": 1}
    second = desk.claim(ref)
    assert (second.gateway_id > claim.gateway_id, second.fence, second.attempt) == (True, 2, 2)


@pytest.mark.parametrize("guard_s", [2.0, 61.0], ids=["a gateway's short minute", "the real one"])
def test_one_that_is_absent_goes_again_when_the_gateways_minute_is_over(desk: Any, guard_s: float) -> None:
    """Its guard against duplicates lasts as long as the setting says, counted from the newest claim."""
    ref = desk.single()
    claim = desk.doubted(ref)
    claimed_at = desk.view(ref).ids[0].claimed_at
    assert desk.probe(ref, {claim.gateway_id: [0]}, asked_s=1.5, known_s=1.5, window_s=1.0, guard_s=guard_s) == (
        "ready",
        "",
    )

    assert desk.redis.zscore("{smsq}:ready:urgent", str(ref)) == (claimed_at + guard_s) * 1000


@pytest.mark.parametrize(
    "short",
    [
        pytest.param({"asked_s": 299.999}, id="window one ms short"),
        pytest.param({"known_s": 299.999}, id="known too short"),
        pytest.param({"control_s": None}, id="no control"),
        pytest.param({"control_s": None, "asked_s": 700.0, "known_s": 700.0}, id="no control after two windows"),
        pytest.param({"control_s": 195.0}, id="control too old for one window"),
        pytest.param({"control_s": 195.0, "asked_s": 599.999, "known_s": 700.0}, id="two windows one ms short"),
        pytest.param({"control_s": 195.0, "asked_s": 700.0, "known_s": 599.999}, id="two windows known too short"),
        pytest.param({"mirrors": [OTHER]}, id="wrong mirror"),
        pytest.param({"mirrors": []}, id="no mirror"),
        pytest.param({"mirrors": ["https://one.more"]}, id="mirror whose name begins alike"),
        pytest.param({"wanting": True}, id="another mirror was not asked"),
    ],
)
def test_absence_that_may_not_be_trusted(desk: Any, short: dict[str, Any]) -> None:
    """Nothing is recorded; it is asked about again."""
    ref = desk.single()
    claim = desk.doubted(ref)
    assert desk.probe(ref, {claim.gateway_id: [0]}, **short) == ("doubtful", "")
    assert desk.view(ref).ids[0].absents == ""
    assert desk.motion() == {"doubt": 1, "blind": 1}


def test_absence_counts_from_when_it_was_asked(desk: Any) -> None:
    """A question that was put within the window and written down long after it says nothing."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.now += 1000
    assert desk.probe(ref, {claim.gateway_id: [0]}, asked_s=299.999, known_s=1000.0) == ("doubtful", "")
    assert desk.view(ref).ids[0].absents == ""
    assert desk.probe(ref, {claim.gateway_id: [0]}, asked_s=300.0, known_s=1000.0) == ("ready", "")


def test_an_older_control_is_enough_after_two_windows(desk: Any) -> None:
    """Accepted before the doubtful attempt could have arrived."""
    ref = desk.single()
    claim = desk.doubted(ref)
    assert desk.probe(ref, {claim.gateway_id: [0]}, control_s=-500.0, asked_s=600.0, known_s=600.0)[0] == "ready"


def test_every_phone_must_be_absent(desk: Any) -> None:
    """One of two is not enough; what was seen is remembered."""
    _, (ref,) = desk.campaign(2)
    claim = desk.doubted(ref)
    assert desk.probe(ref, {claim.gateway_id: [1]})[0] == "doubtful"
    assert desk.probe(ref, {claim.gateway_id: [0]}, asked_s=360.0)[0] == "ready"


def test_every_open_id_must_be_absent(desk: Any) -> None:
    """An operator's release left the first one open."""
    ref = desk.single()
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    second = desk.doubted(ref)
    assert desk.probe(ref, {second.gateway_id: [0]})[0] == "doubtful"
    assert desk.probe(ref, {first.gateway_id: [0]}, asked_s=360.0)[0] == "ready"


def test_the_found_stay_and_the_absent_go_again(desk: Any) -> None:
    """Only those."""
    _, (ref,) = desk.campaign(3)
    claim = desk.doubted(ref)
    desk.fact(claim.gateway_id, PHONE + 2, Status.ACCEPTED)
    assert desk.probe(ref, {claim.gateway_id: [0, 2]})[0] == "ready"
    assert desk.claim(ref).recipients == [PHONE + 1, PHONE + 3]
    assert desk.statuses(ref) == ["sending", "accepted", "sending"]


def test_policy_poison_and_patience_park(desk: Any) -> None:
    """Each with its reason; what is parked is still watched."""
    policy = desk.single(on_doubt="park")
    claim = desk.doubted(policy)
    assert desk.probe(policy, {claim.gateway_id: [0]}) == ("parked", "policy")

    poison = desk.single(phone=PHONE + 1)
    for death in range(3):
        claim = desk.claim(poison)
        desk.now += 46
        desk.ledger.expire(poison, 1.0, 3.0)
        desk.now += 400
        found = desk.probe(poison, {claim.gateway_id: [0]})
        assert found == (("ready", "") if death < 2 else ("parked", "poison"))

    undecided = desk.single(phone=PHONE + 2)
    desk.settled(desk.single(phone=PHONE + 3))
    desk.doubted(undecided)
    assert desk.probe(undecided, {}, asked_s=71 * 3600.0)[0] == "doubtful"
    assert desk.probe(undecided, {}, asked_s=73 * 3600.0) == ("parked", "undecided")
    assert desk.motion()["parked"] == 3
    assert desk.motion()["watch"] == 3
    assert {desk.view(ref).why for ref in (policy, poison, undecided)} == {"policy", "poison", "undecided"}


def test_what_a_journal_brings_back_has_a_window_and_a_fence_of_its_own(desk: Any) -> None:
    """The ledger forgot a claim: its id is asked about from now on, and its worker's word moves no later claim."""
    ref = desk.single()
    shard, field = desk.ledger.keys.shard(ref.number), f"{ref.number}m"
    before = desk.redis.hget(shard, field)
    forgotten = desk.claim(ref)
    desk.redis.hset(shard, field, before)
    desk.now += 1000
    desk.redis.hset("{smsq}:ctl", "fell", "an old copy was restored")
    assert desk.ledger.adopt(ref, forgotten.gateway_id, "https://one") == "doubtful"
    desk.redis.hdel("{smsq}:ctl", "fell")

    assert desk.view(ref).ids[0].claimed_at == desk.now
    assert desk.probe(ref, {forgotten.gateway_id: [0]})[0] == "ready"
    desk.now += 61
    desk.claim(ref)
    assert desk.ledger.doubt(forgotten, "no_answer", 1.0) == "stale"
    assert desk.state(ref) == BatchState.SENDING


def test_a_policy_does_not_park_what_may_still_be_found(desk: Any) -> None:
    """Only trusted absence does; until then it is asked about like any other."""
    ref = desk.single(on_doubt="park")
    claim = desk.doubted(ref)
    assert desk.probe(ref, {claim.gateway_id: [0]}, asked_s=299.999) == ("doubtful", "")
    assert desk.motion() == {"doubt": 1, "blind": 1}


def test_without_any_control_it_is_parked_after_a_day(desk: Any) -> None:
    """There was never anything to compare with."""
    ref = desk.single()
    claim = desk.doubted(ref)
    assert desk.probe(ref, {claim.gateway_id: [0]}, control_s=None, asked_s=23 * 3600.0)[0] == "doubtful"
    assert desk.probe(ref, {claim.gateway_id: [0]}, control_s=None, asked_s=25 * 3600.0) == ("parked", "undecided")


def test_absent_and_late_or_cancelled_ends(desk: Any) -> None:
    """Nothing is sent that nobody wants any more."""
    late = desk.single(deadline_s=100.0)
    claim = desk.doubted(late)
    assert desk.probe(late, {claim.gateway_id: [0]}) == ("settled", "late")
    assert desk.statuses(late) == ["late"]

    campaign, (ref,) = desk.campaign(2)
    claim = desk.doubted(ref)
    desk.ledger.control(campaign, "cancel")
    assert desk.statuses(ref) == ["doubtful"] * 2
    assert desk.probe(ref, {claim.gateway_id: [0, 1]}) == ("settled", "cancelled")
    assert desk.views.campaign(campaign).done_at


@pytest.mark.parametrize(
    ("on_doubt", "ends"), [("ask", ("settled", "late")), ("park", ("parked", "policy")), ("resend", ("ready", ""))]
)
def test_a_code_goes_again_only_as_its_sender_chose(desk: Any, on_doubt: str, ends: tuple[str, str]) -> None:
    """Its life is longer than the window, and it certainly did not arrive: by default it ends all the same."""
    ref = desk.single(otp_id="a", on_doubt=on_doubt, deadline_s=2 * WINDOW_S)
    claim = desk.doubted(ref)

    assert desk.probe(ref, {claim.gateway_id: [0]}) == ends


def test_no_absence_is_recorded_for_another_run(desk: Any) -> None:
    """A ledger that may have fallen back does not know its newest attempt."""
    ref = desk.single()
    claim = desk.doubted(ref)
    forget = follow_another_run(desk)
    assert desk.probe(ref, {claim.gateway_id: [0]})[0] == "doubtful"
    assert desk.view(ref).ids[0].absents == ""
    forget()
    assert desk.probe(ref, {})[0] == "doubtful"


@pytest.mark.parametrize("decision", ["settle", "drop", "release"])
def test_nobody_decides_for_another_run(desk: Any, decision: str) -> None:
    """What an operator was shown may be a copy of the past."""
    ref = desk.single()
    claim = desk.doubted(ref)
    forget = follow_another_run(desk)
    with pytest.raises(LedgerHalted):
        desk.ledger.resolve(ref, claim.fence, decision)
    assert desk.statuses(ref) == ["doubtful"]
    forget()
    assert desk.ledger.resolve(ref, claim.fence, decision) in ("settled", "ready")


def test_no_doubt_ends_for_another_run(desk: Any) -> None:
    """Nothing is left to ask about, but ids may have been forgotten: nobody is sent anything, nothing is late."""
    refs = [desk.campaign(2)[1][0], desk.campaign(2, close=False)[1][0]]
    for ref in refs:
        together = desk.doubted(ref, alone=True)
        desk.probe(ref, {together.gateway_id: [0, 1]})
        alone = desk.doubted(ref)
        desk.fact(alone.gateway_id, alone.recipients[0])
    desk.ledger.control(refs[1].campaign, "cancel")
    forget = follow_another_run(desk)
    nothing: dict[str, Any] = {"asked_s": 1.0, "known_s": 1.0, "mirrors": (), "control_s": None}
    assert [desk.probe(ref, {}, **nothing)[0] for ref in refs] == ["doubtful"] * 2
    forget()
    assert [desk.probe(ref, {}, **nothing)[0] for ref in refs] == ["ready", "settled"]


def follow_another_run(desk: Any) -> Callable[[], object]:
    """The run in force is not the server's from now on, until what is returned is called."""
    actual = desk.redis.hget("{smsq}:run", "current")
    desk.redis.hset("{smsq}:run", "current", "another")
    return lambda: desk.redis.hset("{smsq}:run", "current", actual)


def test_without_money_the_window_counts_from_the_top_up(desk: Any) -> None:
    """And nothing is absent while the account is empty."""
    ref = desk.single()
    desk.ledger.halt_money()
    claim = desk.doubted(ref, money=True)
    far = {"asked_s": 1000.0, "known_s": 1000.0, "control_s": 999.0}
    assert desk.probe(ref, {claim.gateway_id: [0]}, **far)[0] == "doubtful"
    desk.ledger.topped_up()
    assert desk.probe(ref, {claim.gateway_id: [0]}, **{**far, "asked_s": 1299.9, "control_s": 1290.0})[0] == "doubtful"
    assert desk.probe(ref, {claim.gateway_id: [0]}, **{**far, "asked_s": 1300.0, "control_s": 1290.0})[0] == "ready"


def test_money_that_was_wanting_may_be_seen_by_asking_alone(desk: Any) -> None:
    """The answer that said so was lost: the lane waits for a top-up, and so does the window."""
    ref = desk.single()
    claim = desk.doubted(ref)
    far = {"asked_s": 1000.0, "known_s": 1000.0, "control_s": 999.0}
    assert desk.probe(ref, {claim.gateway_id: [0]}, **far, without_money=True)[0] == "doubtful"
    assert desk.view(ref).ids[0].money
    assert desk.ledger.redis.hexists("{smsq}:ctl", "no_money")
    desk.ledger.topped_up()
    late = {**far, "asked_s": 1300.0, "control_s": 1290.0}
    assert desk.probe(ref, {claim.gateway_id: [0]}, **late, without_money=True)[0] == "ready"
    assert not desk.ledger.redis.hexists("{smsq}:ctl", "no_money")


def test_a_batch_that_is_elsewhere_is_left_alone(desk: Any) -> None:
    """Somebody else's question came first."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.fact(claim.gateway_id)
    assert desk.probe(ref, {claim.gateway_id: [0]}) == ("elsewhere", "")
    assert desk.statuses(ref) == ["delivered"]


def test_questions_about_the_accepted_grow_apart(desk: Any) -> None:
    """Along the intervals, then doubling up to a day, until all is final."""
    ref = desk.single()
    claim = desk.settled(ref)
    waits = [desk.ledger.asked(ref, (5.0, 15.0, 60.0)) for _ in range(20)]
    assert waits[:6] == [5.0, 15.0, 60.0, 120.0, 240.0, 480.0]
    assert waits[-1] == 86400.0
    desk.fact(claim.gateway_id)
    assert desk.ledger.asked(ref, (5.0,)) == 0.0


def test_absent_ids_are_watched_for_three_days(desk: Any) -> None:
    """Ever more rarely."""
    ref = desk.single()
    claim = desk.doubted(ref)
    desk.probe(ref, {claim.gateway_id: [0]})
    desk.now += 71 * 3600
    assert desk.ledger.watched(ref, 3600.0)
    desk.now += 3600
    assert not desk.ledger.watched(ref, 3600.0)
    assert "watch" not in desk.motion()


def test_the_control_is_the_youngest_that_had_time_to_become_visible(desk: Any) -> None:
    """Dated by its claim, the earliest moment at which it can have been accepted."""
    assert desk.ledger.control_message(60.0) is None
    first = desk.claim(desk.single())
    claimed_at = desk.now
    desk.now += 10
    desk.accept(first)
    desk.now += 49.9
    assert desk.ledger.control_message(60.0) is None
    desk.now += 0.1
    control = desk.ledger.control_message(60.0)
    assert (control.gateway_id, control.phone, control.accepted_at) == (first.gateway_id, PHONE, claimed_at)

    desk.now += 100
    second = desk.settled(desk.single(phone=PHONE + 1))
    assert desk.ledger.control_message(60.0).gateway_id == first.gateway_id
    desk.now += 60
    assert desk.ledger.control_message(60.0).gateway_id == second.gateway_id


def test_an_answer_that_comes_again_makes_no_younger_control(desk: Any) -> None:
    """A frozen worker brings an old acceptance: it proves nothing about now."""
    claim = desk.settled(desk.single())
    accepted_at = desk.now
    desk.now += 1000
    desk.accept(claim)
    assert desk.ledger.control_message(60.0).accepted_at == accepted_at


def test_a_control_seen_serves_every_doubt_for_a_minute(desk: Any) -> None:
    """Per mirror."""
    desk.settled(desk.single())
    desk.now += 60
    control = desk.ledger.control_message(60.0)
    desk.ledger.control_seen("https://one", desk.now, control)
    assert desk.ledger.control_of("https://one", 60.0) == control.accepted_at
    assert desk.ledger.control_of(OTHER, 60.0) == 0.0
    desk.now += 61
    assert desk.ledger.control_of("https://one", 60.0) == 0.0


def test_operators_decide_with_the_fence_they_were_shown(desk: Any) -> None:
    """Settle, drop or release; a stale one does nothing; a release before absence is labelled."""
    refs = [desk.single(phone=PHONE + n, on_doubt="park") for n in range(3)]
    claims = [desk.doubted(ref) for ref in refs]
    for ref, claim in zip(refs, claims, strict=True):
        desk.probe(ref, {claim.gateway_id: [0]})
    assert desk.ledger.resolve(refs[0], 7, "settle") == "stale"
    words = [desk.ledger.resolve(ref, 1, verb) for ref, verb in zip(refs, ("settle", "drop", "release"), strict=True)]
    assert words == ["settled", "settled", "ready"]
    assert [desk.statuses(ref)[0] for ref in refs] == ["accepted", "cancelled", "queued"]
    assert desk.view(refs[2]).why == ""  # it was absent: nothing doubles

    doubtful = desk.single(phone=PHONE + 9)
    claim = desk.doubted(doubtful)
    desk.ledger.resolve(doubtful, claim.fence, "release")
    assert (desk.view(doubtful).why, desk.view(doubtful).resent_by) == ("may double", "operator")
    assert desk.totals()["resends:operator"] == 1
    assert desk.state(doubtful) == BatchState.READY


def test_the_rest_goes_on_when_the_one_asked_about_is_found(desk: Any) -> None:
    """One of three was sent alone, its answer lost, then it is found: no open id holds the other two."""
    _, (ref,) = desk.campaign(3)
    first = desk.doubted(ref, alone=True)
    desk.probe(ref, {first.gateway_id: [0, 1, 2]})
    second = desk.claim(ref)
    desk.ledger.doubt(second, "no_answer", 1.0)
    desk.fact(second.gateway_id, second.recipients[0])
    assert desk.state(ref) == BatchState.DOUBTFUL

    assert desk.probe(ref, {}, asked_s=1.0, known_s=1.0, mirrors=(), control_s=None) == ("ready", "")
    third = desk.claim(ref)
    assert len(third.recipients) == 1
    assert third.recipients[0] != second.recipients[0]


def test_an_id_is_absent_only_where_all_it_carried_is(desk: Any) -> None:
    """One phone was found under another id meanwhile, so nobody asked for it under this one."""
    _, (ref,) = desk.campaign(2)
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    second = desk.doubted(ref)
    desk.fact(second.gateway_id, PHONE + 1, Status.ACCEPTED)
    desk.probe(ref, {first.gateway_id: [1], second.gateway_id: [1]})
    assert desk.state(ref) == BatchState.READY
    desk.fact(second.gateway_id, PHONE + 1, Status.UNDELIVERABLE)
    assert desk.statuses(ref)[0] == "accepted"


def test_a_campaign_tells_how_long_its_doubts_took(desk: Any) -> None:
    """How many requests, on average, and the longest; however each ended."""
    campaign, (one, two) = desk.campaign(1, 1)
    found, absent = desk.doubted(one), desk.doubted(two)
    desk.now += 10
    desk.fact(found.gateway_id, PHONE + 1)
    desk.probe(two, {absent.gateway_id: [0]}, asked_s=310.0)
    view = desk.views.campaign(campaign)
    assert (view.doubts, view.doubt_seconds, view.doubt_longest_seconds) == (2, 160.0, 310.0)
