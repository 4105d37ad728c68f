"""Alphabets: characters to octets and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.text import GSM_BASIC, GSM_EXTENDED
from smsq.worker.gateway.smpp import server_texts
from smsq.worker.gateway.smpp.alphabets import GSM, LATIN, UCS2, alphabet_of

GSM_TEXTS = st.text(st.sampled_from(GSM_BASIC + GSM_EXTENDED))


def test_the_gsm_alphabet_is_the_standards() -> None:
    """Samples of 3GPP 23.038: the escape has a place of its own."""
    assert GSM.encode("@£\nÆ aà") == bytes([0x00, 0x01, 0x0A, 0x1C, 0x20, 0x61, 0x7F])
    assert GSM.encode("€{~") == bytes([0x1B, 0x65, 0x1B, 0x28, 0x1B, 0x3D])


@given(GSM_TEXTS)
def test_gsm_octets_are_read_alike_by_the_server(text: str) -> None:
    """Whose reader was written apart."""
    assert server_texts.read_text(GSM.encode(text), 0) == text


@given(st.text(st.characters(max_codepoint=0x2FFFF, exclude_categories=("Cs",))))
def test_ucs2_octets_are_read_alike_by_the_server(text: str) -> None:
    """Pairs of surrogates included."""
    assert server_texts.read_text(UCS2.encode(text), 8) == text


@pytest.mark.parametrize(
    ("text", "is_latin", "expected"),
    [
        ("Hello €", False, GSM),
        ("Привет", False, UCS2),
        ("ç", False, UCS2),  # the small one is not in GSM
        ("ç", True, LATIN),
        ("Hello €", True, UCS2),  # no euro in ISO-8859-1
        ("", False, GSM),
    ],
)
def test_the_cheapest_alphabet_is_chosen(text: str, is_latin: bool, expected: object) -> None:
    """By the session's system type."""
    assert alphabet_of(text, is_latin=is_latin) is expected


def test_data_coding_is_four_times_the_gateways_number() -> None:
    """0 GSM, 1 ISO-8859-1, 2 UCS-2 (PROTOCOL H.2)."""
    assert [each.data_coding for each in (GSM, LATIN, UCS2)] == [0, 4, 8]
