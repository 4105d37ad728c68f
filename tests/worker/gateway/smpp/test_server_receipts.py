"""Receipts as the gateway writes them."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest

from smsq.worker.gateway.smpp.server_pdus import PduStream
from smsq.worker.gateway.smpp.server_receipts import Delivery, write_receipt

AT = 1_795_957_500  # 29.11.2026 13:05 UTC


def delivery(**changes: object) -> Delivery:
    told: dict[str, object] = {
        "message_id": "4711", "phone": "79991234567", "sender": "Brand", "code": 1, "err": 0, "parts": 2,
        "cost": Decimal("7.6"), "flag": 0, "sent_at": AT, "at": AT + 61,
    }  # fmt: skip
    return Delivery(**{**told, **changes})  # type: ignore[arg-type]


def read(written: bytes) -> tuple[bytes, dict[int, bytes]]:
    """The text of a deliver_sm and its tags, cut by hand."""
    (pdu,) = PduStream().feed(written)
    assert (pdu.command, pdu.sequence) == (5, 3)
    rest = pdu.body.split(b"\0", 1)[1][2:]
    rest = rest.split(b"\0", 1)[1][2:]
    rest = rest.split(b"\0", 1)[1]
    assert rest[0] == 4  # esm_class: a receipt
    size = rest[9]
    text, behind, tags = rest[10 : 10 + size], rest[10 + size :], {}
    while behind:
        tag, length = struct.unpack(">HH", behind[:4])
        tags[tag], behind = behind[4 : 4 + length], behind[4 + length :]
    return text, tags


def test_a_receipt_says_the_same_twice() -> None:
    """In a text for people and old programs, and in tags."""
    text, tags = read(write_receipt(delivery(), 3))

    assert text == (b"id:4711 sub:001 dlvrd:001 submit date:2611291605 done date:2611291606 stat:DELIVRD err:000 text:")
    assert tags == {
        0x001E: b"4711\0", 0x0427: b"\x02", 0x0423: b"\x03\0\0", 0x2000: b"7.6000", 0x2001: b"\0\0", 0x2002: b"\0\x02",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "err", "state", "word"),
    [
        (0, 0, 1, b"ENROUTE"),
        (3, 6, 3, b"EXPIRED"),
        (20, 241, 5, b"UNDELIV"),
        (23, 253, 8, b"REJECTD"),
        (77, 0, 1, b"ENROUTE"),
    ],
)
def test_a_failure_says_why(code: int, err: int, state: int, word: bytes) -> None:
    """By state and delivery error, in three digits."""
    text, tags = read(write_receipt(delivery(code=code, err=err), 3))

    assert b"stat:%b err:%03d " % (word, err) in text
    assert (tags[0x0427], tags[0x0423]) == (bytes((state,)), struct.pack(">BH", 3, err))


def test_a_look_up_tells_what_it_found() -> None:
    """Form-encoded, since names hold blanks; what is not known is empty (PROTOCOL H.4)."""
    result = {"imsi": "250023012345678", "msc": "79232510066", "mcc": "250", "mnc": "02", "cn": "Russian Federation",
              "net": "MegaFON", "rcn": "", "rnet": ""}  # fmt: skip
    text, _ = read(write_receipt(delivery(result=result), 3))

    assert text == (
        b"id:4711 stat:DELIVRD err:000 imsi:250023012345678 msc:79232510066 mcc:250 mnc:02 cn:Russian+Federation "
        b"net:MegaFON rcn: rnet:"
    )
