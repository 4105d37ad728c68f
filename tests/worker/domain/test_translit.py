"""Texts in Latin letters, for the count of their parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain.text import alphabet
from smsq.worker.domain.translit import WAYS, spelled

RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"


def test_the_manuals_own_words() -> None:
    """All that is known of how the gateway writes (PROTOCOL B.1)."""
    assert (spelled("транслит", 0), spelled("транслит", 1), spelled("транслит", 2)) == (
        "транслит",
        "translit",
        "mpaHc/Ium",
    )


@pytest.mark.parametrize("way", [1, 2])
@given(text=st.text(RUSSIAN + RUSSIAN.upper() + "abc 0!№«»—…"))
def test_russian_becomes_latin(way: int, text: str) -> None:
    """A text that was Cyrillic alone needs seven bits a letter; none of it is lost."""
    said = spelled(text, way)

    assert alphabet(said) == "gsm"
    assert len(said) >= len(text)


@given(st.text(st.characters(codec="ascii")))
def test_latin_stays(text: str) -> None:
    """Nothing but Cyrillic letters and a few signs is written anew."""
    assert {text} == {spelled(text, way) for way in WAYS}
