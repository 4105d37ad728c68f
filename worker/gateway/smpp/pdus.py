"""PDUs: values to octets and back, framed by their length. The only file that uses smpplib.

smpplib cuts a value that is too long without a word, so each is checked here first. What cannot be read raises
BadPdu, and nothing else is raised.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from smpplib import command, consts, smpp
from smpplib.exceptions import UnknownCommandError

from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.smpp import LONGEST_ADDRESS
from smsq.worker.gateway.smpp.short import Short as Short

HEADER = 16  # octets
MOST_OCTETS = 64 * 1024  # of one PDU; a longer one is no PDU
RESPONSE = 0x8000_0000
LAST_SEQUENCE = 0x7FFF_FFFF
OK = 0x00
LEAST_FIELDS = 17  # of a `deliver_sm`, up to the length of its octets

logging.getLogger("smpplib.command").setLevel(logging.ERROR)  # it warns of each parameter that it does not know

COMMANDS = {
    0x8000_0000: "generic_nack",
    0x0000_0001: "bind_receiver",
    0x8000_0001: "bind_receiver_resp",
    0x0000_0002: "bind_transmitter",
    0x8000_0002: "bind_transmitter_resp",
    0x0000_0003: "query_sm",
    0x8000_0003: "query_sm_resp",
    0x0000_0004: "submit_sm",
    0x8000_0004: "submit_sm_resp",
    0x0000_0005: "deliver_sm",
    0x8000_0005: "deliver_sm_resp",
    0x0000_0006: "unbind",
    0x8000_0006: "unbind_resp",
    0x0000_0009: "bind_transceiver",
    0x8000_0009: "bind_transceiver_resp",
    0x0000_0015: "enquire_link",
    0x8000_0015: "enquire_link_resp",
    0x0000_0021: "submit_multi",
    0x8000_0021: "submit_multi_resp",
    0x0000_0103: "data_sm",
    0x8000_0103: "data_sm_resp",
}
_CODES = {name: code for code, name in COMMANDS.items()}


class BadPdu(Exception):
    """Octets that are no PDU; the connection cannot be used any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What every PDU says; `name` is '' for a command that is not known."""

    name: str
    command: int
    status: int
    sequence: int
    body: bytes = field(repr=False)

    @property
    def is_response(self) -> bool:
        """Whether it answers one of ours."""
        return bool(self.command & RESPONSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """What a bind says."""

    system_id: str
    password: str = field(repr=False)
    system_type: str = ""


class _Numbered:
    """What smpplib takes a sequence number from."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence

    def next_sequence(self) -> int:
        return self.sequence


class _Submit(command.SubmitSM):  # type: ignore[misc]  # smpplib has no types
    """A `submit_sm` without the optional parameters, none of which we send: half of the time goes there."""

    params_order = command.SubmitSM.params_order[:18]


class _Delivery(command.DeliverSM):  # type: ignore[misc]
    """A `deliver_sm` that keeps every optional parameter by its tag, the gateway's own included.

    Strings must end and octets must all be there: smpplib would read on at the wrong place.
    """

    extras: Mapping[int, bytes]

    def _parse_string(self, name: str, data: bytes, pos: int, length: int | None = None) -> tuple[bytes, int]:
        end = data.index(b"\0", pos)
        setattr(self, name, data[pos:end])
        return data, end + 1

    def _parse_ostring(self, name: str, data: bytes, pos: int, length: int | None = None) -> tuple[bytes, int]:
        end = pos + int(self.sm_length)
        if end > len(data):
            raise ValueError("octets are missing")
        setattr(self, name, data[pos:end])
        return data, end

    def parse_optional_params(self, data: bytes) -> None:
        self.extras = _extras(data)


