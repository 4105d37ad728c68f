"""PDUs: as the server reads what we write, and as we read what it writes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.smpp import pdus, server_pdus
from smsq.worker.gateway.smpp.pdus import BadPdu, Bind, Frames, Short


def read(octets: bytes) -> server_pdus.Pdu:
    """The one PDU that the server sees."""
    (pdu,) = server_pdus.PduStream().feed(octets)
    return pdu


def test_a_bind_says_who_we_are() -> None:
    """As a transceiver, in version 3.4."""
    pdu = read(pdus.bind(Bind(system_id="demo", password="secret", system_type="ISO"), 1))

    bind = server_pdus.read_bind(pdu)
    assert (pdu.command, pdu.sequence) == (server_pdus.Command.BIND_TRANSCEIVER, 1)
    assert (bind.system_id, bind.password, bind.system_type) == ("demo", "secret", "ISO")


@pytest.mark.parametrize(
    "bind",
    [
        Bind(system_id="x" * 16, password="p"),
        Bind(system_id="x", password="123456789"),
        Bind(system_id="имя", password="p"),
        Bind(system_id="x", password="p\0q"),
    ],
)
def test_what_a_bind_has_no_room_for_is_refused(bind: Bind) -> None:
    """The library would cut it and say nothing."""
    with pytest.raises(BadInput):
        pdus.bind(bind, 1)


def test_a_submit_carries_its_fields() -> None:
    """All that we set; numbered when it is written."""
    short = Short(
        source="Shop",
        source_ton=5,
        source_npi=1,
        dest="79991234567",
        esm_class=0x40,
        data_coding=8,
        registered=1,
        schedule="261130120000000+",
        validity="000001000000000R",
        octets=b"\x05\x00\x03\x01\x02\x01\x04\x1f",
    )

    pdu = read(pdus.numbered(pdus.submit(short), 77))

    seen = server_pdus.read_submit(pdu)
    assert pdu.sequence == 77
    assert (seen.source, seen.destination, seen.payload) == ("Shop", "79991234567", short.octets)
    assert seen.data_coding == 8
    assert b"\x00" + b"261130120000000+" + b"\x00" + b"000001000000000R" + b"\x00" in pdu.body


@pytest.mark.parametrize(
    "short", [Short(dest="9" * 21), Short(source="x" * 21), Short(octets=b"x" * 255), Short(dest="почта@x")]
)
def test_what_a_submit_has_no_room_for_is_refused(short: Short) -> None:
    """A shorter address would be somebody else's."""
    with pytest.raises(BadInput):
        pdus.submit(short)


def test_a_delivery_is_read_with_the_gateways_own_parameters() -> None:
    """By their tags: the library would drop them."""
    octets = server_pdus.write_deliver(
        9, "79991234567", "Shop", b"id:1 stat:DELIVRD err:000", {0x2000: b"1.5\0", 0x001E: b"abc\0"}
    )

    (head,) = Frames().feed(octets)

    short = pdus.short_of(head)
    assert (head.name, head.sequence, short.source) == ("deliver_sm", 9, "79991234567")
    assert (short.octets, dict(short.extras)) == (b"id:1 stat:DELIVRD err:000", {0x2000: b"1.5\0", 0x001E: b"abc\0"})


def test_a_stream_may_come_byte_by_byte() -> None:
    """And with the next PDU right behind."""
    octets = pdus.bare("enquire_link", 1) + pdus.named("submit_sm_resp", 2, "id2") + pdus.bare("unbind", 3)
    frames = Frames()

    one_by_one = [head for at in range(len(octets)) for head in frames.feed(octets[at : at + 1])]
    at_once = Frames().feed(octets)

    assert one_by_one == at_once
    assert [head.name for head in at_once] == ["enquire_link", "submit_sm_resp", "unbind"]
    assert pdus.message_id_of(at_once[1]) == "id2"


@pytest.mark.parametrize("length", [0, 15, 64 * 1024 + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_ends_the_stream(length: int) -> None:
    """Nothing behind it could be found."""
    with pytest.raises(BadPdu):
        Frames().feed(struct.pack(">LLLL", length, 4, 0, 1))


def test_an_answer_without_a_body_names_no_message() -> None:
    """As of a submit that was refused."""
    (head,) = Frames().feed(pdus.bare("submit_sm_resp", 5, 0x58))

    assert (head.status, pdus.message_id_of(head)) == (0x58, "")


@given(st.binary(max_size=120))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """Never half of it, and never another error."""
    head = pdus.Head(name="deliver_sm", command=5, status=0, sequence=1, body=body)

    try:
        pdus.short_of(head)
    except BadPdu:
        pass


@given(st.binary(max_size=200))
def test_any_stream_is_cut_or_refused(octets: bytes) -> None:
    """Bytes of a stranger."""
    try:
        Frames().feed(octets)
    except BadPdu:
        pass
