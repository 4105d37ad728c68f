"""Plain characters in place of dear ones: only if the text becomes fewer parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain import text as texts
from smsq.worker.domain.plain_text import ALIKE, STAND_INS, dear, has_foreign_letters, instead_of, other, plain

LONG = "x" * 100


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("“Sale” – 50 %…", '"Sale" - 50 %...'),
        ("5\u00a0000 ₽ №1 \u200b", "5 000 rub. No1 "),
        ("Сall аgain", "Call again"),  # C and a are Cyrillic
        ("Zoë’s café", None),  # ë is in no GSM alphabet
        ("Σ is GSM – so is Ω", "Σ is GSM - so is Ω"),
    ],
)
def test_a_latin_text_becomes_plain(written: str, expected: str | None) -> None:
    """All of it or nothing: one dear character is as dear as ten."""
    text = written + LONG

    assert plain(text) == (text if expected is None else expected + LONG)


@pytest.mark.parametrize(
    "written",
    [
        "Скидка — 50 %… " * 8,  # Cyrillic is dear in any case, and three points are longer than one
        "МОСКВА " * 12,  # all of these look like Latin letters, and yet it is Russian
        "“Sale”",  # one part either way
        "😀 “Sale”" + LONG,
    ],
)
def test_other_texts_stay_as_they_are(written: str) -> None:
    """Nothing is exchanged for nothing."""
    assert plain(written) is written


def test_what_nobody_sees_is_left_out_if_that_saves_a_part() -> None:
    """Also of a Cyrillic text."""
    text = "я" * 70 + "\u200b"

    assert (plain(text), dear(text, "я" * 70)) == ("я" * 70, ["\u200b"])


def test_dear_characters_are_named_each_once() -> None:
    """With the other characters that have no stand-in, and what to write instead."""
    text = "“Sale” – “now”" + LONG

    assert dear(text, plain(text)) == ["“", "”", "–"]
    assert other("Zoë 😀 Привет “a”") == ["ë", "😀", "“", "”"]
    assert [instead_of(char) for char in "ëş“😀\u200bС"] == ["e", "s", '"', None, "nothing", "C"]


@given(st.text(st.sampled_from("abc XYZ“”–…№сСаяё😀\u200b\u00a0€ω"), max_size=200))
def test_plain_never_makes_a_text_dearer(written: str) -> None:
    """It saves a part or changes nothing, and doing it twice is doing it once."""
    better = plain(written)

    assert better == written or texts.parts(better) < texts.parts(written)
    assert plain(better) == better


def test_stand_ins_are_in_the_alphabet() -> None:
    """Or exchanging them would save nothing; and nothing that is in it already has one."""
    assert all(texts.alphabet(instead) == "gsm" for instead in STAND_INS.values())
    assert [char for char in STAND_INS if texts.alphabet(char) == "gsm"] == []


def test_foreign_letters_are_those_of_no_gsm_alphabet() -> None:
    """Capitals of Greek that Latin lacks are in it."""
    greek = {chr(code) for code in range(0x370, 0x400)}
    foreign = {char for char in greek if has_foreign_letters(char)}

    assert not foreign & set(texts.GSM_BASIC)
    assert {char for char in greek - foreign if char.isalpha()} <= set(texts.GSM_BASIC)
    assert all(has_foreign_letters(char) for char in ALIKE)
