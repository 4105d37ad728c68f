"""The shield decides and counts in one step: windows that slide, ceilings, lists, holds, repeats, prices."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from worker.domain.errors import LedgerFull
from worker.domain.limits import Limits, with_written
from worker.domain.shield import Decision
from worker.ledger import Keys, Ledger
from worker.ledger.enrolment import hash_of
from worker.ledger.shield import Shield
from worker.ledger.shield_desk import ShieldDesk
from worker.processes.embedded import EmbeddedRedis

ROOT = Path(__file__).parents[3]
PHONE = 79161234567
ELSEWHERE = 79271234567  # another block, another wide block, the same country
HOUR = 3600
NONE = dict.fromkeys(("phone", "block", "wide", "client"), "none") | {"hold_after": "0,0,0"}


class Gate:
    """A shield at a time of the test's choosing; every code has a token of its own."""

    def __init__(self, redis: redis_py.Redis, **told: str) -> None:
        self.now = 1_800_000_000.0
        self.redis: Any = redis
        self.ledger = Ledger(redis, Keys(), now=lambda: self.now)
        self.tokens = (f"code/{number}/1" for number in itertools.count())
        self.set(**told)

    def set(self, **told: str) -> None:
        self.shield = Shield(self.ledger, with_written(Limits(), told), lambda: b"pepper")
        self.desk = ShieldDesk(self.shield)

    def ask(self, phone: int = PHONE, **how: Any) -> Decision:
        return self.shield.admit(phone, token=how.pop("token", None) or next(self.tokens), **how)

    def codes(self, phones: Sequence[int], **how: Any) -> list[str]:
        return [self.ask(phone, **how).code for phone in phones]

    def verify(self, phone: int) -> int:
        return self.shield.verified(phone, next(self.tokens))

    def stored(self) -> dict[bytes, Any]:
        readers: dict[bytes, Callable[[bytes], Any]] = {
            b"string": self.redis.get,
            b"hash": self.redis.hgetall,
            b"zset": lambda key: self.redis.zrange(key, 0, -1, withscores=True),
        }
        return {key: readers[self.redis.type(key)](key) for key in self.redis.keys("*")}


@pytest.fixture
def gate(redis: redis_py.Redis) -> Gate:
    """With its defaults."""
    return Gate(redis)


def block(number: int, many: int, first: int = 0) -> list[int]:
    """Numbers of one block of ten thousand, a block that no other has."""
    return [79000000000 + number * 10_000 + first + each for each in range(many)]


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
    calls = gate.redis.info("commandstats")["cmdstat_evalsha"]["calls"]
    gate.shield.learn(PHONE, "sms", Decimal("1.25"), known_as=hash_of("two"), enrolled_at=gate.now)

    assert gate.redis.info("commandstats")["cmdstat_evalsha"]["calls"] == calls


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


# Countries and rules --------------------------------------------------------------------------------------------------


def test_countries_are_told_by_their_numbers(gate: Gate) -> None:
    """Not by the calling code that some share."""
    gate.set(**NONE | {"countries": "RU,US"})

    assert gate.codes([PHONE, 77011234567, 12025550123, 14165550123]) == [
        "allowed", "denied_country", "allowed", "denied_country",
    ]  # fmt: skip
    assert gate.ask(77011234567).why == "codes to KZ are not served"
    gate.set(**NONE)
    assert gate.codes([870773111632, 77011234567]) == ["denied_country", "allowed"]


def test_the_longest_prefix_with_a_rule_decides(gate: Gate) -> None:
    """A country, within it a prefix, within that a number."""
    gate.set(**NONE | {"countries": "RU", "block": "1/h"})
    for verb, name in (("allow", "KZ"), ("deny", "7701"), ("allow", "7701123"), ("deny", "77011239999")):
        gate.desk.rule(verb, name)

    assert gate.codes([77021234567, 77011244567, 77011239999]) == ["allowed", "denied_country", "denied_country"]
    assert gate.codes([77011234567, 77011234568]) == ["allowed"] * 2  # a prefix that is allowed has no limit itself
    assert gate.desk.rule("release", "7701") == "deny"
    assert gate.codes([77011244567]) == ["allowed"]


