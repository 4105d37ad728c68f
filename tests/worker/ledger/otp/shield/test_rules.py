"""What a person allows, denies and holds."""

from __future__ import annotations

import pytest

from smsq.worker.domain.errors import Denied
from tests.worker.ledger.otp.shield.gate import ELSEWHERE, NONE, PHONE, Gate


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


@pytest.mark.parametrize(
    ("phone", "kind"),
    [(74951234567, "landlines"), (78001234567, "landlines"), (78091234567, "premium"), (447012345678, "premium")],
)
def test_numbers_that_codes_do_not_reach_are_denied_unless_allowed(gate: Gate, phone: int, kind: str) -> None:
    """Nothing is counted for them; a prefix that is allowed is served."""
    before = gate.stored()
    denied = gate.ask(phone, dry_run=True)
    with pytest.raises(Denied) as raised:
        gate.shield.check(phone)
    gate.desk.rule("allow", str(phone)[:4])

    assert before == {}
    assert (denied.code, denied.allowed, denied.retry_after_s) == ("denied_number", False, 0)
    assert kind in denied.why
    assert raised.value.decision == "denied_number"
    assert gate.ask(phone).code == "allowed"


def test_a_landline_may_be_called(gate: Gate) -> None:
    """A premium number may not: its owner is paid for whatever comes."""
    assert [gate.ask(phone, channel="call").code for phone in (74951234567, 78091234567)] == [
        "allowed",
        "denied_number",
    ]


def test_a_country_that_is_allowed_does_not_serve_its_premium_numbers(gate: Gate) -> None:
    """Nor does a shield that only watches deny anything, though it says what it would."""
    gate.desk.rule("allow", "RU")
    denied = gate.ask(78091234567)
    gate.desk.limit("mode", "watch")
    watched = gate.ask(78091234567)

    assert denied.code == "denied_number"
    assert (watched.allowed, watched.would) == (True, "denied_number")
