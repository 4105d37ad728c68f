"""A cell with more than one phone: never one of them in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsq.producers.intake.drafts import draft
from smsq.producers.intake.preflight import look
from smsq.producers.intake.several_phones import phones_in
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput

CELLS: dict[str, tuple[str, list[str]]] = {
    "one": ("+7 (999) 123-45-67", ["+7 (999) 123-45-67"]),
    "a comma": ("+79991234567,+79991234568", ["+79991234567", "+79991234568"]),
    "a semicolon": ("89991234567; 8-999-123-45-68", ["89991234567", "8-999-123-45-68"]),
    "a slash": ("79991234567 / 79991234568", ["79991234567", "79991234568"]),
    "a blank": ("+79991234567 +79991234568", ["+79991234567", "+79991234568"]),
    "a line": ("+79991234567\n+79991234568", ["+79991234567", "+79991234568"]),
    "and": ("+79991234567 и +79991234568", ["+79991234567", "+79991234568"]),
    "three": ("+79991234567,+79991234568,+79991234569", ["+79991234567", "+79991234568", "+79991234569"]),
    "the same twice": ("+79991234567, 8 (999) 123-45-67", ["+79991234567"]),
    "groups with blanks": ("8 999 123 45 67 8 999 123 45 68", ["8 999 123 45 67", "8 999 123 45 68"]),
    "an extension": ("+7 (999) 123-45-67 доб. 12", ["+7 (999) 123-45-67 доб. 12"]),
    "a word": ("+79991234567, home", ["+79991234567, home"]),
    "a phone that is none": ("+79991234567, +7999", ["+79991234567, +7999"]),
    "a landline's own slash": ("0711/123456", ["0711/123456"]),
}


@pytest.mark.parametrize(("written", "expected"), CELLS.values(), ids=CELLS.keys())
def test_a_cell_is_taken_apart_only_if_all_of_it_is_phones(written: str, expected: list[str]) -> None:
    """Otherwise it is left as it is, and its row is rejected with what is wrong."""
    assert phones_in(written, "RU") == expected


def test_each_phone_is_a_row_or_the_row_is_an_error(tmp_path: Path) -> None:
    """By choice; the rows behind it are numbered on, and `places` tells where they stand."""
    path = tmp_path / "a.csv"
    path.write_text('phone,name\n+79990000001,A\n"+79990000002, +79990000003",B\n12,C\n"+79990000004;1",D\n')
    as_it_is, each = (draft(path, text="Hi {name}", several_phones=word) for word in (None, "each"))
    found = [look(drafted.source.rows(), drafted.template) for drafted in (as_it_is, each)]

    assert [(one.rows, one.messages, one.invalid) for one in found] == [(4, 1, 3), (5, 3, 2)]
    assert [(row[0], *row[2]) for row in each.source.rows() if not isinstance(row, Reject)] == [
        (1, "+79990000001", "A"),
        (2, "+79990000002", "B"),
        (3, "+79990000003", "B"),
        (4, "12", "C"),
        (5, "+79990000004;1", "D"),
    ]
    assert {row: place.line for row, place in each.source.places({2, 3, 5}).items()} == {2: 3, 3: 3, 5: 5}
    assert as_it_is.digest != each.digest


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.lists(
            st.one_of(st.integers(0, 9_999_999).map(lambda n: f"+7999{n:07}"), st.sampled_from(["", "x", "12"])),
            min_size=1,
            max_size=4,
        ).map(", ".join),
        min_size=1,
        max_size=6,
    ),
    cut=st.integers(0, 5),
)
def test_numbers_are_the_same_however_the_rows_are_read(tmp_path: Path, cells: list[str], cut: int) -> None:
    """As rows, and as what is written: good rows, rejects and short rows alike."""
    path = tmp_path / "x.csv"
    lines = [f'"{cell}"' + ("" if at == cut else ",n") for at, cell in enumerate(cells)]
    path.write_text("phone,name\n" + "".join(f"{line}\n" for line in lines))
    source = draft(path, text="Hi {name}", several_phones="each").source
    try:
        numbers = [row.row if isinstance(row, Reject) else row[0] for row in source.rows()]
    except BadInput:
        return

    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers == [number for number, _, _ in source.as_written()]  # type: ignore[attr-defined]
    assert set(source.places(set(numbers))) == set(numbers)


def test_words_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """And what is for files alone."""
    path = tmp_path / "a.csv"
    path.write_text("phone\n+79990000001\n")
    with pytest.raises(BadInput, match="several_phones is error or each, not 'both'"):
        draft(path, text="Hi", several_phones="both")
    with pytest.raises(BadInput, match="sheet is for files, and these rows are at hand"):
        draft([79990000001], text="Hi", sheet="x")
