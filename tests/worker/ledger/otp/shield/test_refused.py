"""What the gateway refuses is held against phones, blocks and clients."""

from __future__ import annotations

from typing import Any

from smsq.worker.ledger.batches.enrolment import hash_of
from tests.worker.ledger.otp.shield.gate import HOUR, PHONE, Gate, block


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


def test_ten_refused_phones_hold_their_block(gate: Gate) -> None:
    """And no other; the hold is one like any."""
    assert [refused(gate, phone) for phone in block(7, 12)] == ["allowed"] * 10 + ["held"] * 2
    assert [refused(gate, phone) for phone in block(8, 9)] == ["allowed"] * 9

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
    for phone in block(7, 20):
        gate.ask(phone)
        gate.verify(phone)
    assert [refused(gate, phone) for phone in block(7, 12, 20)] == ["allowed"] * 12
    gate.desk.rule("allow", "790000")
    assert [refused(gate, phone) for phone in block(8, 12)] == ["allowed"] * 12
    assert [refused(gate, phone, code=1) for phone in [PHONE] * 4] == ["allowed"] * 4
    gate.set(hold_after="0,0,0")
    assert [refused(gate, PHONE + each) for each in range(12)] == ["allowed"] * 12


def test_a_refused_message_that_the_shield_never_saw_leaves_no_trace(gate: Gate) -> None:
    """A text of one's own, without a client."""
    gate.shield.refused(PHONE, "sms", 8, known_as=hash_of("order-17"))
    gate.shield.refused(PHONE, "sms", 8, known_as="")

    assert gate.redis.keys("*") == []
