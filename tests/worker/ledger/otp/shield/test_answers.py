"""Repeats, dry runs, watching, changes: the same question has the same answer."""

from __future__ import annotations

from smsq.worker.ledger.batches.enrolment import hash_of
from tests.worker.ledger.otp.shield.gate import HOUR, NONE, PHONE, Gate, block


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