def test_a_prefix_is_held_by_hand_for_a_time(gate: Gate) -> None:
    """Or until it is released; others are not."""
    gate.desk.rule("hold", "7916", 600)
    held = gate.ask()

    assert (held.code, held.retry_after_s, held.why) == ("held", 600.0, "codes to +7916… are held by hand")
    assert gate.ask(ELSEWHERE).allowed
    gate.now += 600
    assert gate.ask().allowed
    gate.desk.rule("hold", "RU")
    gate.now += 10**6
    assert gate.codes([PHONE, ELSEWHERE, 77011234567]) == ["held", "held", "allowed"]
    assert [(rule.name, rule.kind, rule.until, rule.why) for rule in gate.desk.rules()] == [
        ("RU", "hold", 0, "by hand")
    ]
    assert gate.desk.rule("release", "RU") == "hold"
    assert gate.ask().allowed
    assert gate.desk.rule("release", "7700") == ""


# What the gateway refuses ---------------------------------------------------------------------------------------------


def refused(gate: Gate, phone: int, code: int = 8, channel: str = "sms", **how: Any) -> str:
    """What was decided about a code; one that may go is refused by the gateway."""
    token = next(gate.tokens)
    decision = gate.ask(phone, token=token, channel=channel, **how)
    for _ in range(2):  # telling it twice changes nothing
        if decision.allowed:
            gate.shield.refused(phone, channel, code, known_as=hash_of(token))
    return decision.code


def test_a_refused_phone_is_not_tried_again_for_an_hour(gate: Gate) -> None:
    """By that channel: a landline takes calls. Its neighbours go on."""
    assert refused(gate, PHONE) == "allowed"
    decision = gate.ask()

    assert (decision.code, decision.retry_after_s) == ("refused", HOUR)
    assert decision.why == "the gateway refused a code to this number a short while ago"
    assert gate.ask(channel="call").allowed
    assert gate.ask(PHONE + 1).allowed
    gate.now += HOUR
    assert gate.ask().allowed


def test_three_refused_phones_hold_their_block(gate: Gate) -> None:
    """And no other; the hold is one like any."""
    assert [refused(gate, phone) for phone in block(7, 5)] == ["allowed"] * 3 + ["held"] * 2
    assert [refused(gate, phone) for phone in block(8, 2)] == ["allowed"] * 2

    assert [(rule.name, rule.kind, rule.times) for rule in gate.desk.rules()] == [("7900007", "hold", 1)]
    gate.now += 1800
    assert gate.ask(block(7, 1, 10)[0]).allowed
    assert gate.ask(PHONE).allowed


def test_five_refused_phones_hold_their_client(gate: Gate) -> None:
    """From whatever blocks; others of those blocks go on."""
    phones = [phone for number in range(7) for phone in block(number, 1)]
    assert [refused(gate, phone, client="a") for phone in phones] == ["allowed"] * 5 + ["refused"] * 2

    assert gate.ask(PHONE, client="a").why == "codes for this client are held: the gateway refused too many of them"
    assert gate.ask(PHONE, client="b").allowed
    gate.now += 1800
    assert gate.ask(PHONE, client="a").allowed


def test_refusals_do_not_hold_a_block_whose_people_enter_codes(gate: Gate) -> None:
    """Nor one that is allowed, nor where blocks are never held, nor refusals that say nothing of the number."""
    for phone in block(7, 10):
        gate.ask(phone)
        gate.verify(phone)
    assert [refused(gate, phone) for phone in block(7, 6, 20)] == ["allowed"] * 6
    gate.desk.rule("allow", "790000")
    assert [refused(gate, phone) for phone in block(8, 6)] == ["allowed"] * 6
    assert [refused(gate, phone, code=1) for phone in [PHONE] * 4] == ["allowed"] * 4
    gate.set(hold_after="0,0,0")
    assert [refused(gate, PHONE + each) for each in range(6)] == ["allowed"] * 6


def test_a_refused_message_that_the_shield_never_saw_leaves_no_trace(gate: Gate) -> None:
    """A text of one's own, without a client."""
    gate.shield.refused(PHONE, "sms", 8, known_as=hash_of("order-17"))
    gate.shield.refused(PHONE, "sms", 8, known_as="")

    assert gate.redis.keys("*") == []


