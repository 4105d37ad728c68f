"""A pumping attack on a real town: ranges that nobody verifies are held after a bounded spend, others go on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from smsq.producers.otp import OneTimeCode, Verdict
from smsq.worker.domain.errors import Held, Limited
from tests.journeys.town import Journey, Town

pytestmark = [pytest.mark.timeout(300)]

BLOCK = [79990000000 + each for each in range(120)]  # of ten thousand neighbouring numbers
WIDE = [79980000000 + each * 2500 for each in range(240)]  # of a million, four of each ten thousand
PEOPLE = [79030000000 + each * 10_007 for each in range(30)]


def attack(town: Town, journey: Journey, phones: Sequence[int], who: int) -> Counter[str]:
    """Ask for a code to each, every time as another client; what came of them."""
    heard: Counter[str] = Counter()
    for number, phone in enumerate(phones):
        try:
            sent(journey, phone, town.smsq.otp.send(phone, client=f"198.51.{who}.{number % 250}"))
            heard["allowed"] += 1
        except Limited as error:
            heard[error.decision] += 1
    return heard


def live(town: Town, journey: Journey, phones: Sequence[int]) -> list[Verdict]:
    """People who ask for a code, three of five of whom type it in."""
    chance, verdicts = random.Random(7), []
    for phone in phones:
        code = town.smsq.otp.send(phone, client=f"203.0.113.{phone % 250}")
        sent(journey, phone, code)
        town.wait_for(lambda code=code: town.smsq.status(code.message_id).gateway_id, "the gateway's answer", 30)
        if chance.random() < 0.6:
            opened = town.smsq.runtime.otp._open(code.id)
            assert opened is not None
            verdicts.append(town.smsq.otp.check(code.id, opened.code()))
    return verdicts


def sent(journey: Journey, phone: int, code: OneTimeCode) -> None:
    journey.phones.append(phone)
    journey.singles.append(code.message_id)


@pytest.mark.slow
@pytest.mark.fault
def test_a_pumping_attack_is_held_after_a_bounded_spend(make_town: Callable[..., Town]) -> None:
    """Codes asked for to ranges that nobody verifies: held after a bounded spend, codes to others go on untouched."""
    town = make_town(SMSQ_SHIELD="on")
    block_most, wide_most, _ = town.smsq.settings.shield_hold_after
    journey = town.begin()
    with ThreadPoolExecutor(9) as pool:
        people = pool.submit(live, town, journey, PEOPLE)
        blocks = [pool.submit(attack, town, journey, BLOCK[each::4], each) for each in range(4)]
        wides = [pool.submit(attack, town, journey, WIDE[each::4], 4 + each) for each in range(4)]
    narrow, wide = (sum((each.result() for each in futures), Counter[str]()) for futures in (blocks, wides))
    later = live(town, journey, [phone + 1 for phone in PEOPLE[:5]])

    assert narrow == {"allowed": block_most, "held": len(BLOCK) - block_most}
    assert wide == {"allowed": wide_most, "held": len(WIDE) - wide_most}
    assert set(people.result()) == set(later) == {Verdict.RIGHT}
    count = journey.verdict()
    for phones, gone in ((BLOCK, block_most), (WIDE, wide_most), (PEOPLE, len(PEOPLE))):
        assert town.order("missing", [str(phone) for phone in phones])["count"] == len(phones) - gone
    spent = Decimal(count["spent"]) - Decimal(journey.before["spent"])
    dearest = max(town.smsq.status(each).cost for each in journey.singles)
    assert spent <= (block_most + wide_most + len(PEOPLE) + 5) * dearest
    shown = town.smsq.shield.show()
    assert {rule.name: (rule.kind, rule.verified) for rule in shown.rules} == {
        "7999000": ("hold", 0),
        "79980": ("hold", 0),
    }
    assert shown.all.cost == spent  # the reserve was corrected by every answer of the gateway
    depth = town.views.depth()
    assert (depth.by("smsq_shield_total")["held"], depth.one("smsq_shield_holds")) == (narrow["held"] + wide["held"], 2)
    town.smsq.shield.release("+7999000")
    town.smsq.otp.send(BLOCK[-1])
    with pytest.raises(Held):
        town.smsq.otp.send(WIDE[-1])
