"""Rows that a program has at hand, as data frames and databases give them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from smsq.producers.intake.drafts import draft
from smsq.producers.intake.in_memory import RowsInMemory
from smsq.producers.intake.preflight import look
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput


class NaTType:
    """What pandas puts where there is no date: it is not even equal to itself."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class Frame:
    """A data frame, as far as whoever iterates over it can tell: its columns come."""

    columns = ("phone", "name")

    def __iter__(self) -> Any:
        return iter(self.columns)

    def to_dict(self, orient: str) -> list[dict[str, object]]:
        """Its rows."""
        return [{"phone": 79991234567.0, "name": orient}]


def values(rows: Any, columns: list[str] | None = None) -> list[Any]:
    """What a campaign takes these rows for; a reject by its reason."""
    told = RowsInMemory.of(rows, columns, "phone").rows()
    return [row.reason if isinstance(row, Reject) else tuple(row[2]) for row in told]


def test_a_frames_values_are_what_a_file_would_hold() -> None:
    """Gaps are empty; numbers that a gap made floats of, and bytes, are what they were."""
    nothing = [None, float("nan"), NaTType(), Decimal("NaN")]
    rows = [{"phone": 79991234567.0, "name": each, "sum": 1500.0} for each in nothing]

    assert values(rows) == [("79991234567", "", "1500")] * 4
    assert values([[79991234567, "Пётр".encode(), 15.5]], ["phone", "name", "sum"]) == [("79991234567", "Пётр", "15.5")]
    assert values([(Decimal("79991234567.0"), True, 10**18)], ["phone", "a", "b"]) == [
        ("79991234567", "True", str(10**18))
    ]


def test_plain_phones_may_be_numbers() -> None:
    """A column of a frame: text, whole floats, bytes, gaps, and numbers of other countries without a plus."""
    rows = ["+79991234567", 79991234568, 79991234569.0, b"+79991234560", None, float("nan"), 380501234567]
    drafted = draft(rows, text="Hi")
    found = look(drafted.source.rows(), drafted.template)

    assert (found.rows, found.messages) == (7, 5)
    assert found.reasons == {("invalid", "no phone number is given"): 2}


def test_bytes_that_are_no_text_turn_their_row_away() -> None:
    """Its neighbours are not touched."""
    assert values([{"phone": "1", "name": b"\xff\xfe"}, {"phone": "2", "name": "a"}]) == [
        "column name holds bytes that are not UTF-8",
        ("2", "a"),
    ]


@pytest.mark.parametrize("rows", [Frame(), {"phone": ["+79991234567"]}])
def test_a_table_of_columns_is_not_taken_for_rows(rows: Any) -> None:
    """Its column names are nobody's phone; the way to its rows is named."""
    with pytest.raises(BadInput, match=r'frame.to_dict\("records"\)'):
        draft(rows, text="Hi")


@pytest.mark.parametrize(("rows", "text"), [(None, "Hi"), (79991234567, "Hi"), (["+79991234567"], None)])
def test_what_is_neither_rows_nor_text_is_said(rows: Any, text: Any) -> None:
    """As a wrong value, not as an error of ours."""
    with pytest.raises(BadInput, match=r"rows are a file's path or|a text is text"):
        draft(rows, text=text)
