"""Options that a file has for each of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.producers.intake.drafts import Draft, draft, ranges
from smsq.worker.domain.batch import Options, Packed, unpack_recipients, unpack_rows, unpack_texts
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput

FIRST = 79990000000
MAIL = Options(channel="mail", sender="shop@example.ru")


def drafted(cells: Sequence[Mapping[str, str]], text: str = "Hi", **how: Any) -> Draft:
    """A draft of rows with these cells beside their phones."""
    rows = [{"phone": str(FIRST + n), **each} for n, each in enumerate(cells)]
    return draft(rows, text=text, **how)


def enrolled(drafted: Draft, size: int = 100) -> tuple[list[Packed], list[Reject]]:
    """What would be enrolled, and what would not."""
    parts = list(ranges(drafted, size))
    return [batch for part in parts for batch in part.batches], [each for part in parts for each in part.rejects]


def rows_of(batch: Packed) -> list[int]:
    """The rows of a batch."""
    return unpack_rows(batch.rows, batch.first_row, batch.count)


def test_rows_with_different_options_leave_apart() -> None:
    """Each batch stands where its first row does; an empty cell is the campaign's own word."""
    cells = [{"maxsms": "1"}, {"maxsms": ""}, {"maxsms": "1"}, {"maxsms": "2"}, {"maxsms": " "}]
    batches, rejects = enrolled(drafted(cells, per_row=["maxsms"], options=Options(maxsms=3)))

    assert rejects == []
    assert [(rows_of(batch), batch.options) for batch in batches] == [
        ([1, 3], Options(maxsms=1)),
        ([2, 5], None),
        ([4], Options(maxsms=2)),
    ]
    assert [batch.first_row for batch in batches] == [1, 2, 4]


def test_parts_are_counted_with_the_rows_own_options() -> None:
    """What a row may cost at most is what pacing and budget count."""
    batches, _ = enrolled(drafted([{"m": "1"}, {"m": ""}], "x" * 400, per_row={"maxsms": "m"}))

    assert [batch.parts for batch in batches] == [1, 3]


@pytest.mark.parametrize(
    ("name", "cell", "says"),
    [
        ("time", "soon", "time: a time is"),
        ("tz", "99", "tz: a time zone is"),
        ("freq", "5", "'freq' counts only beside 'period'"),
        ("subj", "Hello", "'subj' is for the channels mms, mail, not for sms"),
        ("comment", "~~~", "comment: a comment is one line"),
    ],
)
def test_a_wrong_cell_is_a_rejected_row(name: str, cell: str, says: str) -> None:
    """By the option's name, at the row's number; the others go on."""
    batches, rejects = enrolled(drafted([{name: ""}, {name: cell}, {name: ""}], per_row=[name]))

    assert [rows_of(batch) for batch in batches] == [[1, 3]]
    assert [(each.row, each.status) for each in rejects] == [(2, "invalid")]
    assert rejects[0].reason.startswith(says)


def test_what_is_needed_may_come_with_the_row() -> None:
    """The subject of an e-mail, for one; a row without it is rejected."""
    rows = [{"email": f"{name}@example.ru", "topic": topic} for name, topic in (("a", "One"), ("b", ""), ("A", "Two"))]
    made = draft(rows, text="Hi", options=MAIL, per_row={"subj": "topic"})
    batches, rejects = enrolled(made)

    (batch,) = batches
    assert batch.options is not None
    assert (unpack_recipients(batch.recipients), batch.options.subj) == (["a@example.ru"], "One")
    assert [(each.row, each.status) for each in rejects] == [(2, "invalid"), (3, "duplicate")]
    assert "needs `subj`" in rejects[0].reason


@pytest.mark.parametrize(
    ("per_row", "says"),
    [
        (["maxsm"], "no option 'maxsm'; did you mean maxsms"),
        ({"tz": "zone"}, "no column zone for the option tz"),
        (["chanel"], "no option 'chanel'; did you mean channel"),
    ],
)
def test_what_cannot_be_an_option_of_rows(per_row: Any, says: str) -> None:
    """Before a row is read."""
    with pytest.raises(BadInput, match=says):
        drafted([{"maxsms": "1", "sender": "Shop", "channel": "sms"}], per_row=per_row)


