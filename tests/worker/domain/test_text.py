"""Texts: alphabets, parts, and what may not be sent."""

from __future__ import annotations

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from smsq.worker.domain import text as texts
from smsq.worker.domain.errors import BadText

KNOWN_PARTS = {
    "empty is one": ("", 1),
    "160 latin": ("a" * 160, 1),
    "161 latin": ("a" * 161, 2),
    "306 latin": ("a" * 306, 2),
    "307 latin": ("a" * 307, 3),
    "euro counts twice": ("€" * 80, 1),
    "an 81st euro": ("€" * 81, 2),
    "an escape is not parted": ("a" * 152 + "{" + "a" * 152, 3),
    "70 cyrillic": ("я" * 70, 1),
    "71 cyrillic": ("я" * 71, 2),
    "134 cyrillic": ("я" * 134, 2),
    "135 cyrillic": ("я" * 135, 3),
    "35 emoji": ("😀" * 35, 1),
    "36 emoji": ("😀" * 36, 2),
    "a pair is not parted": ("я" * 66 + "😀" + "я" * 66, 3),
    "one odd character makes all UCS-2": ("a" * 70 + "`", 2),
}


@pytest.mark.parametrize(("text", "expected"), KNOWN_PARTS.values(), ids=KNOWN_PARTS.keys())
def test_parts(text: str, expected: int) -> None:
    """The counts that operators charge."""
    assert texts.parts(text) == expected


@given(st.text(alphabet=st.sampled_from("aZ€{\n я😀\\`"), max_size=400) | st.text(max_size=200))
def test_parts_agree_with_another_counter(text: str) -> None:
    """Smsutil agrees, but for the escape character, which it takes for one septet of text."""
    if "\x1b" in text or not text:
        return
    assert texts.parts(text) == len(smsutil.split(text).parts)


@given(st.text(alphabet=texts.GSM_BASIC + texts.GSM_EXTENDED, min_size=1, max_size=50))
def test_gsm_texts_are_gsm(text: str) -> None:
    """The alphabet's own characters need nothing more."""
    assert (texts.alphabet(text), texts.offenders(text)) == ("gsm", [])


def test_offenders_are_named_once_in_order() -> None:
    """What made a text dear is shown."""
    assert texts.offenders("Hi “you” – “all”") == ["“", "”", "–"]
    assert texts.alphabet("Hi “you”") == "ucs2"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("\r\n\r\n", "\n\n"),
        ("и\u0306\r\n\u2028\u2029", "й\n\n\n"),
        ("e\u0301", "é"),
        ("plain", "plain"),
    ],
)
def test_a_text_is_taken_in_tidied(written: str, expected: str) -> None:
    """Line breaks are one character, letters are whole."""
    assert texts.tidied(written) == expected


BAD = {
    "empty": ("", "empty"),
    "blank": (" \n ", "empty"),
    "too long": ("a" * 1001, "1001 characters"),
    "too long in units": ("😀" * 501, "1002 characters"),
    "comment mark": ("Hi\n~~~\nsecret", "tildes"),
    "comment mark with returns": ("Hi\r\n~~~\r\nsecret", "tildes"),
    "call": ("__CALL__: hello", "__CALL__"),
    "unknown keyword": ("__NEW__", "__NEW__"),
    "keyword after blanks": ("  __Mail__: x", "__Mail__"),
    "NUL": ("a\x00b", r"U\+0000\) at position 2"),
    "escape": ("a\x1b", r"U\+001B"),
    "a letter that was lost": ("Hello \ufffdnna", "this text has lost letters: .* at position 7"),
    "half a character": ("a\ud83d", "half of a character"),
}


@pytest.mark.parametrize(("text", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_text_is_refused_with_its_reason(text: str, reason: str) -> None:
    """Texts that the gateway would refuse, cut or take for a command stay here."""
    with pytest.raises(BadText, match=reason):
        texts.check(text)


@pytest.mark.parametrize("text", ["a", "a" * 1000, "я" * 1000, "Hi __CALL__", "~~~", "a\nb\tc\r\nd", "_x_", "\xa0y"])
def test_a_good_text_passes(text: str) -> None:
    """What only looks like trouble may be sent."""
    texts.check(text)


def test_a_literal_backslash_n_does_not_fit_a_list() -> None:
    """Among others a newline travels as these two characters, so they cannot travel themselves."""
    with pytest.raises(BadText, match="backslash"):
        texts.check_list(r"a\nb")
