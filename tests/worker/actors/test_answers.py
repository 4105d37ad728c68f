"""What people wrote back, read from the gateway."""

from __future__ import annotations

from typing import Any

from smsq.worker.actors.answers import Answers


def listed(plant: Any) -> set[str]:
    return {each.key for each in plant.ledger.opted_out()}


def test_answers_are_read_on_from_the_last_one(plant: Any) -> None:
    """Those who opt out go on the list; each answer counts once, and nothing is asked again from the beginning."""
    answers, now = Answers(plant.runtime), plant.runtime.clock.now()
    answers.read_answers()
    assert plant.ledger.answers_read() == 0

    def comes_in(phone: str, text: str) -> None:
        plant.sandbox.call(lambda server: server.gateway.comes_in(phone, text, "79000000000", now))

    for phone, text in (("79990000001", "STOP"), ("79990000002", "Thanks"), ("79990000003", "НЕ НАДО")):
        comes_in(phone, text)
    answers.read_answers()

    assert listed(plant) == {"79990000001", "79990000003"}
    assert plant.ledger.answers_read() == 3
    comes_in("79990000001", "START")
    answers.read_answers()
    assert (listed(plant), plant.ledger.answers_read()) == ({"79990000003"}, 4)


def test_answers_are_due_after_their_interval(plant: Any) -> None:
    """Whichever scheduler asks; the first interval begins with the ledger."""
    ledger = plant.ledger
    assert [ledger.are_answers_due(at, 300) for at in (1000.0, 1100.0, 1300.0, 1301.0, 1600.0)] == [
        False, False, True, False, True,
    ]  # fmt: skip
