"""Receipts as the gateway writes them: a deliver_sm with a text, and the same in optional fields (PROTOCOL H.3, H.4).

    id:4711 sub:001 dlvrd:001 submit date:2611291705 done date:2611291706 stat:DELIVRD err:000 text:
    id:4712 stat:DELIVRD err:000 imsi:250023012345678 msc:79232510066 mcc:250 mnc:02 cn:Russian+Federation net:MegaFON …

The exact text of a plain one is not in the manual: this is the usual one. Nor is which state a status is told by.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote_plus

from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.smpp.server_pdus import Tag, write_deliver

ENROUTE = (1, "ENROUTE")
# How a status of the gateway is told: `message_state` and the word behind `stat:` (SMPP 3.4, 5.2.28 and appendix B).
STATES: dict[int, tuple[int, str]] = {
    -1: (6, "ACCEPTD"),
    0: ENROUTE,
    1: (2, "DELIVRD"),
    2: (2, "DELIVRD"),
    3: (3, "EXPIRED"),
    4: (2, "DELIVRD"),
    20: (5, "UNDELIV"),
    22: (8, "REJECTD"),
    23: (8, "REJECTD"),
    24: (8, "REJECTD"),
    25: (8, "REJECTD"),
}
RESULT = ("imsi", "msc", "mcc", "mnc", "cn", "net", "rcn", "rnet")  # in the order of the manual
_GSM_NETWORK = 3
_WORDS = 65535  # the largest number of two bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One status of one message; times are Unix seconds. `result` has the fields of a look-up, None for all else."""

    message_id: str
    phone: str = field(repr=False)
    sender: str
    code: int
    err: int
    parts: int
    cost: Decimal
    flag: int
    sent_at: float
    at: float
    result: Mapping[str, str] | None = field(default=None, repr=False)
    operator: str = ""  # its codes; '' if they are not told


def state_of(code: int) -> int:
    """The `message_state` of a status."""
    return STATES.get(code, ENROUTE)[0]


def write_receipt(delivery: Delivery, sequence: int) -> bytes:
    """The whole deliver_sm."""
    state = state_of(delivery.code)
    tags: dict[int, bytes] = {
        Tag.RECEIPTED_MESSAGE_ID: delivery.message_id.encode("ascii") + b"\0",
        Tag.MESSAGE_STATE: bytes((state,)),
        Tag.NETWORK_ERROR_CODE: struct.pack(">BH", _GSM_NETWORK, min(delivery.err, _WORDS)),
        Tag.COST: f"{delivery.cost:.4f}"[:6].encode("ascii"),
        Tag.FLAG: struct.pack(">H", delivery.flag & _WORDS),
        Tag.PARTS: struct.pack(">H", min(delivery.parts, _WORDS)),
    }
    if delivery.operator:
        tags[Tag.OPERATOR] = delivery.operator[:5].encode("ascii")
    return write_deliver(sequence, delivery.phone[:20], delivery.sender[:20], _text(delivery), tags)


def _text(delivery: Delivery) -> bytes:
    word = STATES.get(delivery.code, ENROUTE)[1]
    if delivery.result is not None:
        told = " ".join(f"{name}:{quote_plus(delivery.result.get(name, ''))}" for name in RESULT)
        return f"id:{delivery.message_id} stat:{word} err:{delivery.err:03} {told}".encode("ascii")[:254]
    delivered = 1 if word == "DELIVRD" else 0
    return (
        f"id:{delivery.message_id} sub:001 dlvrd:{delivered:03} submit date:{date(delivery.sent_at)} "
        f"done date:{date(delivery.at)} stat:{word} err:{delivery.err:03} text:"
    ).encode("ascii")


def date(at: float) -> str:
    """A moment as receipts write it, in the gateway's zone."""
    return datetime.fromtimestamp(at, MOSCOW).strftime("%y%m%d%H%M")
