"""What a person allows, denies and holds."""

from __future__ import annotations

from tests.worker.ledger.shield.gate import ELSEWHERE, NONE, PHONE, Gate


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