# Holds by themselves --------------------------------------------------------------------------------------------------


def test_a_block_that_nobody_verifies_is_held(gate: Gate) -> None:
    """While its codes are fresh, after as many as are set, with its reason; others go on."""
    gate.set(hold_after="10,60,600")
    decisions = [gate.ask(phone, client=f"10.0.0.{phone % 250}") for phone in block(7, 30)]

    assert [each.code for each in decisions] == ["allowed"] * 10 + ["held"] * 20
    assert decisions[10].why == "codes to +7900007… are held: 0 of the last 10 were verified"
    assert decisions[10].retry_after_s == 1800
    assert gate.codes(block(8, 5)) == ["allowed"] * 5
    assert [(rule.name, rule.sent, rule.verified, rule.times) for rule in gate.desk.rules()] == [("7900007", 10, 0, 1)]


def test_wider_prefixes_are_held_after_more(gate: Gate) -> None:
    """An attack that keeps below the limit of each block is held by the million numbers, or by its country."""
    gate.set(hold_after="10,60,150", wide="none")
    spread = [phone for each in range(4) for number in range(100) for phone in block(number, 1, each)]
    codes = gate.codes(spread)

    assert codes == ["allowed"] * 60 + ["held"] * 340
    assert [rule.name for rule in gate.desk.rules()] == ["79000"]
    wides = [79010000000 + wide * 1_000_000 + each * 10_000 for each in range(30) for wide in range(9)]
    assert gate.codes(wides).count("allowed") == 150 - 60
    assert [rule.name for rule in gate.desk.rules()] == ["79000", "RU"]
    assert gate.ask(77011234567).allowed


def test_a_country_that_is_named_as_served_is_not_held_whole(gate: Gate) -> None:
    """Nobody can shut the country that we live from by asking for codes."""
    gate.set(hold_after="10,60,150", wide="none", countries="RU")
    wides = [79010000000 + wide * 1_000_000 + each * 10_000 for each in range(30) for wide in range(9)]

    assert set(gate.codes(wides)) == {"allowed"}


def test_an_honest_block_is_not_held(gate: Gate) -> None:
    """Six of ten verify, each after a while; a burst in between finds a history."""
    gate.set(phone="none", block="none", wide="none")
    for number, phone in enumerate(block(7, 400)):
        gate.now += 5
        assert gate.ask(phone).allowed
        if number >= 8 and (number - 8) % 10 < 6:
            gate.verify(phone - 8)  # eight codes are always on their way
    assert gate.codes(block(7, 40, 1000)) == ["allowed"] * 40
    assert gate.desk.rules() == []


def test_few_phones_hold_no_neighbours(gate: Gate) -> None:
    """However often codes go to them, in however many slots of the window."""
    gate.set(hold_after="4,60,600", phone="none", block="none")
    for _ in range(20):
        assert set(gate.codes(block(7, 3))) == {"allowed"}
        gate.now += 170
    assert gate.codes(block(7, 1, 10)) == ["allowed"]

    assert gate.codes(block(7, 1, 11)) == ["held"]


def test_the_same_phones_are_evidence_again_after_a_hold(gate: Gate) -> None:
    """Which used theirs up: the next hold comes as soon, and is longer."""
    gate.set(hold_after="4,0,0", phone="none", block="none", hold_for="10min")
    waits = []
    for _ in range(3):
        assert gate.codes(block(7, 4)) == ["allowed"] * 4
        waits.append(gate.ask(block(7, 1, 10)[0]).retry_after_s)
        gate.now += waits[-1]

    assert waits == [600.0, 1200.0, 2400.0]


def test_a_person_who_asks_again_and_again_is_one_code(gate: Gate) -> None:
    """Repeats of one phone are no evidence; a repeated verdict is none either."""
    gate.set(hold_after="6,60,600", phone="none", block="none")
    for phone in block(7, 20):
        assert gate.codes([phone] * 4) == ["allowed"] * 4
        assert gate.shield.verified(phone, f"code of {phone}") == 1
        assert gate.shield.verified(phone, f"code of {phone}") == 0

    usage = gate.desk.view().all
    assert (usage.sent, usage.verified) == (20, 20)


