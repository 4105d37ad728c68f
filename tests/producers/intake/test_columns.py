"""Columns with a meaning: what a row says of its zone, moment, key and words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smsq.producers.intake.columns import MEANINGS, unnamed
from smsq.producers.intake.drafts import Draft, draft, ranges
from smsq.worker.domain.batch import unpack_rows
from smsq.worker.domain.campaign import Range
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.row_words import RowWords, unpack_words

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC


def drafted(path: Path, *rows: str, header: str = "phone,tz,when,ref,city", **how: Any) -> Draft:
    path = path / "people.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    found = draft(path, text="Hi", **{"window": "9-21", **how})
    assert found.zoning is not None
    return found if how.get("raw") else _known(found)


def _known(found: Draft, **learned: str) -> Draft:
    from dataclasses import replace

    assert found.zoning is not None
    return replace(
        found, zoning=found.zoning.with_knowledge({int(key[1:]): zone for key, zone in learned.items()}, NOW)
    )


def only(found: Draft) -> Range:
    (part,) = ranges(found, 100)
    return part


ALL = {"zone": "tz", "at": "when", "reference": "ref", "tags": "city"}


def test_rows_are_grouped_by_zone_and_moment(tmp_path: Path) -> None:
    """Each group is a batch, which stands where its first row does."""
    part = only(
        drafted(
            tmp_path,
            "+79990000001,Asia/Omsk,,,",
            "+79990000002,+03:00,,,",
            "+79990000003,asia/omsk,,,",
            "+79990000004,+3,2027-02-01T10:00,,",
            per_row=ALL,
        )
    )

    assert part.zones == ("Asia/Omsk", "+03:00")
    assert [
        (batch.zone, batch.moment, unpack_rows(batch.rows, batch.first_row, batch.count)) for batch in part.batches
    ] == [
        (0, None, [1, 3]),
        (1, None, [2]),
        (1, 1_801_465_200.0, [4]),  # by its own clock: 07:00 UTC
    ]


def test_words_come_with_their_row(tmp_path: Path) -> None:
    """Blank cells say nothing."""
    part = only(drafted(tmp_path, "+79990000001,,,order 1,Omsk", "+79990000002,,,,", per_row=ALL))
    (batch,) = part.batches

    assert unpack_words(batch.words, 2) == [RowWords("order 1", {"city": "Omsk"}), RowWords()]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("+79990000001,Asia/Nowhere,,,", "column tz: Asia/Nowhere: there is no time zone"),
        ("+79990000001,,2020-01-01T10:00,,", "column when: 2020-01-01T10:00: that moment has passed"),
        ("+79990000001,,tomorrow,,", "column when: tomorrow: a moment looks like"),
        ("+79990000001,,2027-02-01,,", "is a day without a time"),
        ("+79990000001,Europe/Berlin,2027-03-28T02:30,,", "the clocks go forward then"),
        ("+79990000001,,," + "x" * 300 + ",", "at most 255 are kept"),
    ],
)
def test_a_wrong_cell_is_a_rejected_row(tmp_path: Path, row: str, said: str) -> None:
    """Column, value and reason are named; the others are sent."""
    part = only(drafted(tmp_path, row, "+79990000002,,,,", per_row=ALL))

    assert [reject.row for reject in part.rejects] == [1]
    assert said in part.rejects[0].reason
    assert sum(batch.count for batch in part.batches) == 1


def test_a_spreadsheets_moment_is_read(tmp_path: Path) -> None:
    """By the clock of the row's zone."""
    (batch,) = only(drafted(tmp_path, "+79990000001,Asia/Omsk,01.02.2027 10:00,,", per_row=ALL)).batches

    assert batch.moment == 1_801_454_400.0


def test_a_key_is_used_once(tmp_path: Path) -> None:
    """Whoever has it first; a row without a key is not held to it."""
    part = only(
        drafted(
            tmp_path, "+79990000001,a", "+79990000002,a", "+79990000003,", "+79990000004,",
            header="phone,order", per_row={"key": "order"},
        )
    )  # fmt: skip

    assert [(reject.row, reject.status) for reject in part.rejects] == [(2, "duplicate")]
    assert "its key a is in an earlier row" in part.rejects[0].reason
    assert part.zones == ()  # nothing else about the campaign is different