class Frames:
    """Cuts what a connection brings into PDUs."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> list[Head]:
        """The PDUs that are complete now; raises BadPdu if a length cannot be that of a PDU."""
        octets = self._rest + octets if self._rest else octets
        found, at, end = [], 0, len(octets)
        while end - at >= HEADER:
            length, code, status, sequence = struct.unpack_from(">LLLL", octets, at)
            if not HEADER <= length <= MOST_OCTETS:
                raise BadPdu(f"a PDU cannot be {length} octets long")
            if end - at < length:
                break
            found.append(
                Head(
                    name=COMMANDS.get(code, ""),
                    command=code,
                    status=status,
                    sequence=sequence,
                    body=octets[at + HEADER : at + length],
                )
            )
            at += length
        self._rest = octets[at:]
        return found

    @property
    def has_rest(self) -> bool:
        """Whether a PDU has begun that is not complete."""
        return bool(self._rest)


def bare(name: str, sequence: int, status: int = OK) -> bytes:
    """A PDU without a body: `enquire_link`, `unbind`, their answers, `generic_nack`."""
    return struct.pack(">LLLL", HEADER, _CODES[name], status, sequence)


def bind(told: Bind, sequence: int) -> bytes:
    """A `bind_transceiver` of version 3.4; raises BadInput for what does not fit into its fields."""
    for name, value, most in (
        ("system_id", told.system_id, 15),
        ("password", told.password, 8),
        ("system_type", told.system_type, 12),
    ):
        if len(value) > most or not value.isascii() or "\0" in value:
            raise BadInput(f"a bind has room for {most} Latin letters and digits as its {name}")
    made = smpp.make_pdu(
        "bind_transceiver",
        client=_Numbered(sequence),
        system_id=told.system_id,
        password=told.password,
        system_type=told.system_type,
    )
    return bytes(made.generate())


def numbered(octets: bytes, sequence: int) -> bytes:
    """The same PDU under another sequence number."""
    return octets[:12] + sequence.to_bytes(4, "big") + octets[16:]


def submit(short: Short, sequence: int = 0) -> bytes:
    """A `submit_sm`; raises BadInput for an address or octets that do not fit."""
    for name, value, most in (
        ("sender", short.source, LONGEST_ADDRESS),
        ("recipient", short.dest, LONGEST_ADDRESS),
        ("time", short.schedule, 16),
        ("validity", short.validity, 16),
    ):
        if len(value) > most or not value.isascii() or "\0" in value:
            raise BadInput(f"SMPP has room for {most} Latin letters, digits and signs as the {name}")
    if len(short.octets) > 254:
        raise BadInput("SMPP has room for 254 octets of one part")
    made = _Submit("submit_sm", client=_Numbered(sequence))
    _fill(made, short)
    return bytes(made.generate())


def short_of(head: Head) -> Short:
    """The fields of a `deliver_sm`."""
    made = _parsed(_Delivery("deliver_sm", client=_Numbered(0)), head)
    extras = getattr(made, "extras", {})
    return Short(
        source=_text(made.source_addr),
        source_ton=made.source_addr_ton or 0,
        source_npi=made.source_addr_npi or 0,
        dest=_text(made.destination_addr),
        dest_ton=made.dest_addr_ton or 0,
        dest_npi=made.dest_addr_npi or 0,
        esm_class=made.esm_class or 0,
        data_coding=made.data_coding or 0,
        registered=made.registered_delivery or 0,
        schedule=_text(made.schedule_delivery_time),
        validity=_text(made.validity_period),
        octets=made.short_message or extras.get(consts.OPTIONAL_PARAMS["message_payload"], b""),
        extras=extras,
    )


def message_id_of(head: Head) -> str:
    """The gateway's message id in an answer to a `submit_sm`; '' if it says none."""
    return _text(head.body.split(b"\0", 1)[0])


def named(name: str, sequence: int, told: str, status: int = OK) -> bytes:
    """An answer whose body is one string: `submit_sm_resp`, `deliver_sm_resp`, `bind_transceiver_resp`."""
    body = told.encode("ascii") + b"\0"
    return struct.pack(">LLLL", HEADER + len(body), _CODES[name], status, sequence) + body


def _fill(made: command.SubmitSM, short: Short) -> None:
    made.source_addr_ton, made.source_addr_npi, made.source_addr = short.source_ton, short.source_npi, short.source
    made.dest_addr_ton, made.dest_addr_npi, made.destination_addr = short.dest_ton, short.dest_npi, short.dest
    made.esm_class, made.data_coding = short.esm_class, short.data_coding
    made.registered_delivery = short.registered
    made.schedule_delivery_time, made.validity_period = short.schedule, short.validity
    made.short_message = short.octets


def _parsed(made: command.Command, head: Head) -> command.Command:
    whole = struct.pack(">LLLL", HEADER + len(head.body), head.command, head.status, head.sequence) + head.body
    try:
        made.parse(whole)
    except (struct.error, ValueError, TypeError, IndexError, UnknownCommandError) as error:
        raise BadPdu(f"a {head.name} cannot be read: {type(error).__name__}") from None
    if any(getattr(made, name) is None for name in made.params_order[:LEAST_FIELDS]):
        raise BadPdu(f"a {head.name} is cut off")
    return made


def _extras(data: bytes) -> dict[int, bytes]:
    """Optional parameters by their tags; raises ValueError for one that is cut off."""
    found, at = {}, 0
    while at < len(data):
        tag, length = struct.unpack_from(">HH", data, at)
        if at + 4 + length > len(data):
            raise ValueError("an optional parameter is cut off")
        found[tag] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def _text(octets: bytes | str | None) -> str:
    """A string of a PDU; what is not ASCII is read as Latin letters."""
    if octets is None:
        return ""
    return octets.decode("latin-1") if isinstance(octets, bytes) else octets
