"""From rows to ranges: every row is accounted for, the same way each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.producers.intake.prepare import prepare
from smsq.producers.intake.rows import Row, inspect
from smsq.producers.intake.templates import Template
from smsq.worker.domain.batch import unpack_recipients, unpack_rows, unpack_texts
from smsq.worker.domain.campaign import Range, Reject
from smsq.worker.domain.errors import BadText

COLUMNS = ("phone", "name")


def rows(*pairs: tuple[str, str]) -> list[Row | Reject]:
    return [(number, pair[0], pair) for number, pair in enumerate(pairs, 1)]


def messages(made: Range) -> list[tuple[int, int, str | None]]:
    """(row, phone, text) of every message in a range."""
    found: list[tuple[int, int, str | None]] = []
    for batch in made.batches:
        phones = unpack_recipients(batch.recipients)
        texts = unpack_texts(batch.texts) if batch.texts else [None] * batch.count
        found += zip(unpack_rows(batch.rows, batch.first_row, batch.count), phones, texts, strict=True)
    return found


def test_bad_and_repeated_rows_become_rejects() -> None:
    """Each row is a message or a reject; of rows with one phone the first good one counts."""
    source = rows(
        ("79991234567", "Ivan"),
        ("nobody", "Anna"),
        ("8 (999) 123-45-67", "Ivan again"),
        ("79991234568", "a\\nb"),
        ("79991234568", "x" * 1001),
        ("79991234568", "Пётр " * 20),
    )
    source.append(Reject(7, "invalid", "too few columns", ""))
    (made,) = prepare(source, Template.compile("{name}", COLUMNS), 100, 10)

    assert messages(made) == [(1, 79991234567, "Ivan"), (6, 79991234568, "Пётр " * 20)]
    assert [(r.row, r.status) for r in made.rejects] == [
        (2, "invalid"),
        (3, "duplicate"),
        (4, "invalid"),
        (5, "invalid"),
        (7, "invalid"),
    ]
    assert made.rejects[0] == Reject(2, "invalid", "this is not a phone number", "nobody")
    assert (made.n, made.rows, made.batches[0].parts) == (1, 7, 1 + 2)


def test_a_row_that_ends_early_gets_no_text_with_a_hole(tmp_path: Path) -> None:
    """Cells that were left out count as empty, but a row without one that the text wants is turned away."""
    path = tmp_path / "people.csv"
    path.write_text("phone,name,city\n79991234567,Ann\n79991234568\n79991234569,,\n")
    source = inspect(path)
    (one,) = prepare(source.rows(), Template.compile("Hi", source.columns), 100, 10)
    (own,) = prepare(source.rows(), Template.compile("Hi {name}", source.columns), 100, 10)

    assert [phone for _, phone, _ in messages(one)] == [79991234567, 79991234568, 79991234569]
    assert [(phone, text) for _, phone, text in messages(own)] == [(79991234567, "Hi Ann"), (79991234569, "Hi ")]
    assert own.rejects[0].reason == "too few columns: the row ends before name, which the text uses"


def test_one_text_is_counted_once_and_not_packed() -> None:
    """Where all rows get one text, batches hold phones only."""
    source = rows(*((f"7999{number:07}", "") for number in range(250)))
    template = Template.compile("я" * 71, COLUMNS)
    made = list(prepare(source, template, 20, 5))

    assert [(each.n, each.rows, [batch.count for batch in each.batches]) for each in made] == [
        (1, 100, [20] * 5),
        (2, 100, [20] * 5),
        (3, 50, [20, 20, 10]),
    ]
    assert {batch.texts for each in made for batch in each.batches} == {b""}
    assert sum(batch.parts for each in made for batch in each.batches) == 500
    assert [row for each in made for row, _, _ in messages(each)] == list(range(1, 251))


def test_the_same_rows_give_the_same_ranges() -> None:
    """A campaign that is run again finds its ranges as they were."""
    source = rows(*((f"7999{number % 40:07}", f"name {number}") for number in range(100)))
    template = Template.compile("Hi {name}", COLUMNS)
    made = [list(prepare(source, template, 7, 3)) for _ in range(2)]

    assert made[0] == made[1]
    assert sum(each.rows for each in made[0]) == 100
    assert sum(len(each.rejects) for each in made[0]) == 60


def test_a_range_of_rejects_has_no_batches() -> None:
    """The cursor moves over it all the same."""
    (made,) = prepare(rows(("1", ""), ("2", "")), Template.compile("Hi", COLUMNS), 10, 10)

    assert (made.batches, made.rows, len(made.rejects)) == ((), 2, 2)


def test_a_bad_constant_text_is_refused_before_the_first_row() -> None:
    """What no row could send is no row's fault."""
    with pytest.raises(BadText, match="__CALL__"):
        next(prepare(rows(("79991234567", "")), Template.compile("__CALL__: hi", COLUMNS), 10, 10))


def test_another_region() -> None:
    """Numbers without a plus are read as at home."""
    (made,) = prepare(rows(("0501234567", "")), Template.compile("Hi", COLUMNS), 10, 10, region="UA")

    assert messages(made) == [(1, 380501234567, None)]


@pytest.mark.parametrize("value", ["#N/A", " #ref! ", "#\u0421\u0421\u042b\u041b\u041a\u0410!"])
def test_what_a_spreadsheet_could_not_find_is_sent_to_nobody(value: str) -> None:
    """The row is a reject that says so; a value that only begins like one is sent."""
    template = Template.compile("Hello {name}", COLUMNS)
    made = list(
        prepare(rows(("79991234567", value), ("79991234568", "#1")), template, batch_size=2, batches_per_range=1)
    )

    assert [text for part in made for _, _, text in messages(part)] == ["Hello #1"]
    assert ["a spreadsheet wrote #" in each.reason for part in made for each in part.rejects] == [True]
