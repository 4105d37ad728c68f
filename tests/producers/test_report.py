"""Reports: their columns, and cells that no spreadsheet evaluates."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.producers.report import COLUMNS, as_object, rejected, safe, write_csv, write_json, write_table
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.result import FIELDS

DELIVERED = Receipt(
    id="4711.0",
    phone="+79991234567",
    status="delivered",
    gateway_id=1_000_000_001,
    parts=2,
    cost=Decimal("7.6000"),
    attempts=1,
    submitted_at=1_700_000_000,
    status_at=1_700_000_003,
    row=1,
)
REJECTED = Receipt(id="", phone='=HYPERLINK("x")', status="invalid", error="@nobody", row=2)


def test_csv_has_the_columns_that_were_promised() -> None:
    """One line for each row, times in ISO 8601, phones whole."""
    out = io.StringIO()
    write_csv([DELIVERED, REJECTED], out)
    header, first, second = csv.reader(io.StringIO(out.getvalue()))

    assert tuple(header) == COLUMNS
    assert ",".join(header) == (
        "row,phone,status,error_code,error,gateway_id,parts,cost,attempts,submitted_at,status_at,id,reference,operator"
    )
    expected = ["1", "+79991234567", "delivered", "0", "", "1000000001", "2", "7.6", "1"]
    assert first == [*expected, "2023-11-14T22:13:20Z", "2023-11-14T22:13:23Z", DELIVERED.id, "", ""]
    assert second == ["2", '\'=HYPERLINK("x")', "invalid", "0", "'@nobody", "", "0", "0", "0", "", "", "", "", ""]


PROBED = replace(
    DELIVERED,
    result={
        "imsi": "250016012345678",
        "mnc": "02",
        "country": "=RU()",
        "network": "MTS",
        "roaming_country": "Kazakhstan",
    },
)


def test_csv_of_probes_has_columns_for_what_they_found() -> None:
    """Behind the others, empty where nothing is known; operators' words are no formulas."""
    out = io.StringIO()
    write_csv([PROBED, REJECTED], out, None, FIELDS)
    header, first, second = csv.reader(io.StringIO(out.getvalue()))

    assert [*COLUMNS, *FIELDS] == header
    assert ",".join(FIELDS) == "imsi,msc,mcc,mnc,country,network,roaming_country,roaming_network"
    assert first[len(COLUMNS) :] == ["250016012345678", "", "", "02", "'=RU()", "MTS", "Kazakhstan", ""]
    assert second[len(COLUMNS) :] == [""] * 8


def test_an_object_has_a_result_if_there_is_one() -> None:
    """For machines, with the names of ours."""
    assert dict(PROBED.result) == as_object(PROBED)["result"]
    assert "result" not in as_object(DELIVERED)


def test_a_table_of_probes_says_where_they_found_the_phone() -> None:
    """In the last column; other campaigns' tables are as they were."""
    out, plain = io.StringIO(), io.StringIO()
    write_table([PROBED], out, None, FIELDS)
    write_table([PROBED], plain)

    assert out.getvalue().rstrip().endswith("=RU() MTS, now in Kazakhstan")
    assert "MTS" not in plain.getvalue()


def test_json_is_an_array_line_by_line() -> None:
    """So that a million rows need not be held at once; an empty one is still an array."""
    out, empty = io.StringIO(), io.StringIO()
    write_json([DELIVERED, REJECTED], out)
    write_json([], empty)

    assert json.loads(out.getvalue()) == [as_object(DELIVERED), as_object(REJECTED)]
    assert len(out.getvalue().splitlines()) == 4
    assert json.loads(empty.getvalue()) == []


def test_a_table_cannot_steer_the_terminal() -> None:
    """Escapes that stood in a file are shown as what they are not."""
    out = io.StringIO()
    write_table([Receipt(id="", phone="\x1b[2J", status="invalid", error="bad", row=1)], out)

    assert "\x1b" not in out.getvalue()
    assert "?[2J" in out.getvalue()


def test_rejects_are_rows_that_never_were_messages() -> None:
    """For handing back to whoever made the file."""
    assert list(rejected([DELIVERED, REJECTED])) == [REJECTED]


@given(st.text(alphabet=st.sampled_from("=+-@\t\r\n '\"aя1＝＋－＠−\0"), max_size=6) | st.text(max_size=20))
def test_no_cell_begins_as_a_formula_does(cell: str) -> None:
    """Whatever strangers write, and however they hide it behind blanks and quotes."""
    shown = safe(cell)

    assert shown in (cell, "'" + cell)
    if cell[:1] == "+" and cell[1:].isascii() and cell[1:].isdigit():
        return  # evaluated, a plus and digits are the same number
    assert shown[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("cell", ["", "Ann", "79991234567", "+79991234567", "2023-11-14", "a=b", "'quoted'"])
def test_harmless_cells_stay_as_they_are(cell: str) -> None:
    """Nobody wants apostrophes in front of names."""
    assert safe(cell) == cell
