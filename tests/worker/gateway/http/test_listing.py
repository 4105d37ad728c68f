"""A page of history as evidence: whatever cannot be read in it makes it prove nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smsq.worker.gateway.http.listing import read_page
from smsq.worker.gateway.http.server.lists import write_history
from smsq.worker.gateway.http.server.shapes import write_error
from smsq.worker.gateway.http.server.statuses import Told

PHONE = 79991234567


def row(**changes: Any) -> dict[str, Any]:
    return {"id": 1_500_000_001, "phone": str(PHONE), "int_id": 7, "send_timestamp": 1_800_000_000, **changes}


def page(*rows: Any) -> bytes:
    return json.dumps(rows).encode()


def test_a_page_shows_every_message_whatever_became_of_it() -> None:
    """Also one that was refused for money, and one whose status nobody knows: it is there."""
    told = [
        Told(gateway_id=5, phone="79991234567", code=1, sent_at=100, int_id=900),
        Told(gateway_id="order-7", phone="79991234568", code=1, sent_at=101, int_id=901),
        Told(gateway_id=6, phone="79991234569", code=24, sent_at=103, int_id=902),
        Told(gateway_id=7, phone="79991234570", code=77, sent_at=102, int_id=903),
    ]

    read = read_page(200, write_history(told))

    assert (read.trouble, read.count, read.first_int_id, read.last_int_id, read.newest) == ("", 4, 900, 903, 103)
    assert list(read.shown) == [(5, 79991234567), (6, 79991234569), (7, 79991234570)]


@pytest.mark.parametrize("end", [b"[]", write_error(3)], ids=["an empty list", "error 3"])
def test_only_an_answer_without_rows_ends_a_list(end: bytes) -> None:
    """It has no trouble and no rows."""
    assert (read_page(200, end).trouble, read_page(200, end).count) == ("", 0)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(page(row())[:-1], id="half of it"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b'"no messages found"', id="a word"),
        pytest.param(json.dumps(row()).encode(), id="a lone row"),
        pytest.param(write_error(9), id="another error"),
        pytest.param(b'{"error_code": 3}', id="error 3 without its text"),
        pytest.param(page(row(), 5), id="a row that is no object"),
        pytest.param(page(row(), None), id="a row that is null"),
        pytest.param(page(row()).replace(b'"id":', b'"id": 5, "id":'), id="a key twice"),
        pytest.param(page(row(message="a")).replace(b'"a"', b'"\t"'), id="a raw tab"),
        pytest.param(page(row(message="a")).replace(b'"a"', b'"\xff"'), id="a broken byte"),
        pytest.param(page(row(id=None)), id="no id"),
        pytest.param(page(row(id=1.5)), id="an id that is no whole number"),
        pytest.param(page(row(id="15 00")), id="an id that nobody can have given"),
        pytest.param(page(row(id=True)), id="an id that is a truth"),
        pytest.param(page(row(phone=None)), id="no phone"),
        pytest.param(page(row(phone="7 999")), id="a phone that cannot be read"),
        pytest.param(page(row(int_id=None)), id="no global id"),
        pytest.param(page(row(send_timestamp="soon")), id="no time"),
        pytest.param(page(row(int_id=7), row(int_id=7)), id="a global id twice"),
        pytest.param(page(row(int_id=7), row(int_id=9), row(int_id=8)), id="no order"),
    ],
)
def test_a_page_that_proves_nothing(body: bytes) -> None:
    """None of it may be taken for the end of a list, or for a page that lacks a message."""
    read = read_page(200, body)

    assert read.trouble
    assert (read.count, list(read.shown)) == (0, [])
    assert read_page(502, page(row())).trouble
