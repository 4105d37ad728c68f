"""Limits of the whole installation, changed while everything runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from smsq.worker.domain.batch import MessageId, Options
from smsq.worker.ledger import Claim, ClaimRefusal, NoClaim
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS
SHOP = Options(sender="Shop")


def campaign(desk: Any, *sizes: int, **options: Any) -> Any:
    """A campaign that was handed out before any limit held."""
    limits = desk.redis.hget("{smsq}:ctl", "sender_rates")
    desk.redis.hdel("{smsq}:ctl", "sender_rates")
    found = desk.campaign(*sizes, **options)
    if limits is not None:
        desk.redis.hset("{smsq}:ctl", "sender_rates", limits)
    return found


def refusal(answer: Claim | NoClaim) -> ClaimRefusal | None:
    return answer.refusal if isinstance(answer, NoClaim) else None


def test_a_rate_that_was_set_replaces_that_of_the_settings(desk: Any) -> None:
    """At every worker, from the next claim on; and none means none."""
    _, refs = desk.campaign(30, *[1] * 5)
    desk.ledger.set_rate(1.0, 10.0)
    desk.claim(refs[0], rate=10.0)
    assert desk.try_claim(refs[1], rate=10.0).wait_s > 20
    desk.ledger.set_rate(10.0, 10.0)
    waits = desk.try_claim(refs[1], rate=10.0)
    assert (refusal(waits), waits.wait_s <= 1.01) == (ClaimRefusal.LATER, True)
    desk.ledger.set_rate(0.0, 10.0)
    desk.claim(refs[1], rate=10.0)
    assert desk.ledger.limits().rate == 0
    desk.ledger.set_rate(None, 10.0)

    assert desk.ledger.limits().rate is None
    assert refusal(desk.try_claim(refs[2], rate=0.01)) is not ClaimRefusal.PAUSED


def test_a_sender_has_a_rate_of_its_own(desk: Any) -> None:
    """Over all campaigns and single messages; other senders go on."""
    shop, (first, second) = desk.campaign(20, 1, options=SHOP)
    _, (other,) = desk.campaign(1)
    desk.ledger.set_sender_rate("Shop", 10)
    single = desk.single(lane="bulk", options=SHOP)
    desk.claim(first)
    waits = desk.try_claim(second)
    assert (refusal(waits), round(waits.wait_s, 1)) == (ClaimRefusal.PACED, 1.9)
    assert refusal(desk.try_claim(single)) is ClaimRefusal.PACED
    assert desk.ledger.feed(shop, 5, 100) == ([], "sender")
    desk.claim(other)
    assert next(each.id for each in desk.views.running()) == ""
    desk.now += 2.1
    assert desk.ledger.feed("", 5, 100)[0] == [single]
    assert desk.ledger.feed(shop, 5, 100)[0] == [second]
    desk.claim(single)
    desk.ledger.set_sender_rate("Shop", None)

    assert desk.ledger.limits().senders == {}
    desk.claim(second)


def test_what_was_paced_ends_in_time_while_money_is_out(desk: Any) -> None:
    """A single message that nobody may send any more says so, whatever else is halted."""
    desk.ledger.set_sender_rate("Shop", 1)
    desk.claim(campaign(desk, 9, options=SHOP)[1][0])
    single = desk.single(lane="bulk", options=SHOP, deadline_s=60.0)
    assert refusal(desk.try_claim(single)) is ClaimRefusal.PACED
    desk.ledger.halt_money()
    desk.now += 61

    assert desk.ledger.feed("", 5, 100)[0] == [single]
    assert refusal(desk.try_claim(single)) is ClaimRefusal.SETTLED
    assert desk.views.receipt(MessageId(single.number, 0)).status == "late"


def test_a_code_never_waits_for_its_senders_rate(desk: Any) -> None:
    """Campaigns make up for it."""
    desk.ledger.set_sender_rate("Shop", 1)
    _, (bulk,) = campaign(desk, 1, options=SHOP)
    for n in range(5):
        desk.accept(desk.claim(desk.single(phone=79991000000 + n, options=SHOP)))

    waits = desk.try_claim(bulk)
    assert (refusal(waits), round(waits.wait_s)) == (ClaimRefusal.PACED, 4)


def test_the_accounts_own_sender_has_no_name(desk: Any) -> None:
    """It is the one of messages that name none."""
    desk.ledger.set_sender_rate("", 1)
    _, (first, second) = campaign(desk, 5, 1)
    desk.claim(first)
    assert refusal(desk.try_claim(second)) is ClaimRefusal.PACED


def test_rows_have_senders_of_their_own(desk: Any) -> None:
    """One that is used up does not keep the next row of another back."""
    desk.ledger.set_sender_rate("Shop", 1)
    desk.claim(campaign(desk, 9, options=SHOP)[1][0])
    _, (mine,) = campaign(desk, 1, options=Options(sender="Other"))
    desk.claim(mine)


def test_a_debt_outlives_a_smaller_one(desk: Any) -> None:
    """The hash of all buckets lives as long as its slowest."""
    desk.ledger.set_sender_rate("Shop", 0.1)
    desk.claim(campaign(desk, 50, options=SHOP)[1][0])
    desk.claim(desk.campaign(1)[1][0], rate=1000.0)
    assert desk.redis.pttl("{smsq}:bucket") > 400_000


def test_a_reserve(desk: Any) -> None:
    """In money; what was set, or nothing."""
    assert desk.ledger.limits().reserve is None
    desk.ledger.set_reserve(Decimal("99.50"))
    assert desk.ledger.limits().reserve == Decimal("99.5")
    desk.ledger.set_reserve(None)
    assert desk.ledger.limits().reserve is None
