"""Phones and texts as our requests hold them: the values of `phones` and `list` (PROTOCOL B.1, B.3).

    +79991234567,+79991234568
    +79991234567:Your code is 4821

How a server reads them, from us and from strangers, is in `server/records.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NEWLINES = re.compile(r"\r\n|\r|\n")


def phones(numbers: Sequence[int]) -> str:
    """`+7999…,+7999…`, encoded; the plus keeps the gateway from correcting numbers (PROTOCOL I.1.6, I.1.7)."""
    return "%2B" + "%2C%2B".join([f"{phone:d}" for phone in numbers])


def lines(messages: Sequence[tuple[int, str]]) -> str:
    """One `+phone:text` a line; line breaks inside a text become the two characters backslash and n (PROTOCOL B.3)."""
    return "\n".join([f"+{phone:d}:{_one_line(text)}" for phone, text in messages])


def _one_line(text: str) -> str:
    return _NEWLINES.sub(r"\\n", text) if "\n" in text or "\r" in text else text
