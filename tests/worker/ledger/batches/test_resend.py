"""A second copy that the sender chose: once, a minute after the first, while the deadline lasts, and labelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.status import BatchState, IdState, Status
from smsq.worker.ledger import Claim

PHONE = 79990000000
RESENT = 18  # where a batch's meta keeps who had it sent again
SOON = {"asked_s": 61.0, "known_s": 61.0, "control_s": None}


def chosen(desk: Any, **options: Any) -> Ref:
    given: dict[str, Any] = {"on_doubt": "resend", "deadline_s": 600.0, **options}
    ref: Ref = desk.single(**given)
    return ref


def unseen(desk: Any, ref: Ref, claim: Claim, **how: Any) -> tuple[str, str]:
    """The one open id was asked about 61 s after its claim, by a mirror that shows no control, and was not shown."""
    word: tuple[str, str] = desk.probe(ref, {}, **{**SOON, "unseen": [claim.gateway_id], **how})
    return word


def test_a_second_copy_leaves_once_and_everything_says_so(desk: Any) -> None:
    """The first id stays open and is asked about; receipt, totals and doubt tell of it."""
    ref = chosen(desk)
    first = desk.doubted(ref)
    assert unseen(desk, ref, first) == ("ready", "resent")
    assert desk.motion() == {"ready:urgent": 1}

    second = desk.doubted(ref)
    assert [known.state for known in desk.view(ref).ids] == [IdState.OPEN, IdState.OPEN]
    assert unseen(desk, ref, second, unseen=[first.gateway_id, second.gateway_id], asked_s=200.0)[0] == "doubtful"
    receipt = desk.views.receipt(MessageId(ref.number, 0))
    assert (receipt.status, receipt.attempts, receipt.may_double) == ("doubtful", 2, True)
    assert desk.view(ref).resent_by == "sender"
    depth = desk.views.depth()
    assert (depth.by("smsq_resends_total"), depth.one("smsq_resend_doubles_total")) == ({"operator": 0, "sender": 1}, 0)
    assert depth.by("smsq_doubts_total") == {"resent": 1}


def test_a_double_by_it_is_counted_apart(desk: Any) -> None:
    """Both copies were accepted: no alarm, one double that the sender chose, and the label stays."""
    ref = chosen(desk)
    first = desk.doubted(ref)
    unseen(desk, ref, first)
    second = desk.settled(ref)
    desk.fact(second.gateway_id)
    desk.fact(first.gateway_id)
    desk.fact(first.gateway_id, status=Status.READ)

    depth = desk.views.depth()
    assert (depth.one("smsq_double_accepts_total"), depth.one("smsq_resend_doubles_total")) == (0, 1)
    assert depth.by("smsq_alarms_total") == {}
    receipt = desk.views.receipt(MessageId(ref.number, 0))
    assert (receipt.status, receipt.may_double) == ("read", True)
    assert "may be double" in receipt.why


def another_run(desk: Any, ref: Ref) -> None:
    desk.redis.hset("{smsq}:run", "current", "another")


def without_money(desk: Any, ref: Ref) -> None:
    desk.ledger.halt_money()


def another_open_id(desk: Any, ref: Ref) -> None:
    desk.redis.hset("{smsq}:ctl", "fell", "an old copy was restored")
    desk.ledger.adopt(ref, 1_999_999_999, "https://one")


@pytest.mark.parametrize(
    ("options", "how", "first"),
    [
        pytest.param({"on_doubt": "ask"}, {}, None, id="nobody chose it"),
        pytest.param({"on_doubt": "park"}, {}, None, id="parks instead"),
        pytest.param({}, {"unseen": []}, None, id="not asked about"),
        pytest.param({}, {"unseen": [7]}, None, id="another id was asked about"),
        pytest.param({}, {"asked_s": 60.999}, None, id="within the minute"),
        pytest.param({"deadline_s": 61.0}, {}, None, id="its deadline is over"),
        pytest.param({}, {}, another_run, id="a run that is not in force"),
        pytest.param({}, {}, without_money, id="nothing to pay it with"),
    ],
)
def test_a_second_copy_that_may_not_leave(
    desk: Any, options: dict[str, Any], how: dict[str, Any], first: Callable[[Any, Ref], None] | None
) -> None:
    """Every condition is looked at by the script; what is missing leaves it in doubt."""
    ref = chosen(desk, **options)
    claim = desk.doubted(ref)
    if first is not None:
        first(desk, ref)

    assert unseen(desk, ref, claim, **how) == ("doubtful", "")
    assert desk.view(ref).resent_by == ""
    assert desk.views.depth().by("smsq_resends_total") == {"operator": 0, "sender": 0}


def test_what_was_found_is_not_sent_again(desk: Any) -> None:
    """Found between the question and its record, or between that and the claim: nobody sends it."""
    ref = chosen(desk)
    claim = desk.doubted(ref)
    desk.now += 61
    desk.fact(claim.gateway_id)
    assert unseen(desk, ref, claim) == ("elsewhere", "")

    other = chosen(desk, phone=PHONE + 1)
    claim = desk.doubted(other)
    assert unseen(desk, other, claim)[0] == "ready"
    desk.fact(claim.gateway_id, PHONE + 1)
    assert not isinstance(desk.try_claim(other), Claim)
    assert (desk.state(other), desk.statuses(other)) == (BatchState.SETTLED, ["delivered"])


def test_a_reply_that_was_lost_sends_no_third(desk: Any) -> None:
    """The same record comes again, before and after the second copy left."""
    ref = chosen(desk)
    first = desk.doubted(ref)
    assert [unseen(desk, ref, first)[0] for _ in range(2)] == ["ready", "elsewhere"]
    desk.doubted(ref)
    assert unseen(desk, ref, first)[0] == "doubtful"
    assert desk.views.depth().by("smsq_resends_total")["sender"] == 1


def test_a_second_copy_that_was_refused_was_the_last(desk: Any) -> None:
    """One id is left that may live, and it was chosen once."""
    ref = chosen(desk)
    first = desk.doubted(ref)
    unseen(desk, ref, first)
    second = desk.claim(ref)
    assert desk.ledger.settle_refused(second, 6)[0] == "doubtful"
    assert [known.state for known in desk.view(ref).ids] == [IdState.OPEN, IdState.ABSENT]
    assert unseen(desk, ref, first) == ("doubtful", "")
    assert desk.views.depth().by("smsq_resends_total")["sender"] == 1


def test_a_second_copy_that_is_late_is_asked_about(desk: Any) -> None:
    """Its deadline passes before it is claimed: nothing leaves, and it is late only once the first is known absent."""
    ref = chosen(desk, deadline_s=62.0)
    first = desk.doubted(ref)
    assert unseen(desk, ref, first)[0] == "ready"
    desk.now += 2
    assert not isinstance(desk.try_claim(ref), Claim)
    assert desk.state(ref) == BatchState.DOUBTFUL
    assert desk.probe(ref, {first.gateway_id: [0]}) == ("settled", "late")


def test_a_ledger_that_fell_back_sends_no_third(desk: Any) -> None:
    """It forgot the second copy, a journal did not: the message counts as sent again, and its double as chosen."""
    ref = chosen(desk)
    first = desk.doubted(ref)
    another_open_id(desk, ref)

    assert desk.view(ref).resent_by == "sender"
    assert unseen(desk, ref, first, unseen=[first.gateway_id, 1_999_999_999])[0] == "doubtful"
    desk.fact(first.gateway_id)
    desk.fact(1_999_999_999)
    depth = desk.views.depth()
    assert (depth.one("smsq_double_accepts_total"), depth.one("smsq_resend_doubles_total")) == (0, 1)


def test_two_that_may_live_are_enough(desk: Any) -> None:
    """Even if the mark that a second copy left were lost."""
    ref = chosen(desk)
    first = desk.doubted(ref)
    unseen(desk, ref, first)
    second = desk.doubted(ref)
    shard, field = desk.ledger.keys.shard(ref.number), f"{ref.number}m"
    meta = msgspec.msgpack.decode(desk.redis.hget(shard, field))
    assert meta[RESENT] == 2
    meta[RESENT] = 0
    desk.redis.hset(shard, field, msgspec.msgpack.encode(meta))

    assert unseen(desk, ref, second, unseen=[first.gateway_id, second.gateway_id], asked_s=100.0)[0] == "doubtful"


def test_an_operators_resend_uses_it_up(desk: Any) -> None:
    """Two copies were accepted as a risk, not three."""
    ref = chosen(desk)
    first = desk.doubted(ref)
    desk.ledger.resolve(ref, first.fence, "release")
    second = desk.doubted(ref)
    assert unseen(desk, ref, second, unseen=[first.gateway_id, second.gateway_id])[0] == "doubtful"
    assert desk.views.depth().by("smsq_resends_total") == {"operator": 1, "sender": 0}


def test_poison_is_not_sent_again(desk: Any) -> None:
    """Three workers died on it."""
    ref = chosen(desk, deadline_s=1e6)
    for _ in range(3):
        claim = desk.claim(ref)
        desk.now += 46
        desk.ledger.expire(ref, 1.0, 3.0)
        if desk.view(ref).deaths < 3:
            assert desk.probe(ref, {claim.gateway_id: [0]})[0] == "ready"
    assert unseen(desk, ref, claim)[0] == "doubtful"


def test_only_single_messages_with_a_deadline_have_the_policy(desk: Any) -> None:
    """No campaign is worth a double, and a code is worth nothing for ever."""
    with pytest.raises(BadInput, match="deadline"):
        desk.single(on_doubt="resend")
    with pytest.raises(BadInput, match="ask or park"):
        desk.ledger.open_campaign(desk.plan(on_doubt="resend"))


@pytest.mark.parametrize(("waited", "first_ask"), [(0.0, 1.0), (0.9, 0.2), (30.0, 0.2)])
def test_an_urgent_doubt_is_asked_about_a_second_after_its_claim(desk: Any, waited: float, first_ask: float) -> None:
    """However long its answer was waited for; the others some seconds after the doubt began."""
    for lane, expected in (("urgent", first_ask), ("bulk", 1.0)):
        ref = desk.single(phone=PHONE + len(lane), lane=lane)
        claim = desk.claim(ref)
        desk.now += waited
        desk.ledger.doubt(claim, "no_answer", 1.0)
        due = "{smsq}:doubt:urgent" if lane == "urgent" else "{smsq}:doubt"
        assert desk.redis.zscore(due, str(ref)) / 1000 - desk.now == pytest.approx(expected)