@pytest.mark.parametrize(
    ("phone", "unknown", "zone", "way"),
    [
        ("+4915112345678", "all", "Europe/Berlin", "country"),
        ("+79990000001", "all", "all:RU", "all"),
        ("+79990000001", "own", "own", "own"),
        ("+79990000001", "asia/omsk", "Asia/Omsk", "zone"),
        ("+77011234567", "own", "Asia/Almaty", "country"),
        ("+79231234567", "all", "Asia/Tomsk", "gateway"),
    ],
)
def test_how_a_zone_is_known(tmp_path: Path, phone: str, unknown: str, zone: str, way: str) -> None:
    """By what the gateway said, the country, and last by the operator's choice."""
    found = drafted(tmp_path, phone, header="phone", zone_unknown=unknown)
    found = _known(found, p7923123="Asia/Tomsk")
    parts = list(ranges(found, 100))

    assert parts[0].zones == (zone,)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"window": None}, "add --window"),
        ({"window": "9-9"}, "never opens"),
        ({"window": "9-21 not mon,tue,wed,thu,fri,sat,sun"}, "never opens"),
        ({"window": "25-26"}, "a window is two times of the day"),
        ({"window": "9-21 not someday"}, "a day to leave out is"),
        ({"zone_unknown": "Mars"}, "there is no time zone 'Mars'"),
        ({"per_row": {"zone": "clock"}}, "there is no column clock for zone; the columns are"),
        ({"per_row": {"tags": "city,town"}}, "there is no column town for tags"),
    ],
)
def test_what_stops_a_campaign(tmp_path: Path, how: dict[str, Any], said: str) -> None:
    """Before anything is enrolled."""
    with pytest.raises(BadInput, match=said):
        drafted(
            tmp_path,
            "+79990000001,,,,",
            **{"per_row": ALL, **how} if "window" not in how else {"per_row": {"zone": "tz"}, **how},
        )


def test_a_window_that_is_open_nowhere_at_once_is_named(tmp_path: Path) -> None:
    """With the ways out."""
    part = only(drafted(tmp_path, "+79990000001", header="phone", zone_unknown="all", window="9-10"))

    assert "the window 9-10 is never open in every zone of RU" in part.rejects[0].reason
    assert "--zone-unknown own" in part.rejects[0].reason


def test_a_column_that_is_not_named_stays_a_field(tmp_path: Path) -> None:
    """And a line says what it could be; of one that the text uses there is none."""
    path = tmp_path / "people.csv"
    path.write_text("phone,key,tz,at\n+79990000001,a,Asia/Omsk,b\n")
    found = draft(path, text="Your key is {key}")

    assert found.zoning is None
    said = list(found.unnamed_columns())
    assert [line.split(";")[1].split(" makes")[0] for line in said] == [" --per-row zone=tz", " --per-row at"]
    assert list(unnamed(("phone", *MEANINGS), {name: name for name in MEANINGS}, ())) == []


def test_the_columns_are_a_part_of_what_was_asked(tmp_path: Path) -> None:
    """The same file with other meanings is another campaign; without any it is what it was."""
    rows = ("+79990000001,Asia/Omsk,,r,c",)
    digests = [
        drafted(tmp_path, *rows, per_row=per_row).digest
        for per_row in ({"zone": "tz"}, {"zone": "city"}, {"key": "ref"})
    ]
    digests.append(drafted(tmp_path, *rows, per_row={"zone": "tz"}, zone_unknown="own").digest)
    assert len(set(digests)) == 4


def test_moments_of_rows_do_not_recur() -> None:
    """Each occurrence sends all rows, so those of later ones would pile up."""
    rows = [{"phone": "+79990000001", "when": "2099-01-01T10:00+00:00"}]
    with pytest.raises(BadInput, match=r"sends every row at each occurrence.* column 'when' .*leave out --every"):
        draft(rows, text="Hi", every="day 10:00", every_zone="Europe/Moscow", per_row={"at": "when"})
