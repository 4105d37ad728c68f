"""Our id in a comment: written, and found again in what the gateway shows."""

from __future__ import annotations

import pytest

from smsq.worker.domain import text as texts
from smsq.worker.domain.errors import BadText
from smsq.worker.gateway import comments
from smsq.worker.gateway.checks import comment


def test_a_comment_names_its_message() -> None:
    """Behind the gateway's mark; the caller's own words follow."""
    assert comments.with_id(1000000001) == "\n~~~\nsmsq:1000000001"
    text, said = comments.parted("Hello" + comments.with_id(1000000001, "order 17"))

    assert (text, comments.id_in(said)) == ("Hello", 1000000001)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "1000000001",
        "smsq:",
        "smsq:0",
        "smsq:01",
        "smsq:-5",
        "smsq:5x",
        "smsq:99999999999",
        "smsq:2147483648",
        "SMSQ:5",
    ],
)
def test_another_comment_names_none(said: str) -> None:
    """Of another program, or damaged."""
    assert comments.id_in(said) is None


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"comment": "smsq:5"}, 5),
        ({"comment": " smsq:5 order\n17 "}, 5),
        ({"comment": "", "message": "Hi\n~~~\nsmsq:6"}, 6),
        ({"message": "Hi\n~~~\nsmsq:6"}, 6),
        ({"message": "smsq:6"}, None),
        ({"comment": "other", "message": "Hi\n~~~\nsmsq:6"}, None),
        ({"comment": None}, None),
        ({}, None),
    ],
)
def test_a_row_of_history_is_read(row: dict[str, object], found: int | None) -> None:
    """In a field of its own or behind the text, never in the text itself."""
    assert comments.id_of_row(row) == found


def test_a_comment_that_is_no_text_is_not_overlooked() -> None:
    """It might have been ours."""
    with pytest.raises(ValueError, match="no text"):
        comments.id_of_row({"comment": ["smsq:5"]})


def test_no_user_can_write_such_a_comment() -> None:
    """Neither in a text nor as a comment of their own."""
    with pytest.raises(BadText):
        texts.check("Hello" + comments.with_id(5))

    assert "smsq:" in comment("smsq:5 mine")
    assert comment("order 17") == ""
