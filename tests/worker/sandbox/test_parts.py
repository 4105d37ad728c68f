"""How many parts a text takes."""

from __future__ import annotations

import pytest

from smsq.worker.sandbox.parts import parts_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("", 1, id="nothing is one part"),
        pytest.param("a" * 160, 1, id="160 Latin characters fit"),
        pytest.param("a" * 161, 2, id="161 do not"),
        pytest.param("a" * 306, 2, id="twice 153"),
        pytest.param("a" * 307, 3, id="and one more"),
        pytest.param("€" * 80, 1, id="an extension character counts twice and fits"),
        pytest.param("€" * 81, 2, id="or does not"),
        pytest.param("я" * 70, 1, id="70 Cyrillic characters fit"),
        pytest.param("я" * 71, 2, id="71 do not"),
        pytest.param("я" * 134, 2, id="twice 67"),
        pytest.param("я" * 135, 3, id="and one more Cyrillic"),
        pytest.param("😀" * 35, 1, id="an emoji takes two units and fits"),
        pytest.param("😀" * 36, 2, id="or does not fit"),
        pytest.param("a" * 160 + "\n~~~\nprivate", 1, id="a comment is not charged"),
    ],
)
def test_parts_are_counted_as_the_manual_says(text: str, parts: int) -> None:
    """A part holds 160 or 70, and 153 or 67 where there are several."""
    assert parts == parts_of(text)


@pytest.mark.parametrize(
    ("text", "told", "parts"),
    [
        pytest.param("00" * 140, ("bin",), 1, id="140 bytes fit"),
        pytest.param("00" * 141, ("bin",), 2, id="141 do not"),
        pytest.param("x" * 61, ("call",), 2, id="a call counts what is said"),
        pytest.param("x" * 900, ("mail",), 1, id="a letter is one"),
        pytest.param("", ("hlr",), 1, id="a look-up is one"),
        pytest.param("я" * 161, ("flash",), 3, id="a flash is an SMS"),
        pytest.param("ш" * 80, ("sms", 1), 1, id="two Latin letters for one"),
        pytest.param("ш" * 81, ("sms", 1), 2, id="and one more of them"),
        pytest.param("ш" * 160, ("sms", 2), 1, id="letters that look alike"),
        pytest.param("Ёё" * 100, ("sms", 0, 2), 2, id="cut"),
    ],
)
def test_what_is_no_plain_sms_is_counted_its_own_way(text: str, told: tuple[str, int, int], parts: int) -> None:
    """By channel, translit and the most that is wanted."""
    assert parts == parts_of(text, *told)
