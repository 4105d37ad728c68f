"""The shield in an attacker's hands: who asks for codes to shut others out, and what that costs them."""

from __future__ import annotations

import pytest

from smsq.worker.ledger.batches.enrolment import hash_of
from smsq.worker.ledger.views import Views
from tests.worker.ledger.otp.shield.gate import HOUR, PHONE, Gate, block

STRANGERS = [f"198.51.100.{each}" for each in range(250)]


def spread(many: int) -> list[int]:
    """Phones of one country, each in a block of its own, few of one wide block."""
    return [79000000000 + each % 600 * 1_000_000 + each // 600 * 10_000 for each in range(many)]


def refuse(gate: Gate, phone: int, client: str | None) -> str:
    token = next(gate.tokens)
    decision = gate.ask(phone, token=token, client=client)
    if decision.allowed:
        gate.shield.refused(phone, "sms", 8, known_as=hash_of(token))
    return decision.code


def test_one_client_holds_no_block(gate: Gate) -> None:
    """Fifteen phones that nobody enters a code for hold the client that asked for them, and no neighbours."""
    heard = gate.codes(block(7, 30), client="198.51.100.9")

    assert heard == ["allowed"] * 15 + ["held"] * 15
    assert gate.ask(PHONE, client="198.51.100.9").why == (
        "codes for this client are held: 0 of the last 15 were verified"
    )
    assert [gate.ask(phone, client=f"203.0.113.{phone % 250}").code for phone in block(7, 8, 100)] == ["allowed"] * 8
    assert gate.desk.rules() == []
    gate.now += 1800
    assert gate.ask(PHONE, client="198.51.100.9").allowed


def test_a_client_that_is_held_gets_no_further_by_other_writings_of_itself(gate: Gate) -> None:
    """Its other addresses of one /64, ports, IPv4 in the clothes of IPv6."""
    gate.codes(block(7, 15), client="2001:db8:1:2::1")
    gate.codes(block(8, 15), client="::ffff:198.51.100.9")

    for client in ("2001:db8:1:2:ffff::9", "[2001:DB8:1:2::5]:443", "198.51.100.9", "198.51.100.9:1024"):
        assert gate.ask(PHONE, client=client).code == "held", client
    assert gate.ask(PHONE, client="2001:db8:1:3::1").allowed


def test_refused_phones_of_few_clients_hold_no_block(gate: Gate) -> None:
    """Numbers that do not exist cost an attacker nothing: a client is evidence once, and is held itself after five."""
    heard = [refuse(gate, phone, STRANGERS[phone % 3]) for phone in block(7, 60)]

    assert heard.count("allowed") == 15
    assert gate.ask(block(7, 1, 500)[0], client="203.0.113.7").allowed
    assert gate.desk.rules() == []
    heard = [refuse(gate, phone, STRANGERS[100 + place]) for place, phone in enumerate(block(8, 20))]
    assert heard == ["allowed"] * 10 + ["held"] * 10


def test_refused_phones_without_a_client_hold_a_block_after_ten(gate: Gate) -> None:
    """Not after three."""
    assert [refuse(gate, phone, None) for phone in block(7, 12)] == ["allowed"] * 10 + ["held"] * 2


def test_few_clients_hold_no_country(gate: Gate) -> None:
    """A thousand codes by 36 names: each speaks for three phones, and is held after fifteen."""
    heard = [gate.ask(phone, client=STRANGERS[place % 36]).code for place, phone in enumerate(spread(1080))]

    assert heard.count("allowed") == 36 * 15
    assert gate.ask(PHONE, client="203.0.113.7").allowed
    assert gate.desk.rules() == []


@pytest.mark.parametrize("told", [{}, {"countries": "RU"}], ids=["", "listed"])
@pytest.mark.parametrize("allow", [False, True], ids=["", "allowed"])
def test_a_country_is_held_on_the_evidence_of_many(gate: Gate, told: dict[str, str], allow: bool) -> None:
    """However it is served; and that is an alarm."""
    gate.set(hold_after="0,0,90", **told)
    if allow:
        gate.desk.rule("allow", "RU")
    heard = [gate.ask(phone, client=STRANGERS[place]).code for place, phone in enumerate(spread(100))]

    assert heard == ["allowed"] * 90 + ["held"] * 10
    assert gate.redis.hget("{smsq}:totals", "alarm:country-held") == b"1"
    depth = Views(gate.ledger, lambda code, at_the_door: "").depth()
    assert (depth.one("smsq_shield_holds"), depth.one("smsq_shield_country_holds")) == (1, 1)


def test_who_verified_before_passes_a_hold(gate: Gate) -> None:
    """Of block, wide block and country, that comes by itself: months later too. A hold by hand is for everybody."""
    gate.set(hold_after="4,5,6")
    mine, also, later = block(7, 1, 5000)[0], PHONE, block(8, 1, 5000)[0]
    for phone in (mine, also, later):
        gate.ask(phone)
        gate.verify(phone)
    gate.now += 80 * 86_400
    for name, phones in (("7900007", block(7, 20)), ("RU", spread(100))):
        for phone in phones:
            gate.ask(phone)
        assert name in [rule.name for rule in gate.desk.rules()]

    assert gate.ask(block(7, 1, 6000)[0]).code == gate.ask(PHONE + 1).code == "held"
    assert gate.ask(mine, dry_run=True).allowed
    assert gate.codes([mine, also]) == ["allowed", "allowed"]
    gate.desk.rule("hold", "7900007")
    assert gate.ask(mine).why == "codes to +7900007… are held by hand"
    gate.now += 60 * 86_400
    for phone in block(8, 5):
        gate.ask(phone)
    assert gate.ask(block(8, 1)[0]).code == "held"
    assert gate.ask(later).code == "held", "after four months a phone is not known any more"


def test_who_verified_before_passes_the_hold_of_a_client(gate: Gate) -> None:
    """One who shares an address with an attacker."""
    gate.ask(PHONE)
    gate.verify(PHONE)
    gate.codes(block(7, 16), client="a")
    for phone in block(9, 6):
        refuse(gate, phone, "b")

    assert [gate.ask(PHONE + 1, client=each).code for each in "ab"] == ["held", "refused"]
    assert gate.codes([PHONE], client="a") == gate.codes([PHONE], client="b") == ["allowed"]


def test_known_phones_extend_no_hold(gate: Gate) -> None:
    """What goes to them while a prefix is held is no evidence to hold it again."""
    gate.set(hold_after="3,0,0")
    for phone in block(7, 10):
        gate.ask(phone)
        gate.verify(phone)
    gate.now += 2 * HOUR
    gate.codes(block(7, 4, 100))
    until = gate.desk.rules()[0].until

    assert gate.codes(block(7, 10)) == ["allowed"] * 10
    assert [(rule.until, rule.times) for rule in gate.desk.rules()] == [(until, 1)]


def test_an_office_behind_one_address_speaks_for_its_phones(gate: Gate) -> None:
    """Past the phones that it is evidence for, those that verify count all the same, and it is not held."""
    gate.set(client="none")
    for phone in block(7, 40):
        assert gate.ask(phone, client="office").allowed
        if phone % 2:
            assert gate.shield.verified(phone, f"code of {phone}", "office") == 1
            assert gate.shield.verified(phone, f"code of {phone}", "office") == 0
    shown = next(each for each in gate.desk.view().busiest if each.kind == "block")

    assert shown.verified == 20
    assert 20 < shown.sent <= 20 + 3


def test_verifying_phones_of_ones_own_buys_no_evidence(gate: Gate) -> None:
    """A client whose own phone verifies as often as one likes is evidence for three others as before."""
    gate.set(client="none", phone="none", hold_after="15,0,0", block="none")
    own = block(1, 1)[0]
    for round_, phone in enumerate(block(7, 40)):
        gate.ask(own, client="a")
        gate.shield.verified(own, f"own {round_}", "a")
        gate.ask(phone, client="a")

    assert "7900007" not in [rule.name for rule in gate.desk.rules()]
    assert gate.ask(block(7, 1, 900)[0], client="b").allowed


def test_a_hold_costs_as_many_clients_as_phones(gate: Gate) -> None:
    """Five clients of three phones each hold a block, as an attack does that comes from everywhere."""
    heard = [gate.ask(phone, client=STRANGERS[place // 3]).code for place, phone in enumerate(block(7, 18))]

    assert heard == ["allowed"] * 15 + ["held"] * 3


def test_strangers_use_up_no_day_of_those_who_verified_before(gate: Gate) -> None:
    """The day's ceiling is twice as high for them."""
    gate.set(daily="5", hold_after="0,0,0")
    gate.ask(PHONE)
    gate.verify(PHONE)
    assert gate.codes(spread(6)) == ["allowed"] * 4 + ["daily_limit"] * 2

    assert gate.codes([PHONE] * 6) == ["allowed"] * 5 + ["phone_limit"]
    gate.verify(PHONE)
    assert gate.ask(PHONE).code == "daily_limit"


def test_there_is_a_ceiling_by_default(gate: Gate) -> None:
    """A service that was never set up cannot be spent without end."""
    assert gate.desk.limits().daily == 10_000


def test_what_is_known_of_phones_is_bounded_and_goes(gate: Gate) -> None:
    """Not the phone, not its hash: some bits among those of others, for four months."""
    for phone in block(7, 50):
        gate.verify(phone)
    keys = gate.redis.keys("*known*")

    assert len(keys) <= 50
    assert all(gate.redis.strlen(key) <= 512 for key in keys)
    assert all(0 < gate.redis.ttl(key) <= 120 * 86_400 for key in keys)
    strangers = [phone for phone in block(8, 400) if gate.shield._known(phone)[0][0].encode() in keys]
    assert len(strangers) < 20
