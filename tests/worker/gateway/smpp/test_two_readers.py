"""The two halves of the dialect, which share no code, read one another and the same bytes alike; any bytes at all."""

from __future__ import annotations

import contextlib
import struct
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway import comments
from smsq.worker.gateway.smpp import client_submits, pdus, receipts, server_pdus, server_texts
from smsq.worker.gateway.smpp.pdus import BadPdu, Bind, Frames, Head, Short
from smsq.worker.gateway.smpp.server_pdus import BrokenPdu, Pdu, PduStream
from smsq.worker.gateway.smpp.server_receipts import STATES, Delivery, write_receipt

PHONE = 79991234567
GSM = st.text(
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà^{}\\[~]|€", min_size=1
)
ANY = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300)


def pdu_of(head: bytes) -> Pdu:
    """The one PDU that some bytes are, by the server's reader."""
    (found,) = PduStream().feed(head)
    return found


def heard(text: str, options: Options, *, is_latin: bool = False) -> tuple[str, str]:
    """What the server reads of a text that the client has submitted: the text, and the comment."""
    outgoing = Outgoing(gateway_id=1_000_000_001, recipients=[PHONE], text=text, options=options)
    (shorts,) = client_submits.submits(outgoing, is_latin=is_latin)
    if isinstance(shorts, BadInput):
        raise shorts
    said: dict[int, str] = {}
    for number, short in enumerate(shorts, 1):
        submit = server_pdus.read_submit(pdu_of(pdus.submit(short, number)))
        part, payload = server_texts.cut_header(submit.payload) if submit.has_header else (None, submit.payload)
        said[part.number if part else 1] = server_texts.read_text(payload, submit.data_coding, is_iso=is_latin)
        assert (submit.destination, submit.receipt, part.total if part else 1) == (str(PHONE), 1, len(shorts))
        assert len(payload) <= 160 or number == len(shorts)  # the comment needs no room on the air
    content = server_texts.read_content("".join(said[number] for number in sorted(said)))
    assert content.channel == options.channel
    return comments.parted(content.mes)


@given(GSM | ANY, st.booleans())
@settings(max_examples=300, deadline=None)
@example("x" * 152 + "€", False)
@example("ж" * 66 + "🎉", False)
def test_every_text_arrives_as_it_was(text: str, is_latin: bool) -> None:
    """In whatever alphabet and however many parts, with our id behind it; or it is refused before it leaves."""
    with contextlib.suppress(BadInput):
        assert heard(text, Options(), is_latin=is_latin) == (text, "smsq:1000000001")


@pytest.mark.parametrize(
    ("channel", "text"),
    [("call", "It is 4 8 2 1"), ("tg", "4821"), ("viber", "Hi\nthere"), ("soc", "Hi"), ("hlr", ""), ("ping", "")],
)
def test_every_channel_of_this_wire_is_chosen(channel: str, text: str) -> None:
    """By the keyword of its row."""
    assert heard(text, Options(channel=channel)) == (text, "smsq:1000000001")


def test_a_bind_is_read_as_it_was_written() -> None:
    """All three strings."""
    told = Bind(system_id="demo", password="12345678", system_type="ISO")
    found = server_pdus.read_bind(pdu_of(pdus.bind(told, 1)))

    assert (found.system_id, found.password, found.is_iso) == ("demo", "12345678", True)


@given(st.sampled_from(sorted(STATES)), st.integers(0, 999), st.integers(1, 999), st.integers(0, 99_999))
@settings(max_examples=200, deadline=None)
def test_a_receipt_is_read_as_it_was_written(code: int, err: int, parts: int, units: int) -> None:
    """Status, error, parts and cost; the state and the word say the same."""
    told = Delivery(
        message_id="4711", phone=str(PHONE), sender="Brand", code=code, err=err, parts=parts,
        cost=Decimal(units) / 10_000, flag=0, sent_at=1_795_957_500, at=1_795_957_501, operator="25002",
    )  # fmt: skip
    (head,) = Frames().feed(write_receipt(told, 7))
    short = pdus.short_of(head)
    found = receipts.read(short)

    assert receipts.is_receipt(short)
    assert found is not None
    assert (found.name, found.fact.recipient, found.fact.parts) == ("4711", PHONE, parts)
    assert found.fact.cost == told.cost
    assert found.fact.error_code == err
    assert found.fact.network == "25002"


