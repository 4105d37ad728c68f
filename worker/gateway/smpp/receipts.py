"""Receipts: what a `deliver_sm` says of a message, from its text and its optional parameters (PROTOCOL H.3, H.4).

    id:1234 sub:001 dlvrd:001 submit date:2611291200 done date:2611291201 stat:DELIVRD err:000 text:
    id:1235 stat:DELIVRD err:000 imsi:250010000000000 msc:79990000000 mcc:250 mnc:01 cn:Russian+Federation net:MTS
      rcn: rnet:

Values of an answer about a number are written as in a form, and the last four of them may hold encoded blanks and
letters: these are countries and networks. (The sample of the gateway's own page decodes the four before the last two.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import unquote_plus

from smsq.worker.domain.fact import Fact
from smsq.worker.domain.recipient import answered
from smsq.worker.domain.status import Status
from smsq.worker.gateway.money import price
from smsq.worker.gateway.numbers import STATUS_CODES
from smsq.worker.gateway.results import network_of, read_result
from smsq.worker.gateway.smpp.short import Short

KIND = 0x3C  # of `esm_class`: which kind of message
RECEIPT = 0x04

# Optional parameters: the standard's (SMPP 3.4, 5.3.2) and the gateway's own (PROTOCOL H.3).
RECEIPTED_ID, STATE, NETWORK_ERROR = 0x001E, 0x0427, 0x0423
COST, PARTS = 0x2000, 0x2002
OPERATOR = 0x2003  # presumably: its meaning is not in the page

WORDS: Mapping[str, Status] = {  # SMPP 3.4, appendix B
    "ENROUTE": Status.ACCEPTED,
    "ACCEPTD": Status.ACCEPTED,
    "DELIVRD": Status.DELIVERED,
    "EXPIRED": Status.EXPIRED,
    "DELETED": Status.UNDELIVERABLE,
    "UNDELIV": Status.UNDELIVERABLE,
    "REJECTD": Status.REFUSED,
}
STATES: Mapping[int, Status] = {  # SMPP 3.4, 5.2.28
    1: Status.ACCEPTED,
    2: Status.DELIVERED,
    3: Status.EXPIRED,
    4: Status.UNDELIVERABLE,
    5: Status.UNDELIVERABLE,
    6: Status.ACCEPTED,
    8: Status.REFUSED,
}
ENCODED = ("cn", "net", "rcn", "rnet")  # values of a number's answer that are written as in a form

_ITEM = re.compile(r"(?:^|(?<=\s))([A-Za-z]+(?: date)?):(\S*)")
_TEXT = re.compile(r"\stext:", re.IGNORECASE)
_NAME = re.compile(r"[!-~]{1,65}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReceiptOf:
    """A receipt: the gateway's name of the message, and what it says of it; the fact's gateway id is 0."""

    name: str
    fact: Fact = field(repr=False)


def is_receipt(short: Short) -> bool:
    """Whether a delivery is about a message of ours, and no message of a phone's."""
    return short.esm_class & KIND == RECEIPT or RECEIPTED_ID in short.extras


def read(short: Short) -> ReceiptOf | None:
    """What a receipt says; None if it names no message."""
    told = items(short.octets.decode("latin-1"))
    name = _ended(short.extras.get(RECEIPTED_ID, b"")) or told.get("id", "")
    if _NAME.fullmatch(name) is None:
        return None
    values = {key: unquote_plus(value) if key in ENCODED else value for key, value in told.items()}
    operator = {"mccmnc": _ended(short.extras.get(OPERATOR, b""))}
    recipient = answered(short.source)
    fact = Fact(
        gateway_id=0,
        recipient=0 if recipient is None else recipient,
        status=_status(told.get("stat"), short.extras.get(STATE)),
        error_code=_error(told.get("err"), short.extras.get(NETWORK_ERROR)),
        parts=_number(short.extras.get(PARTS)),
        cost=_cost(short.extras.get(COST)),
        result=read_result(values),
        network=network_of(values | operator),
        has_error="err" in told or NETWORK_ERROR in short.extras,
    )
    return ReceiptOf(name, fact)


def items(text: str) -> dict[str, str]:
    """The `key:value` items of a receipt's text, each key once; what follows `text:` is the user's own."""
    found: dict[str, str] = {}
    for key, value in _ITEM.findall(_TEXT.split(text, maxsplit=1)[0]):
        found.setdefault(key.lower(), value)
    return found


def _status(word: str | None, state: bytes | None) -> Status:
    """The verdict; a word or a state that is not known proves that the message is there, and is not final."""
    if word and word.upper() in WORDS:
        return WORDS[word.upper()]
    if word and word.lstrip("-").isascii() and word.lstrip("-").isdigit():  # as questions are answered
        row = STATUS_CODES.get(int(word))
        return (row.status if row is not None else None) or Status.ACCEPTED
    return STATES.get(_number(state), Status.ACCEPTED)


def _error(written: str | None, network: bytes | None) -> int:
    """The delivery error: of the text, or the two octets behind the kind of network."""
    if written and _NUMBER.fullmatch(written):
        return min(int(written), 65535)
    return int.from_bytes(network[1:3], "big") if network is not None and len(network) == 3 else 0


def _number(octets: bytes | None) -> int:
    return int.from_bytes(octets, "big") if octets and len(octets) <= 4 else 0


def _cost(octets: bytes | None) -> Decimal | None:
    return price(_ended(octets or b""))


def _ended(octets: bytes) -> str:
    return octets.split(b"\0", 1)[0].decode("latin-1").strip()
