r"""Texts as a server reads them: alphabets, the headers of parts, and texts that choose a channel (PROTOCOL H.2, H.6).

    __CALL__: Your code is 4 8 2 1\nvoice:w        a call, read by a woman
    Hello\n~~~\n1000000042                         an SMS; what follows the mark is our own comment

Every part is read by itself, as a handset does: an escape or a character that was cut in two is lost.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from smsq.worker.domain.batch import PLAIN_CHANNEL
from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.smpp.server_pdus import BrokenPdu, CommandStatus

LOST = "\ufffd"
COMMENT = "\n~~~\n"
DEFAULT, BINARY, UCS2 = 0, 4, 8  # data_coding: the gateway's number of the coding times four

# 3GPP 23.038, 6.2.1, by code; the client's tables are its own.
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\ufffeÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|",
            0x65: "€"}  # fmt: skip
_ESCAPE = re.compile(rb"\x1b(.?)", re.DOTALL)

# What may stand in the last line of a special text, and by which field of a request over HTTP it is told.
_LAST_LINE = re.compile(r"\n(subj|voice|bot):([^\n]*)\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a long text this is: `number` counts from 1 to `total`."""

    reference: int
    total: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a text asks for: a channel, and the fields of the same request over HTTP; `mes` has the comment still."""

    channel: str
    mes: str = field(repr=False)
    fields: dict[str, str] = field(repr=False)


def cut_header(payload: bytes) -> tuple[Part | None, bytes]:
    """The part that a user data header tells of, if it does, and what is behind the header; raises BrokenPdu."""
    end = payload[0] + 1 if payload else 0
    if not 1 <= end <= len(payload):
        raise BrokenPdu("the header of a part is longer than the part", CommandStatus.SUBMIT_FAILED)
    part, at = None, 1
    while at < end:
        if at + 2 > end or at + 2 + payload[at + 1] > end:
            raise BrokenPdu("an element of a header is longer than the header", CommandStatus.SUBMIT_FAILED)
        kind, size = payload[at], payload[at + 1]
        value = payload[at + 2 : at + 2 + size]
        if (kind, size) in ((0, 3), (8, 4)):
            part = Part(int.from_bytes(value[:-2], "big"), value[-2], value[-1])
        at += 2 + size
    if part is not None and not 1 <= part.number <= part.total:
        raise BrokenPdu(f"there is no part {part.number} of {part.total}", CommandStatus.SUBMIT_FAILED)
    return part, payload[end:]


def read_text(payload: bytes, data_coding: int, *, is_iso: bool = False) -> str:
    """The text of one part; raises BrokenPdu for a coding that the gateway does not have."""
    if data_coding == UCS2:
        return payload.decode("utf-16-be", "replace")
    if data_coding == BINARY or (data_coding == DEFAULT and is_iso):
        return payload.decode("latin-1")
    if data_coding == DEFAULT:
        return _gsm(payload)
    raise BrokenPdu(f"a coding is 0, 4 or 8, not {data_coding}", CommandStatus.SUBMIT_FAILED)


def read_content(text: str) -> Content:
    """The channel that a whole text chooses, and what is left to be sent by it."""
    said, mark, comment = text.partition(COMMENT)
    for row in CHANNELS.values():
        if not row.keyword or not said.startswith(row.keyword):
            continue
        rest = said[len(row.keyword) :]
        if rest and not rest.startswith(": "):
            break  # what looks like a keyword and is none is a text like any other
        rest, told = _last_lines(rest[2:])
        chosen = {name: value for name, value in row.fields.items() if value is not None}
        return Content(channel=row.name, mes=rest + mark + comment, fields={**chosen, **told})
    return Content(channel=PLAIN_CHANNEL, mes=text, fields={})


def _last_lines(text: str) -> tuple[str, dict[str, str]]:
    """A special text without the lines that tell its subject, voice or bot, and what they tell."""
    fields: dict[str, str] = {}
    while found := _LAST_LINE.search(text):
        fields.setdefault(found[1], found[2].strip())
        text = text[: found.start()]
    return text, fields


def _gsm(payload: bytes) -> str:
    """Septets, one in each byte; what is in no alphabet is lost."""
    if b"\x1b" not in payload:
        return codecs.charmap_decode(payload, "replace", _GSM)[0]
    pieces = _ESCAPE.split(payload)  # plain, escaped, plain, …
    return "".join(
        [
            codecs.charmap_decode(piece, "replace", _GSM)[0]
            if place % 2 == 0
            else _ESCAPED.get(ord(piece or b"\0"), LOST)
            for place, piece in enumerate(pieces)
        ]
    )
