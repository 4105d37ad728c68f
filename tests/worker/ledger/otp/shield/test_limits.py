"""Limits of phones, prefixes, countries and clients, and the ceilings of a day."""

from __future__ import annotations

from decimal import Decimal

import pytest
import redis as redis_py
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smsq.worker.ledger.batches.enrolment import hash_of
from tests.worker.ledger.otp.shield.gate import ELSEWHERE, HOUR, NONE, PHONE, Gate, block

# Limits ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(waits=st.lists(st.floats(0, 400), min_size=8, max_size=60), most=st.integers(1, 6), span=st.integers(60, 1200))
@example(waits=[0.0] * 30, most=5, span=600)
@example(waits=[25.0] * 60, most=6, span=600)
def test_no_window_ever_holds_more_than_the_limit(
    redis: redis_py.Redis, waits: list[float], most: int, span: int
) -> None:
    """Whatever the times of arrival; and nobody is refused who could go by windows a twelfth longer."""
    redis.flushall()
    gate = Gate(redis, **NONE | {"client": f"{most}/{span}s"})
    gone: list[float] = []
    for wait in waits:
        gate.now = round(gate.now + wait, 3)
        decision = gate.ask(client="10.0.0.1")
        recent = [at for at in gone if at > gate.now - span * (1 + 2 / 24) - 1]
        if decision.allowed:
            gone.append(gate.now)
        else:
            assert decision.code == "client_limit"
            assert len(recent) >= most
            assert 0 < decision.retry_after_s <= span * (1 + 2 / 24) + 1

    for at in gone:
        assert sum(at - span < other <= at for other in gone) <= most


@pytest.mark.parametrize(
    ("limit", "phones", "code"),
    [
        ("phone", [PHONE] * 4, "phone_limit"),
        ("block", block(7, 4), "prefix_limit"),
        ("wide", [phone for number in range(4) for phone in block(number, 1)], "prefix_limit"),
        ("country", [PHONE, ELSEWHERE, 79031234567, 79051234567], "country_limit"),
        ("client", [PHONE, ELSEWHERE, 77011234567, 12025550123], "client_limit"),
    ],
)
def test_each_limit_counts_what_it_names(gate: Gate, limit: str, phones: list[int], code: str) -> None:
    """Three go, the fourth is refused by that limit, says when it may come, and goes then."""
    gate.set(**NONE | {limit: "3/h"})
    assert gate.codes(phones[:3], client="shop") == ["allowed"] * 3
    refused = gate.ask(phones[3], client="shop")

    assert (refused.allowed, refused.code) == (False, code)
    assert "at most 3 codes within 1 h" in refused.why
    gate.now += refused.retry_after_s - 0.001
    assert gate.ask(phones[3], client="shop").code == code
    gate.now += 0.001
    assert gate.ask(phones[3], client="shop").allowed


def test_a_further_channel_counts_against_prefixes_and_cost_alone(gate: Gate) -> None:
    """It is one code to the person; a block, a country and the day count messages."""
    gate.set(**NONE | {"phone": "1/h", "client": "1/h", "block": "3/h"})
    assert gate.ask(client="a").allowed
    assert gate.codes([PHONE, PHONE], client="a", is_further=True) == ["allowed"] * 2

    assert gate.ask(client="a", is_further=True).code == "prefix_limit"
    assert gate.ask(client="a").code == "phone_limit"
    assert gate.ask(ELSEWHERE, client="a").code == "client_limit"


def test_a_right_code_gives_the_phone_its_limit_back(gate: Gate) -> None:
    """Whoever reads them there may go on; prefixes and clients keep count."""
    gate.set(**NONE | {"phone": "2/h", "block": "5/h", "client": "6/h"})
    assert gate.codes([PHONE] * 3, client="a") == ["allowed", "allowed", "phone_limit"]
    gate.verify(PHONE)

    assert gate.codes([PHONE] * 3, client="a") == ["allowed", "allowed", "phone_limit"]
    gate.verify(PHONE)
    assert gate.codes([PHONE] * 2, client="a") == ["allowed", "prefix_limit"]
    assert gate.codes([ELSEWHERE] * 2, client="a") == ["allowed", "client_limit"]


