"""PDUs, from a stranger's bytes to values and back."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsq.worker.gateway.smpp import server_pdus
from smsq.worker.gateway.smpp.server_pdus import BrokenPdu, Command, CommandStatus, Pdu, PduStream

# As SMPP 3.4 prints a PDU (3.2.3): a bind_transmitter of `SMPP3TEST` with the password `secret08`.
PRINTED_BIND = bytes.fromhex(
    "0000002f000000020000000000000001534d50503354455354007365637265743038005355424d4954310000010100"
)
# A submit_sm to 79991234567 from `Brand`: `Hi`, registered, data_coding 0.
SUBMIT = b"\0\x05\x01Brand\0\x01\x0179991234567\0\0\0\0\0\0\x01\0\0\0\x02Hi"


def pdu(command: int, body: bytes = b"", sequence: int = 7) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command, 0, sequence) + body


def read(*pieces: bytes) -> list[Pdu]:
    """All PDUs of a stream that comes in these pieces."""
    stream = PduStream()
    return [found for piece in pieces for found in stream.feed(piece)]


def test_a_bind_as_the_standard_prints_it() -> None:
    """Who it is, by which password, and as what."""
    found = server_pdus.read_bind(read(PRINTED_BIND)[0])

    assert (found.system_id, found.password, found.system_type) == ("SMPP3TEST", "secret08", "SUBMIT1")
    assert (found.sends, found.receives, found.is_iso) == (True, False, False)


def test_a_password_is_not_shown() -> None:
    """Nor a phone, nor a text."""
    shown = repr(server_pdus.read_bind(read(PRINTED_BIND)[0])) + repr(server_pdus.read_submit(Pdu(4, 0, 1, SUBMIT)))

    assert "secret08" not in shown
    assert "79991234567" not in shown


@pytest.mark.parametrize("system_type", ["ISO", "iso", " ISO "])
def test_a_session_may_choose_latin_letters(system_type: str) -> None:
    """By its type."""
    body = b"me\0pw\0" + system_type.encode() + b"\0\x34\0\0\0"

    assert server_pdus.read_bind(Pdu(Command.BIND_TRANSCEIVER, 0, 1, body)).is_iso


def test_a_submit_is_read_to_its_last_field() -> None:
    """Addresses, flags, coding and text."""
    found = server_pdus.read_submit(Pdu(Command.SUBMIT, 0, 1, SUBMIT))

    assert (found.source, found.destination, found.payload) == ("Brand", "79991234567", b"Hi")
    assert (found.has_header, found.receipt, found.data_coding) == (False, 1, 0)


def test_a_text_may_stand_behind_all_fields() -> None:
    """As message_payload, among tags that nobody knows."""
    body = SUBMIT[:-3] + b"\0" + b"\x77\x77\0\x01x" + struct.pack(">HH", 0x0424, 4) + b"long"

    assert server_pdus.read_submit(Pdu(Command.SUBMIT, 0, 1, body)).payload == b"long"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(SUBMIT[:-1], id="the text is cut off"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\0\x05\x01" + b"x" * 40, id="a string without an end"),
        pytest.param(b"\0\x05\x01" + b"x" * 21 + b"\0" + SUBMIT[9:], id="a sender of 21 letters"),
        pytest.param(SUBMIT + b"\x04\x24\0\x09x", id="a tag that is cut off"),
        pytest.param(SUBMIT + b"\x04", id="half a tag"),
        pytest.param(SUBMIT + struct.pack(">HH", 0x0424, 2) + b"Yo", id="a text in two places"),
    ],
)
def test_a_body_that_is_none_is_refused(body: bytes) -> None:
    """With a status, and nothing else."""
    with pytest.raises(BrokenPdu) as caught:
        server_pdus.read_submit(Pdu(Command.SUBMIT, 0, 1, body))

    assert caught.value.status == CommandStatus.BAD_LENGTH


def test_a_stream_may_end_anywhere() -> None:
    """One byte at a time it gives the same PDUs."""
    stream = PRINTED_BIND + pdu(Command.ENQUIRE_LINK) + pdu(Command.SUBMIT, SUBMIT)

    assert read(*(bytes((byte,)) for byte in stream)) == read(stream)
    assert [found.command for found in read(stream)] == [2, 0x15, 4]


@pytest.mark.parametrize("length", [0, 15, server_pdus.MOST + 1, 0xFFFF_FFFF])
def test_a_length_that_no_pdu_has_ends_the_stream(length: int) -> None:
    """What came before it is given first."""
    found = PduStream().feed(pdu(Command.ENQUIRE_LINK) + struct.pack(">LLLL", length, 4, 0, 1))

    assert next(found).command == Command.ENQUIRE_LINK
    with pytest.raises(BrokenPdu):
        next(found)


def test_answers_carry_the_sequence_of_what_they_answer() -> None:
    """And a body only if they say yes."""
    asked = Pdu(Command.SUBMIT, 0, 41)
    good, bad = server_pdus.write_submitted(asked, "4711"), server_pdus.write_response(asked, 0x58, b"4711\0")

    assert good == bytes.fromhex("00000015 80000004 00000000 00000029") + b"4711\0"
    assert bad == bytes.fromhex("00000010 80000004 00000058 00000029")
    assert server_pdus.write_nack(3, 9) == bytes.fromhex("00000010 80000000 00000003 00000009")


def test_what_does_not_fit_is_not_written() -> None:
    """A string of another length would move every field behind it."""
    with pytest.raises(ValueError, match="at most 15"):
        server_pdus.word("x" * 16, 16)
    with pytest.raises(ValueError, match="254"):
        server_pdus.write_deliver(1, "1", "2", b"x" * 255, {})


@given(st.lists(st.binary(max_size=80), max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_stream_is_more_than_broken(pieces: list[bytes]) -> None:
    """Whatever comes, a PDU or BrokenPdu comes of it."""
    with contextlib.suppress(BrokenPdu):
        for found in read(*pieces):
            for reader in (server_pdus.read_submit, server_pdus.read_query):
                reader(found)


@given(st.integers(0, len(SUBMIT) - 1), st.binary(max_size=6), st.integers(0, 6))
@settings(max_examples=500, deadline=None)
def test_no_mutation_of_a_submit_is_more_than_broken(at: int, put: bytes, cut: int) -> None:
    """Bytes are put in, changed or left out."""
    body = SUBMIT[:at] + put + SUBMIT[at + cut :]
    try:
        found = server_pdus.read_submit(Pdu(Command.SUBMIT, 0, 1, body))
    except BrokenPdu:
        return
    assert len(found.payload) <= len(body)
    assert found.receipt in (0, 1, 2)
