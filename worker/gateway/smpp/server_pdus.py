"""PDUs as a server reads and writes them: bytes to values, whatever a stranger sends, and values to bytes.

The layout is that of SMPP 3.4 (chapters 3 to 5); what the gateway does with it is PROTOCOL H. It is written apart from
the client's codec on purpose, so that the two cannot share a mistake.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from smsq.worker.domain.errors import SmsqError

HEAD = struct.Struct(">LLLL")  # length, command, status, sequence
MOST = 70_000  # bytes of one PDU: a payload of 64 KiB and the fields around it
_RESPONSE = 0x8000_0000
_MOMENT = re.compile(r"\d{15}[+-]|\d{15}R", re.ASCII)  # SMPP 3.4, 7.1.1


class Command(IntEnum):
    """The commands that are understood; a response has the highest bit set."""

    BIND_RECEIVER = 0x01
    BIND_TRANSMITTER = 0x02
    QUERY = 0x03
    SUBMIT = 0x04
    DELIVER = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    ENQUIRE_LINK = 0x15
    NACK = 0x8000_0000


class CommandStatus(IntEnum):
    """What a response says (SMPP 3.4, 5.1.3). The gateway's manual names THROTTLED alone (PROTOCOL H.5)."""

    OK = 0x00
    BAD_LENGTH = 0x02
    BAD_COMMAND = 0x03
    NOT_BOUND = 0x04
    BOUND_ALREADY = 0x05
    SYSTEM_ERROR = 0x08
    BAD_SOURCE = 0x0A
    BAD_DESTINATION = 0x0B
    BAD_MESSAGE_ID = 0x0C
    BIND_FAILED = 0x0D
    BAD_PASSWORD = 0x0E
    QUEUE_FULL = 0x14
    SUBMIT_FAILED = 0x45
    THROTTLED = 0x58
    BAD_SCHEDULE = 0x61
    BAD_EXPIRY = 0x62
    QUERY_FAILED = 0x67
    VENDOR = 0x400  # the first of those that the standard leaves to the gateway


class Tag(IntEnum):
    """Optional fields (SMPP 3.4, 5.3.2; the gateway's own: PROTOCOL H.3)."""

    RECEIPTED_MESSAGE_ID = 0x001E
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427
    COST = 0x2000
    FLAG = 0x2001
    PARTS = 0x2002
    OPERATOR = 0x2003  # country and network code (assumed: the manual could not be read so far)


class BrokenPdu(SmsqError):
    """Bytes that are no PDU, or a body that is not what its command has; `status` is how it is answered."""

    def __init__(self, sentence: str, status: CommandStatus = CommandStatus.BAD_LENGTH) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU: its head, and its body as it came."""

    command: int
    status: int
    sequence: int
    body: bytes = field(default=b"", repr=False)

    @property
    def is_response(self) -> bool:
        """Whether it answers something."""
        return bool(self.command & _RESPONSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """Who wants to be connected, and as what."""

    command: Command
    system_id: str
    password: str = field(repr=False)
    system_type: str

    @property
    def sends(self) -> bool:
        """Whether it may submit."""
        return self.command is not Command.BIND_RECEIVER

    @property
    def receives(self) -> bool:
        """Whether it takes receipts."""
        return self.command is not Command.BIND_TRANSMITTER

    @property
    def is_iso(self) -> bool:
        """Whether its default alphabet is ISO-8859-1 (PROTOCOL H.1)."""
        return self.system_type.strip().upper() == "ISO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """One message, or one part of a long one. `receipt` is 0 for none, 1 for every end, 2 for failures alone."""

    source: str
    destination: str = field(repr=False)
    has_header: bool
    receipt: int
    data_coding: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question about one message, by the id that the gateway gave it."""

    message_id: str