def test_a_verdict_that_is_told_again_later_credits_nothing_new(gate: Gate) -> None:
    """A reply was lost, and the phone has another code meanwhile."""
    gate.ask()
    assert gate.shield.verified(PHONE, "code 1") == 1
    gate.ask()

    assert gate.shield.verified(PHONE, "code 1") == 0
    assert gate.shield.verified(PHONE, "code 2") == 1


def test_verdicts_on_codes_from_before_a_hold_are_no_credit_beyond_what_was_sent_since(gate: Gate) -> None:
    """A share never passes one."""
    gate.set(hold_after="10,0,0")
    gate.codes(block(7, 11))
    gate.desk.rule("release", "7900007")
    gate.codes(block(7, 2, 100))
    for phone in block(7, 10):
        gate.verify(phone)

    assert [(each.sent, each.verified) for each in gate.desk.view().busiest if each.kind == "block"] == [(2, 2)]


def test_a_hold_doubles_each_time_and_wants_evidence_of_its_own(gate: Gate) -> None:
    """Half an hour, an hour, two; after a day without one it begins anew."""
    gate.set(hold_after="10,0,0", block="none", wide="none")
    lasted = []
    for _ in range(3):
        assert gate.codes(block(7, 10)) == ["allowed"] * 10
        lasted.append(gate.ask(block(7, 1)[0]).retry_after_s)
        gate.now += lasted[-1] + 1
    gate.now += 86_400 + 60
    gate.codes(block(7, 10))

    assert lasted == [1800, 3600, 7200]
    assert gate.ask(block(7, 1)[0]).retry_after_s == 1800


def test_a_released_prefix_is_left_alone_for_a_while(gate: Gate) -> None:
    """An hour; what came before it is no evidence any more."""
    gate.set(hold_after="10,0,0", block="none")
    gate.codes(block(7, 11))
    assert gate.desk.rule("release", "7900007") == "hold"

    assert gate.codes(block(7, 30)) == ["allowed"] * 30
    assert [(rule.name, rule.kind) for rule in gate.desk.rules()] == [("7900007", "grace")]
    gate.now += 3600
    assert gate.ask(block(7, 1)[0]).code == "held"  # by what came within the grace's last hour
    assert gate.desk.rules()[0].times == 2


def test_texts_that_nobody_verifies_are_no_evidence(gate: Gate) -> None:
    """They count against limits alone."""
    gate.set(hold_after="3,10,10", block="none")

    assert gate.codes(block(7, 30), verifiable=False) == ["allowed"] * 30
    assert gate.desk.view().all.sent == 0


def test_rules_that_are_over_go(gate: Gate) -> None:
    """Nothing grows with the attacks there were."""
    gate.set(hold_after="2,0,0")
    for number in range(30):
        gate.codes(block(number, 3))
    gate.now += 3 * 86_400
    gate.codes([*block(50, 3), *block(51, 3)])

    assert gate.redis.hkeys("{smsq}:shield:rules") == [b"7900050", b"7900051"]
    assert gate.redis.zcard("{smsq}:shield:held") == 2


# Repeats, dry runs, modes ---------------------------------------------------------------------------------------------


def test_a_repeat_counts_once_and_is_answered_the_same(gate: Gate) -> None:
    """By its token: a client that lost the answer asks again."""
    gate.set(**NONE | {"phone": "2/h", "daily_cost": "100"})
    first = gate.ask(token="a")
    before = gate.stored()

    assert [gate.ask(token="a") for _ in range(5)] == [first] * 5
    assert gate.stored() == before
    assert gate.codes([PHONE, PHONE]) == ["allowed", "phone_limit"]
    refused = gate.ask(token="b")
    gate.now += 3
    again = gate.ask(token="b")
    assert (again.code, again.retry_after_s) == (refused.code, refused.retry_after_s - 3)
    assert gate.redis.hget("{smsq}:totals", "shield:phone_limit") == b"2"


def test_a_refusal_is_not_remembered_for_long(gate: Gate) -> None:
    """The same code may go as soon as the limit lets it."""
    gate.set(**NONE | {"phone": "1/min"})
    gate.ask()
    refused = gate.ask(token="b")
    gate.now += refused.retry_after_s
    gate.redis.pexpire(f"{{smsq}}:shield:token:{hash_of('b')}", 0)  # ten seconds, by the server's clock

    assert refused.retry_after_s > 10
    assert gate.ask(token="b").allowed