def test_a_look_up_is_read_as_it_was_written() -> None:
    """Names with blanks and letters of any alphabet (PROTOCOL H.4)."""
    result = {"imsi": "250023012345678", "msc": "79232510066", "mcc": "250", "mnc": "02", "cn": "Russian Federation",
              "net": "МегаФон", "rcn": "A & B=C", "rnet": ""}  # fmt: skip
    told = Delivery(
        message_id="4711", phone=str(PHONE), sender="", code=1, err=0, parts=1, cost=Decimal("0.5"), flag=4, sent_at=0,
        at=0, result=result,
    )  # fmt: skip
    (head,) = Frames().feed(write_receipt(told, 7))
    found = receipts.read(pdus.short_of(head))

    assert found is not None
    assert found.fact.result == {
        "imsi": "250023012345678", "msc": "79232510066", "mcc": "250", "mnc": "02", "country": "Russian Federation",
        "network": "МегаФон", "roaming_country": "A & B=C",
    }  # fmt: skip


# --- any bytes --------------------------------------------------------------------------------------------------------

SUBMIT = pdus.submit(Short(source="Brand", dest=str(PHONE), octets=b"Hello", registered=1), 1)[16:]
BODIES = st.binary(max_size=120) | st.builds(
    lambda at, cut, put: SUBMIT[:at] + put + SUBMIT[at + cut :],
    st.integers(0, len(SUBMIT)),
    st.integers(0, 5),
    st.binary(max_size=6),
)


@given(BODIES)
@settings(max_examples=1000, deadline=None)
def test_what_both_read_they_read_alike(body: bytes) -> None:
    """A body that one of them refuses may be read by the other, and is nowhere more than refused."""
    try:
        theirs = server_pdus.read_submit(Pdu(4, 0, 1, body))
    except BrokenPdu:
        theirs = None
    try:
        ours = pdus.short_of(Head(name="submit_sm", command=4, status=0, sequence=1, body=body))
    except BadPdu:
        ours = None
    if theirs is not None and ours is not None:
        assert (theirs.source, theirs.destination, theirs.payload) == (ours.source, ours.dest, ours.octets)
        assert (theirs.data_coding, theirs.has_header) == (ours.data_coding, bool(ours.esm_class & 0x40))


@given(st.lists(st.binary(max_size=60), max_size=8))
@settings(max_examples=500, deadline=None)
def test_both_cut_a_stream_at_the_same_places(pieces: list[bytes]) -> None:
    """Also where it stops being one."""
    stream, frames = PduStream(), Frames()
    for piece in pieces:
        theirs: list[tuple[int, int, int, bytes]] = []
        with contextlib.suppress(BrokenPdu):
            for found in stream.feed(piece):
                theirs.append((found.command, found.status, found.sequence, found.body))
        try:
            ours = [(found.command, found.status, found.sequence, found.body) for found in frames.feed(piece)]
        except BadPdu:
            return
        assert ours == theirs


@given(
    st.binary(max_size=100)
    | st.from_regex(rb"id:\w{0,9} stat:\w{0,8} err:\w{0,5}( \w{1,6}:\S{0,9}){0,6}", fullmatch=True),
    st.dictionaries(st.sampled_from([0x1E, 0x423, 0x427, 0x2000, 0x2001, 0x2002, 0x2003]), st.binary(max_size=9)),
)
@settings(max_examples=1000, deadline=None)
def test_no_receipt_is_more_than_none(text: bytes, tags: dict[int, bytes]) -> None:
    """Whatever a gateway puts into it."""
    found = receipts.read(Short(source=str(PHONE), octets=text, extras=tags, esm_class=4))

    assert found is None or 1 <= len(found.name) <= 65
    assert found is None or (found.fact.error_code >= 0 and found.fact.parts >= 0)


@given(st.integers(0, 0xFFFF_FFFF), st.binary(max_size=80))
@settings(max_examples=500, deadline=None)
def test_no_delivery_is_more_than_bad(command: int, body: bytes) -> None:
    """Any command that it may be called."""
    whole = struct.pack(">LLLL", 16 + len(body), command, 0, 1) + body
    for head in Frames().feed(whole):
        with contextlib.suppress(BadPdu):
            pdus.short_of(head)
        pdus.message_id_of(head)