def test_a_row_has_its_own_sender_and_channel() -> None:
    """A batch has one of each; a row without is as the campaign; whatever the file's column is called."""
    cells = [
        {"from": "Shop", "way": "viber"},
        {"from": "", "way": ""},
        {"from": "Bank", "way": "SMS"},
        {"from": "Shop", "way": "viber"},
        {"from": "Shop", "way": ""},
    ]
    made = drafted(cells, per_row={"sender": "from", "channel": "way"}, sender="Club")
    batches, rejects = enrolled(made)

    assert rejects == []
    assert [(rows_of(batch), batch.options) for batch in batches] == [
        ([1, 4], Options(sender="Shop", channel="viber")),
        ([2], None),
        ([3], Options(sender="Bank")),
        ([5], Options(sender="Shop")),
    ]
    assert made.plan(100, 0.0).words == ("sender", "channel")
    assert list(made.unnamed_columns()) == []
    assert "--per-row sender makes it the sender of its row" in next(drafted([{"sender": "x"}]).unnamed_columns())


@pytest.mark.parametrize(
    ("name", "cell", "says"),
    [
        ("sender", "Магазин", "column x: Магазин: a sender is up to 11 latin letters"),
        ("channel", "pigeon", "column x: pigeon: there is no such channel; rows of this campaign may go by sms, flash"),
        ("channel", "mail", "column x: mail: goes to other recipients or has another kind of text: put these rows"),
        ("channel", "bin", "column x: bin: goes to other recipients or has another kind of text"),
        ("channel", "tg", "column x: tg: goes to other"),
    ],
)
def test_a_wrong_sender_or_channel_names_its_column(name: str, cell: str, says: str) -> None:
    """And the value, and what to do; only that row stays out."""
    batches, rejects = enrolled(drafted([{"x": ""}, {"x": cell}], per_row={name: "x"}))

    assert [rows_of(batch) for batch in batches] == [[1]]
    assert [(each.row, each.status) for each in rejects] == [(2, "invalid")]
    assert rejects[0].reason.startswith(says)


def test_a_channel_that_the_wire_cannot_carry_is_an_error_of_its_row() -> None:
    """Over SMPP nothing goes by WhatsApp."""
    cells = [{"channel": "viber"}, {"channel": "whatsapp"}]
    _, rejects = enrolled(drafted(cells, per_row=["channel"], transport="smpp"))

    assert [(each.row, each.reason.split(" (")[0]) for each in rejects] == [
        (2, "a message of the channel whatsapp cannot leave over smpp")
    ]


def test_a_column_is_no_option_unless_it_is_named() -> None:
    """Files have columns called `time` and `comment` for their texts."""
    batches, _ = enrolled(drafted([{"time": "soon", "comment": "x"}], "Come {time}"))

    assert (batches[0].options, unpack_texts(batches[0].texts)) == (None, ["Come soon"])


def test_the_columns_are_a_part_of_what_was_asked() -> None:
    """The same file with and without them is another campaign; without them its digest is what it was."""
    cells = [{"tz": "1", "zone": "2"}]
    digests = [
        drafted(cells, **how).digest for how in ({}, {"per_row": ["tz"]}, {"per_row": {"tz": "zone"}}, {"per_row": []})
    ]

    assert len(set(digests)) == 3
    assert digests[0] == digests[3]


@given(
    st.lists(st.sampled_from(["", "1", "2", "3", "100", "x"]), min_size=1, max_size=40),
    st.integers(1, 7),
    st.booleans(),
)
def test_every_row_is_a_message_or_a_reject(cells: list[str], size: int, is_personal: bool) -> None:
    """Once, whatever its options; batches are no larger than asked, and in the order of their first rows."""
    made = drafted([{"maxsms": cell} for cell in cells], "Hi {maxsms}" if is_personal else "Hi", per_row=["maxsms"])
    batches, rejects = enrolled(made, size)
    rows = [row for batch in batches for row in rows_of(batch)]

    assert sorted([*rows, *(each.row for each in rejects)]) == list(range(1, len(cells) + 1))
    assert [batch.first_row for batch in batches] == sorted(batch.first_row for batch in batches)
    for batch in batches:
        assert batch.count <= size
        assert {cells[row - 1] for row in rows_of(batch)} == {
            str(batch.options.maxsms) if batch.options is not None else ""
        }
        assert unpack_recipients(batch.recipients) == [FIRST + row - 1 for row in rows_of(batch)]