def test_others_go_on_beside_a_limit(gate: Gate) -> None:
    """Another phone, another block, another client."""
    gate.set(**NONE | {"phone": "1/h", "block": "2/h", "client": "3/h"})
    assert gate.codes(block(1, 3), client="a") == ["allowed", "allowed", "prefix_limit"]

    assert gate.codes(block(2, 2), client="a") == ["allowed", "client_limit"]
    assert gate.codes(block(3, 2), client="b") == ["allowed"] * 2
    assert gate.codes(block(4, 1)) == ["allowed"]


def test_a_refused_code_counts_nowhere(gate: Gate) -> None:
    """A person who tries too early does not wait the longer for it."""
    gate.set(**NONE | {"phone": "1/h", "daily": "2"})
    first = gate.codes([PHONE] * 20)

    assert first == ["allowed"] + ["phone_limit"] * 19
    assert gate.codes([ELSEWHERE, ELSEWHERE + 1]) == ["allowed", "daily_limit"]


def test_a_day_has_a_ceiling(gate: Gate) -> None:
    """Of all codes together, whoever gets them; it slides with the clock."""
    gate.set(**NONE | {"daily": "5"})
    assert gate.codes([PHONE, ELSEWHERE, 77011234567, 12025550123, PHONE, PHONE])[4:] == ["allowed", "daily_limit"]
    gate.now += 86_400 + 2 * 3600

    assert gate.ask().allowed


# Money ----------------------------------------------------------------------------------------------------------------


def test_a_day_has_a_ceiling_of_cost(gate: Gate) -> None:
    """What a code is taken to cost is reserved before it goes."""
    gate.set(**NONE | {"daily_cost": "10", "price": "3"})

    assert gate.codes([PHONE] * 4) == ["allowed"] * 3 + ["daily_cost"]
    assert gate.desk.view().all.cost == 9
    assert gate.ask().why == "codes may cost at most 10 within 24 h"


def test_what_a_code_costs_is_learned(gate: Gate) -> None:
    """What was reserved for it is corrected, once, and the next one of that channel and country reserves the price."""
    gate.set(**NONE | {"daily_cost": "10", "price": "3"})
    gate.ask(token="one")
    gate.ask(token="two")
    for _ in range(2):
        gate.shield.learn(PHONE, "sms", Decimal("1.25"), known_as=hash_of("one"), enrolled_at=gate.now)

    assert gate.desk.view().all.cost == Decimal("4.25")
    assert (gate.shield.price(ELSEWHERE), gate.shield.price(PHONE, "call")) == (12_500, 30_000)
    assert gate.ask(ELSEWHERE).price == Decimal("1.25")
    assert gate.ask(77011234567).price == 3


def test_an_unchanged_price_costs_no_round_trip(gate: Gate) -> None:
    """Where the message was enrolled after the price had become known."""
    gate.ask(token="one")
    gate.shield.learn(PHONE, "sms", Decimal("1.25"), known_as=hash_of("one"), enrolled_at=gate.now)
    gate.now += 11
    gate.ask(token="two")
    before = verbs_called(gate)
    gate.shield.learn(PHONE, "sms", Decimal("1.25"), known_as=hash_of("two"), enrolled_at=gate.now)

    assert verbs_called(gate) == before > 0


def verbs_called(gate: Gate) -> int:
    """As functions of the server, and as scripts."""
    told = gate.redis.info("commandstats")
    return sum(told[name]["calls"] for name in ("cmdstat_fcall", "cmdstat_evalsha") if name in told)


def test_the_highest_price_of_late_is_kept(gate: Gate) -> None:
    """Operators of one country differ: what is reserved is rather too much, what is counted is right."""
    for token, cost in (("one", "2"), ("two", "1"), ("three", "3")):
        gate.ask(token=token)
        gate.shield.learn(PHONE, "sms", Decimal(cost), known_as=hash_of(token), enrolled_at=gate.now)

    assert gate.shield.price(PHONE) == 30_000
    assert gate.desk.view().all.cost == 6
    gate.now += 2 * HOUR
    gate.ask(token="four")
    gate.shield.learn(PHONE, "sms", Decimal("1"), known_as=hash_of("four"), enrolled_at=gate.now)
    assert gate.shield.price(PHONE) == 10_000


def test_texts_that_the_shield_never_saw_teach_nothing(gate: Gate) -> None:
    """They are longer, and cost otherwise."""
    gate.shield.learn(PHONE, "sms", Decimal("9"), known_as=hash_of("order-17"), enrolled_at=gate.now)

    assert gate.shield.price(PHONE) == 50_000
    assert gate.redis.keys("*") == []