class PduStream:
    """Cuts a stream into PDUs, wherever its pieces end."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Pdu]:
        """The PDUs that are whole by now; raises BrokenPdu, behind which nothing of the stream can be read."""
        waiting = self._waiting
        waiting += data
        while len(waiting) >= HEAD.size:
            length, command, status, sequence = HEAD.unpack_from(waiting)
            if not HEAD.size <= length <= MOST:
                raise BrokenPdu(f"a PDU has {HEAD.size} to {MOST} bytes, not {length}")
            if len(waiting) < length:
                return
            body = bytes(waiting[HEAD.size : length])
            del waiting[:length]
            yield Pdu(command, status, sequence, body)


def read_bind(pdu: Pdu) -> Bind:
    """Read any of the three binds; raises BrokenPdu."""
    fields = _Fields(pdu.body)
    bind = Bind(
        command=Command(pdu.command),
        system_id=fields.word(16),
        password=fields.word(9),
        system_type=fields.word(13),
    )
    fields.byte(), fields.byte(), fields.byte()  # version, ton, npi
    fields.word(41)  # addresses that it wants to receive for
    return bind


def read_submit(pdu: Pdu) -> Submit:
    """Read a submit_sm; raises BrokenPdu."""
    fields = _Fields(pdu.body)
    fields.word(6)  # service type
    fields.byte(), fields.byte()  # ton and npi
    source = fields.word(21)
    fields.byte(), fields.byte()
    destination = fields.word(21)
    esm_class = fields.byte()
    fields.byte(), fields.byte()  # protocol id, priority
    _check_moment(fields.word(17), CommandStatus.BAD_SCHEDULE)
    _check_moment(fields.word(17), CommandStatus.BAD_EXPIRY)
    receipt = fields.byte() & 3
    fields.byte()  # replace
    data_coding = fields.byte()
    fields.byte()  # a canned message
    text = fields.octets(fields.byte())
    payload = fields.tags().get(Tag.MESSAGE_PAYLOAD, b"")
    if text and payload:
        raise BrokenPdu("a text stands in one place, not in two")
    return Submit(
        source=source,
        destination=destination,
        has_header=bool(esm_class & 0x40),
        receipt=receipt if receipt < 3 else 0,
        data_coding=data_coding,
        payload=text or payload,
    )


def read_query(pdu: Pdu) -> Query:
    """Read a query_sm; raises BrokenPdu."""
    fields = _Fields(pdu.body)
    message_id = fields.word(65)
    fields.byte(), fields.byte()
    fields.word(21)
    return Query(message_id=message_id)


def write(command: int, sequence: int, body: bytes = b"", status: int = CommandStatus.OK) -> bytes:
    """One PDU."""
    return HEAD.pack(HEAD.size + len(body), command, status, sequence) + body


def write_response(pdu: Pdu, status: int = CommandStatus.OK, body: bytes = b"") -> bytes:
    """The answer to a PDU; one that says no has no body."""
    return write(pdu.command | _RESPONSE, pdu.sequence, b"" if status else body, status)


def write_nack(status: int, sequence: int = 0) -> bytes:
    """The answer to what is no command."""
    return write(Command.NACK, sequence, b"", status)


def write_bound(pdu: Pdu, name: str) -> bytes:
    """A bind that is granted, by a server of this name."""
    return write_response(pdu, body=word(name, 16))


def write_submitted(pdu: Pdu, message_id: str) -> bytes:
    """A submit that is accepted, under the gateway's own id."""
    return write_response(pdu, body=word(message_id, 65))


def write_queried(pdu: Pdu, message_id: str, done_at: str, state: int, err: int) -> bytes:
    """Where a message stands; `done_at` is empty before its end. An error over 255 has no room here."""
    return write_response(pdu, body=word(message_id, 65) + word(done_at, 17) + bytes((state, min(err, 255))))


def write_deliver(
    sequence: int, source: str, destination: str, text: bytes, tags: Mapping[int, bytes], *, esm_class: int = 0x04
) -> bytes:
    """A deliver_sm; by its class a receipt, if nothing else is said."""
    if len(text) > 254:
        raise ValueError("a short message has at most 254 bytes")
    body = b"".join(
        (
            word("", 6),
            b"\x01\x01" + word(source, 21),
            b"\x05\x01" + word(destination, 21),
            bytes((esm_class, 0, 0)),
            word("", 17) + word("", 17),
            bytes((0, 0, 0, 0, len(text))),
            text,
            *(struct.pack(">HH", tag, len(value)) + value for tag, value in tags.items()),
        )
    )
    return write(Command.DELIVER, sequence, body)


def word(text: str, most: int) -> bytes:
    """A string with its end; ValueError if it does not fit into `most` bytes or holds an end of its own."""
    written = text.encode("latin-1", "replace") + b"\0"
    if len(written) > most or b"\0" in written[:-1]:
        raise ValueError(f"at most {most - 1} characters fit here, none of them NUL")
    return written


def _check_moment(written: str, status: CommandStatus) -> None:
    """When to send, or how long to try: the manual has neither over SMPP, so only the shape is looked at."""
    if written and _MOMENT.fullmatch(written) is None:
        raise BrokenPdu("a moment has sixteen characters", status)


class _Fields:
    """Reads a body from its beginning to its end; raises BrokenPdu wherever it is too short."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def byte(self) -> int:
        """A number of one byte."""
        return self.octets(1)[0]

    def octets(self, size: int) -> bytes:
        """So many bytes."""
        found = self._body[self._at : self._at + size]
        if len(found) < size:
            raise BrokenPdu("the body ends before its fields do")
        self._at += size
        return found

    def word(self, most: int) -> str:
        """A string of at most so many bytes, its end among them."""
        end = self._body.find(b"\0", self._at, self._at + most)
        if end < 0:
            raise BrokenPdu("a string has no end, or is too long")
        found = self._body[self._at : end]
        self._at = end + 1
        return found.decode("latin-1")

    def tags(self) -> dict[int, bytes]:
        """The optional fields behind all others; of a repeated one the last counts."""
        found: dict[int, bytes] = {}
        while self._at < len(self._body):
            tag, size = struct.unpack(">HH", self.octets(4))
            found[tag] = self.octets(size)
        return found
