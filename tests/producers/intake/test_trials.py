"""The rows that are tried first."""

from __future__ import annotations

from collections import Counter
from random import Random

from smsq.producers.intake.drafts import draft, ranges
from smsq.producers.intake.trials import Trial, trials
from smsq.worker.domain.batch import Options

PEOPLE = [("+79990000001", "Ann"), ("+79990000002", "Maximiliana"), ("x", "bad"), ("+79990000003", "Bo")]


def chosen(rows: list[tuple[str, str]], text: str, seed: int = 1, *, constant: str | None = None) -> list[Trial]:
    drafted = draft(rows, text=text, columns=("phone", "name"))
    return trials(ranges(drafted, 2), Options(), constant, Random(seed))


def test_the_first_and_the_longest_are_among_them() -> None:
    """As they would leave, with their rows in the file."""
    found = {each.which: (each.row, each.text) for each in chosen(PEOPLE, "Hi {name}")}

    assert found["first"] == (1, "Hi Ann")
    assert found["longest"] == (2, "Hi Maximiliana")


def test_equal_texts_are_tried_once() -> None:
    """One text for all is one message."""
    found = chosen(PEOPLE, "Hello", constant="Hello")

    assert [(each.which, each.row, each.text) for each in found] == [("first", 1, "Hello")]


def test_the_third_is_any_of_them() -> None:
    """Each row as often as any other, whatever the size of the file."""
    rows = [(f"+7999000{n:04d}", f"N{n}") for n in range(10)]
    found = Counter(
        each.row for seed in range(3000) for each in chosen(rows, "Hi {name}", seed) if each.which == "random"
    )

    assert set(found) == set(range(2, 11))  # the first row is the first already
    assert max(found.values()) < 2 * min(found.values())


def test_nothing_to_try() -> None:
    """If no row can be sent."""
    assert chosen([("x", "bad")], "Hi {name}") == []
