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