def test_a_dry_run_leaves_no_trace(gate: Gate) -> None:
    """It says what would be decided: that it may go, that it may not, that a prefix would be held now."""
    gate.set(hold_after="3,0,0", phone="2/h")
    assert gate.ask(dry_run=True).allowed
    assert gate.redis.keys("*") == []
    gate.codes([PHONE, PHONE, PHONE + 1, PHONE + 2])
    before = gate.stored()

    assert gate.ask(dry_run=True).code == "held"
    gate.set(phone="2/h")
    assert gate.ask(dry_run=True).code == "phone_limit"
    assert gate.ask(PHONE + 1, dry_run=True, client="new").allowed
    assert gate.stored() == before


def test_while_it_only_watches_nothing_is_refused(gate: Gate) -> None:
    """It counts, and says what it would have done."""
    gate.set(mode="watch", phone="1/h", hold_after="0,0,0")
    gate.ask()
    second = gate.ask()

    assert (second.allowed, second.code, second.would) == (True, "allowed", "phone_limit")
    assert gate.redis.hget("{smsq}:totals", "shield:phone_limit") == b"1"
    gate.desk.limit("mode", "on")
    assert gate.ask().code == "phone_limit"


def test_off_is_off(gate: Gate) -> None:
    """By the settings no word goes to the ledger; by hand nothing is counted."""
    gate.set(mode="off", countries="US")
    assert (gate.ask().allowed, gate.shield.verified(PHONE, "x")) == (True, 0)
    gate.set(countries="US")
    gate.desk.limit("mode", "off")

    assert gate.ask().allowed
    assert gate.redis.keys("*") == [b"{smsq}:shield"]


def test_limits_change_at_once(gate: Gate) -> None:
    """For every process that shares the ledger, and back to the settings'."""
    gate.set(**NONE | {"phone": "2/h"})
    assert gate.codes([PHONE] * 3) == ["allowed"] * 2 + ["phone_limit"]
    gate.desk.limit("phone", "4/h")
    gate.desk.limit("countries", "KZ,RU")
    assert gate.codes([PHONE] * 3) == ["allowed"] * 2 + ["phone_limit"]
    assert gate.ask(12025550123).code == "denied_country"
    gate.desk.limit("countries", "none")
    gate.desk.limit("daily_cost", "20.5")
    assert gate.ask(12025550123).code == "daily_cost"
    view = gate.desk.view()
    assert (view.limits["phone"], view.limits["daily_cost"]) == ("4/h", "20.5")
    assert view.live == {"phone", "countries", "daily_cost"}
    for name in view.live:
        gate.desk.limit(name, None)

    assert gate.desk.view().live == frozenset()
    assert gate.ask(12025550123).allowed


def test_a_clock_that_goes_back_frees_nothing_early(gate: Gate) -> None:
    """What is counted meanwhile leaves with the newest slot there was."""
    gate.set(**NONE | {"phone": "3/h"})
    gate.ask()
    gate.now -= 600
    assert gate.codes([PHONE, PHONE, PHONE]) == ["allowed", "allowed", "phone_limit"]
    gate.now += 600 + 3300

    assert gate.ask().code == "phone_limit"


def test_hosts_that_are_set_otherwise_do_not_forget_for_each_other(gate: Gate) -> None:
    """Each counts in its own windows what goes through the other."""
    codes = []
    for told in ({"phone": "3/h"}, {"phone": "5/d"}) * 3:
        gate.set(**NONE | told)
        codes.append(gate.ask().code)

    assert codes == ["allowed"] * 4 + ["phone_limit", "allowed"]


def test_the_busiest_prefixes_are_shown(gate: Gate) -> None:
    """The newest of them first by how busy they are, with what they used of their limits."""
    gate.codes(block(1, 2))
    gate.now += 2 * HOUR
    for phone in block(2, 5):
        gate.ask(phone)
        gate.verify(phone)
    gate.codes(block(3, 8))
    shown = gate.desk.view().busiest

    assert [(each.kind, each.name, each.sent, each.verified) for each in shown] == [
        ("country", "RU", 13, 5), ("wide", "79000", 13, 5), ("block", "7900003", 8, 0), ("block", "7900002", 5, 5),
        ("block", "7900001", 0, 0),
    ]  # fmt: skip
    assert shown[2].used == [(8, 50, 3600), (8, 200, 86400)]


