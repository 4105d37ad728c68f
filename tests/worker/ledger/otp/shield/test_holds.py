"""Prefixes whose codes nobody enters are held by themselves."""

from __future__ import annotations

from tests.worker.ledger.otp.shield.gate import PHONE, Gate, block


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
