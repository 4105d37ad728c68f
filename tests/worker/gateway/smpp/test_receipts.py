"""Receipts: text and optional parameters, as the standard, the gateway's page and the sandbox write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.status import Status
from smsq.worker.gateway.smpp import receipts
from smsq.worker.gateway.smpp.pdus import Short

PLAIN = (
    "id:1234 sub:001 dlvrd:001 submit date:2611291200 done date:2611291201 stat:DELIVRD err:000 "
    "text:Hi stat:UNDELIV id:9"
)
# As the gateway's page prints it (PROTOCOL H.4).
HLR = (
    "id:1235 stat:DELIVRD err:000 imsi:250010000000000 msc:79990000000 mcc:250 mnc:01 cn:Russian+Federation "
    "net:%D0%9C%D0%A2%D0%A1+Moscow rcn: rnet:"
)


def short(text: str, **how: Any) -> Short:
    return Short(source="79991234567", esm_class=4, octets=text.encode("latin-1"), **how)


def read(text: str, **how: Any) -> receipts.ReceiptOf:
    found = receipts.read(short(text, **how))
    assert found is not None
    return found


def test_a_plain_receipt_says_what_became_of_a_message() -> None:
    """The user's own text behind it says nothing."""
    found = read(PLAIN)

    assert (found.name, found.fact.status, found.fact.error_code, found.fact.recipient) == (
        "1234",
        Status.DELIVERED,
        0,
        79991234567,
    )
    assert (found.fact.cost, found.fact.parts, found.fact.result) == (None, 0, None)


def test_optional_parameters_bring_cost_and_parts() -> None:
    """And the name, if the text has none (PROTOCOL H.3)."""
    extras = {0x001E: b"abc-7\0", 0x0427: b"\x05", 0x0423: b"\x03\x00\xf1", 0x2000: b"3.1500", 0x2002: b"\x00\x03"}

    found = read("", extras=extras)

    assert (found.name, found.fact.status, found.fact.error_code) == ("abc-7", Status.UNDELIVERABLE, 241)
    assert (found.fact.cost, found.fact.parts) == (Decimal("3.15"), 3)


@pytest.mark.parametrize("written", [b"1e20", b"1E999999", b"9" * 60, b"NaN", b"-1", b"400000.01"])
def test_a_cost_that_no_receipt_can_hold_is_none(written: bytes) -> None:
    """The ledger counts money in four bytes: such a number would not fit, and no price is so high."""
    found = read(PLAIN, extras={0x2000: written})

    assert (found.fact.cost, found.fact.status) == (None, Status.DELIVERED)


@pytest.mark.parametrize(
    ("word", "state", "status"),
    [
        ("DELIVRD", None, Status.DELIVERED),
        ("delivrd", None, Status.DELIVERED),
        ("EXPIRED", None, Status.EXPIRED),
        ("UNDELIV", None, Status.UNDELIVERABLE),
        ("DELETED", None, Status.UNDELIVERABLE),
        ("REJECTD", None, Status.REFUSED),
        ("ACCEPTD", None, Status.ACCEPTED),
        ("ENROUTE", None, Status.ACCEPTED),
        ("UNKNOWN", None, Status.ACCEPTED),
        ("SOMETHING", None, Status.ACCEPTED),
        ("SOMETHING", 2, Status.DELIVERED),
        ("1", None, Status.DELIVERED),
        ("20", None, Status.UNDELIVERABLE),
        ("-1", None, Status.ACCEPTED),
        ("24", None, Status.ACCEPTED),
        (None, 8, Status.REFUSED),
        (None, 99, Status.ACCEPTED),
    ],
)
def test_words_and_states_are_read(word: str | None, state: int | None, status: Status) -> None:
    """What is not known proves that the message is there, and is not final."""
    extras = {} if state is None else {0x0427: bytes([state])}
    text = "id:1" + (f" stat:{word}" if word else "")

    assert read(text, extras=extras).fact.status == status


def test_an_answer_about_a_number_is_decoded() -> None:
    """Its last four values are encoded as in a form; the sample of the gateway's page decodes two of the wrong ones."""
    assert read(HLR).fact.result == {
        "imsi": "250010000000000",
        "msc": "79990000000",
        "mcc": "250",
        "mnc": "01",
        "country": "Russian Federation",
        "network": "МТС Moscow",
    }


def test_the_operator_is_named() -> None:
    """By the answer about a number, or by the gateway's parameter."""
    assert read(HLR).fact.network == "25001"
    assert read(PLAIN, extras={0x2003: b"25002"}).fact.network == "25002"
    assert (read(PLAIN).fact.network, read(PLAIN).fact.has_error, read("id:1").fact.has_error) == ("", True, False)


def test_roaming_is_decoded_too() -> None:
    """The values that the sample leaves encoded."""
    assert read(HLR.replace("rcn:", "rcn:Great+Britain").replace("rnet:", "rnet:O2%26Co")).fact.result == {
        **(read(HLR).fact.result or {}),
        "roaming_country": "Great Britain",
        "roaming_network": "O2&Co",
    }


@pytest.mark.parametrize("text", ["", "stat:DELIVRD", "id: stat:DELIVRD", "text:id:5"])
def test_a_receipt_without_a_name_is_none(text: str) -> None:
    """It cannot be told which message it is about."""
    assert receipts.read(short(text)) is None


@pytest.mark.parametrize(
    ("esm_class", "extras", "expected"), [(4, {}, True), (0, {}, False), (0, {0x001E: b"5\0"}, True), (0x44, {}, True)]
)
def test_a_phones_own_message_is_no_receipt(esm_class: int, extras: dict[int, bytes], expected: bool) -> None:
    """By its class, or by the parameter that only receipts have."""
    assert receipts.is_receipt(Short(esm_class=esm_class, extras=extras)) == expected


@given(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from([0x1E, 0x423, 0x427, 0x2000, 0x2002]), st.binary(max_size=8)),
)
def test_any_receipt_is_read_or_none(octets: bytes, extras: dict[int, bytes]) -> None:
    """Whatever its bytes."""
    found = receipts.read(Short(source="x", esm_class=4, octets=octets, extras=extras))

    assert found is None or found.name