# What is kept ---------------------------------------------------------------------------------------------------------


def test_no_phone_and_no_client_is_in_clear(gate: Gate) -> None:
    """Prefixes are; everything that grows expires."""
    gate.ask(client="203.0.113.7")
    stored = repr(gate.stored())

    assert (str(PHONE) in stored, "203.0.113.7" in stored) == (False, False)
    assert "7916123" in stored
    lasting = {key.decode() for key in gate.redis.keys("*") if gate.redis.ttl(key) < 0}
    assert lasting == {"{smsq}:totals"}


def test_a_full_redis_lets_no_code_through(gate: Gate) -> None:
    """And nothing is written by halves."""
    gate.set(hold_after="2,0,0")
    gate.codes(block(7, 2))
    before = gate.stored()
    gate.redis.config_set("maxmemory", 1)
    try:
        for phone in (PHONE, block(7, 1)[0]):
            with pytest.raises(LedgerFull):
                gate.ask(phone)
        assert gate.stored() == before
    finally:
        gate.redis.config_set("maxmemory", 0)


# Fifty clients at once ------------------------------------------------------------------------------------------------

CLIENT = """
import sys, threading
from worker.domain.limits import Limits, with_written
from worker.ledger import Keys, Ledger
from worker.ledger.shield import Shield
from worker.redis_client import connect

who, url, told = sys.argv[1], sys.argv[2], dict(each.split("=") for each in sys.argv[3:])
allowed = []

def ask(number):
    shield = Shield(Ledger(connect(url), Keys()), with_written(Limits(), told), bytes)
    ready.wait()
    for turn in range(8):
        phone = 79160000000 + int(who) * 100_000 + number * 1000 + turn
        token = f"code/{who}-{number}-{turn}/1"
        answers = {shield.admit(phone, client="one", token=token).allowed for _ in range(2)}
        assert len(answers) == 1, "a repeat was answered otherwise"
        allowed.extend(each for each in answers if each)

ready = threading.Barrier(11)
threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
[thread.start() for thread in threads]
print("ready", flush=True)
sys.stdin.readline()
ready.wait()
[thread.join() for thread in threads]
print(len(allowed))
"""


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param({"client": "37/h"}, id="client", marks=pytest.mark.slow),
        pytest.param({"country": "37/h"}, id="country", marks=pytest.mark.slow),
        pytest.param({"daily": "37"}, id="daily", marks=pytest.mark.slow),
        pytest.param({"client": "37/h", "daily_cost": "113", "price": "3"}, id="cost"),
    ],
)
def test_fifty_clients_never_pass_a_limit(
    redis: redis_py.Redis, redis_server: EmbeddedRedis, limit: dict[str, str]
) -> None:
    """Five processes of ten threads, 400 codes at once, every call twice: as many go as may, not one more."""
    told = [f"{name}={value}" for name, value in (NONE | limit).items()]
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(who), redis_server.url, *told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for who in range(5)
    ]
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
    counted = sum(int(client.communicate("go\n")[0]) for client in clients)

    assert [client.returncode for client in clients] == [0] * 5
    assert counted == 37
    assert redis.hget("{smsq}:totals", "shield:allowed") == b"37"
    gate = Gate(redis, **NONE | limit)
    gate.now = gate.ledger.clock.now()
    assert gate.desk.view().all.cost == 37 * Decimal(limit.get("price", 5))


def test_fifty_threads_never_pass_the_evidence_that_holds_a_block(redis: redis_py.Redis) -> None:
    """A burst of an attack at once costs no more than one that comes code by code."""
    gate = Gate(redis, **NONE | {"hold_after": "10,0,0"})
    start = threading.Barrier(50)
    codes: list[str] = []

    def attack(phone: int) -> None:
        start.wait()
        codes.append(gate.ask(phone, token=str(phone)).code)

    threads = [threading.Thread(target=attack, args=(phone,)) for phone in block(7, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == ["allowed"] * 10 + ["held"] * 40
