"""Texts of SMPP: alphabets, parts, and those that choose a channel."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsq.worker.gateway.smpp.server_pdus import BrokenPdu
from smsq.worker.gateway.smpp.server_texts import LOST, Part, cut_header, read_content, read_text


@pytest.mark.parametrize(
    ("payload", "coding", "text"),
    [
        pytest.param(b"Hi \x00\x02\x11", 0, "Hi @$_", id="the GSM alphabet"),
        pytest.param(b"1\x1be 2\x1b\x3c3\x1b\x3e \x1b\x0a", 0, "1€ 2[3] \f", id="its extension"),
        pytest.param(b"\x5b\x7b\x10\x13", 0, "ÄäΔΓ", id="letters that are not where ASCII has them"),
        pytest.param(b"ab\x1b", 0, "ab" + LOST, id="an escape that was cut from its character"),
        pytest.param(b"\x1b\x41!", 0, LOST + "!", id="an escape of nothing"),
        pytest.param(b"\x80\xff", 0, LOST * 2, id="what is no septet"),
        pytest.param("Привет 🎉".encode("utf-16-be"), 8, "Привет 🎉", id="UTF-16"),
        pytest.param("🎉".encode("utf-16-be")[:2], 8, LOST, id="half of a pair"),
        pytest.param("Hé£".encode("latin-1"), 4, "Hé£", id="ISO-8859-1"),
    ],
)
def test_a_text_is_read_by_its_coding(payload: bytes, coding: int, text: str) -> None:
    """What a handset cannot show is lost, not guessed."""
    assert read_text(payload, coding) == text


def test_a_session_of_latin_letters_has_no_gsm_alphabet() -> None:
    """The same byte is another letter there."""
    assert read_text(b"\x40\x00", 0) == "¡@"
    assert read_text(b"\x40\xe9", 0, is_iso=True) == "@é"


@pytest.mark.parametrize("coding", [1, 2, 3, 12, 0xF0])
def test_other_codings_are_refused(coding: int) -> None:
    """The gateway has three."""
    with pytest.raises(BrokenPdu):
        read_text(b"Hi", coding)


@pytest.mark.parametrize(
    ("payload", "part", "rest"),
    [
        pytest.param(b"\x05\x00\x03\x2a\x02\x01Hi", Part(0x2A, 2, 1), b"Hi", id="a reference of one byte"),
        pytest.param(b"\x06\x08\x04\x01\x2a\x03\x03Hi", Part(0x12A, 3, 3), b"Hi", id="of two"),
        pytest.param(b"\x0a\x05\x04\x0b\x84\x23\xf0\x00\x03\x01\x01\x01", None, b"", id="broken off"),
        pytest.param(
            b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x01\x02\x02x", Part(1, 2, 2), b"x", id="behind another element"
        ),
        pytest.param(b"\x06\x05\x04\x0b\x84\x23\xf0x", None, b"x", id="a header that is of no part"),
    ],
)
def test_a_header_tells_which_part_it_is(payload: bytes, part: Part | None, rest: bytes) -> None:
    """Wherever in it the element stands."""
    if part is None and not rest:
        with pytest.raises(BrokenPdu):
            cut_header(payload)
        return
    assert cut_header(payload) == (part, rest)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x05",
        b"\x05\x00\x03\x01\x02",
        b"\x05\x00\x03\x01\x02\x03x",
        b"\x05\x00\x03\x01\x00\x00x",
        b"\x02\x00\x09x",
    ],
)
def test_a_header_that_is_none_is_refused(payload: bytes) -> None:
    """Longer than what there is, or a part beyond the last."""
    with pytest.raises(BrokenPdu):
        cut_header(payload)


@given(st.binary(max_size=40))
@settings(max_examples=500, deadline=None)
def test_no_header_is_more_than_broken(payload: bytes) -> None:
    """Whatever the bytes."""
    try:
        part, rest = cut_header(payload)
    except BrokenPdu:
        return
    assert payload.endswith(rest)
    assert part is None or 1 <= part.number <= part.total


@given(st.binary(max_size=60), st.sampled_from([0, 4, 8]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_payload_is_some_text(payload: bytes, coding: int, is_iso: bool) -> None:
    """And no character more than it has bytes."""
    assert len(read_text(payload, coding, is_iso=is_iso)) <= len(payload)


def test_a_text_is_a_plain_one_if_it_has_no_keyword() -> None:
    """With its comment, which the gateway takes off."""
    content = read_content("Hello\n~~~\n1000000042")

    assert (content.channel, content.mes, content.fields) == ("sms", "Hello\n~~~\n1000000042", {})


@pytest.mark.parametrize(
    ("text", "channel", "mes", "fields"),
    [
        ("__MAIL__: Hello\nsubj:News", "mail", "Hello", {"mail": "1", "subj": "News"}),
        (
            "__CALL__: 4 8 2 1\nvoice:w,en\n~~~\n25,60,2",
            "call",
            "4 8 2 1\n~~~\n25,60,2",
            {"call": "1", "voice": "w,en"},
        ),
        ("__VIBER__: Hi\nthere", "viber", "Hi\nthere", {"viber": "1"}),
        ("__SOC__: Hi", "soc", "Hi", {"soc": "1"}),
        ("__TGM__: 4821", "tg", "4821", {"tg": "1"}),
        ("__BOT__: Hi\nbot:@name_bot", "bot", "Hi", {"bot": "@name_bot"}),
        ("__HLR__", "hlr", "", {"hlr": "1"}),
        ("__PING__\n~~~\n7", "ping", "\n~~~\n7", {"ping": "1"}),
        ("__MAIL__:Hello", "sms", "__MAIL__:Hello", {}),
        ("__FAX__: Hello", "sms", "__FAX__: Hello", {}),
        ("Hi __HLR__", "sms", "Hi __HLR__", {}),
    ],
)
def test_a_special_text_chooses_a_channel(text: str, channel: str, mes: str, fields: dict[str, str]) -> None:
    """By the keyword of its row in the channels' table, a colon and a blank (PROTOCOL H.6)."""
    content = read_content(text)

    assert (content.channel, content.mes, content.fields) == (channel, mes, fields)
