"""Recipients and texts as our requests hold them: the values of `phones` and `list` (PROTOCOL B.1, B.3).

    +79991234567,+79991234568
    anna@example.ru,bob@example.ru
    +79991234567:Your code is 4821

How a server reads them, from us and from strangers, is in `server/records.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote_plus

from smsq.worker.domain.recipient import Recipient

_ADDRESS = re.compile(r"(?:[^\s:;,#@]*@|#)[^\s:;,#@]+", re.ASCII)
_NEWLINES = re.compile(r"\r\n|\r|\n")


def recipients(many: Sequence[Recipient]) -> str:
    """`+7999…,+7999…`, encoded; the plus keeps the gateway from correcting numbers (PROTOCOL I.1.6, I.1.7)."""
    return "%2C".join([f"%2B{each:d}" if not isinstance(each, str) else quote_plus(_address(each)) for each in many])


def lines(messages: Sequence[tuple[Recipient, str]]) -> str:
    """One `+phone:text` or `address:text` a line; line breaks inside a text become the two characters backslash and n.

    No address holds a separator (PROTOCOL B.3).
    """
    return "\n".join(
        [
            f"+{recipient:d}:{_one_line(text)}"
            if not isinstance(recipient, str)
            else f"{_address(recipient)}:{_one_line(text)}"
            for recipient, text in messages
        ]
    )


def _address(recipient: str) -> str:
    """An address as it is; raises ValueError for what would be read as a number, or as several recipients."""
    if not _ADDRESS.fullmatch(recipient):
        raise ValueError("no address")
    return recipient


def _one_line(text: str) -> str:
    return _NEWLINES.sub(r"\\n", text) if "\n" in text or "\r" in text else text
