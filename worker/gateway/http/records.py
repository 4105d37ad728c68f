"""Recipients and texts as a request holds them: the values of `phones` and `list`, from both sides (PROTOCOL B.1, B.3).

    +79991234567,+79991234568
    anna@example.ru,bob@example.ru
    +79991234567:Your code is 4821
    79991234567;79991234568;Your code: 4821        as strangers write it

Of the separators between numbers and text only the first counts, since texts have colons and semicolons of their
own. A semicolon separates numbers too, so numbers go on as long as another number follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote_plus

from smsq.worker.domain.recipient import Recipient

NO_RECORD = "a record of `list` is phones, a colon and a text"

_ADDRESS = re.compile(r"(?:[^\s:;,#@]*@|#)[^\s:;,#@]+", re.ASCII)
_NEWLINES = re.compile(r"\r\n|\r|\n")
_NUMBER_MARKS = str.maketrans("", "", "+ -()")
# Numbers, the separator, the text: digits in plenty, so that a short text of digits is not taken for a number.
_RECORD = re.compile(r"\s*((?:[+ ()-]*[0-9][0-9 ()-]*[,;])*[+ ()-]*[0-9][0-9 ()-]*)[:;](.*)", re.ASCII | re.DOTALL)


# --- our half --------------------------------------------------------------------------------------------------


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


# --- the other half --------------------------------------------------------------------------------------------


def digits(phone: str) -> str:
    """A phone as answers and callbacks show it: without plus, blanks, brackets and hyphens."""
    return phone if phone.isdigit() else phone.translate(_NUMBER_MARKS)


def numbers(written: str) -> list[str]:
    """Phones that are separated by commas or semicolons, as digits."""
    return [digits(item) for item in written.replace(";", ",").split(",") if item.strip()]


def read(line: str) -> list[tuple[str, str]]:
    """One line of `list`: (digits, text) of each phone, none for an empty line; ValueError if it is no record."""
    line = line.rstrip("\r")
    if not line.strip():
        return []
    written, separator, text = line.partition(":")
    if ";" in written or not separator:
        written, text = _at_semicolon(line)
    if not text:
        raise ValueError(NO_RECORD)
    if "\\n" in text:
        text = text.replace("\\n", "\n")
    return [(phone, text) for phone in numbers(written)]


def _at_semicolon(line: str) -> tuple[str, str]:
    """Numbers and text of a line in which a semicolon comes before the first colon."""
    if found := _RECORD.fullmatch(line):
        return found[1], found[2]
    written, separator, text = line.partition(";")  # no number in front: it stays as written, for error 7
    if not separator:
        raise ValueError(NO_RECORD)
    return written, text
