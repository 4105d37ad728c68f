"""Rows that are not as the others: cells with bytes of no character, too few or too many columns, open quotes."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Sequence

from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput

_SPLIT_NUMBER = re.compile(r".*\d,\d{1,3}(?!\d).*", re.DOTALL)  # 1500,50 and 1,500: one number in two cells
# Bytes that belong to no character, as they look after decoding, and a NUL: such a row is rejected.
_UNREADABLE = frozenset(map(chr, range(0xDC80, 0xDD00)))


def is_spoilt(value: str) -> bool:
    """Whether a cell holds a NUL byte, or bytes that belong to no character."""
    return "\0" in value or not (value.isascii() or _UNREADABLE.isdisjoint(value))


def spoilt(name: str, value: str, encoding: str = "utf-8") -> str:
    """What a cell holds that no cell should."""
    if "\0" in value:
        return f"column {name} holds a NUL byte"
    return f"column {name} holds bytes that are not {'UTF-8' if encoding.startswith('utf') else encoding}"


def is_blank(values: Sequence[str]) -> bool:
    """Whether a row, or a part of one, holds nothing but empty cells."""
    return not any(map(str.strip, values))


def looks_split(values: Sequence[str], phone_at: int) -> bool:
    """Whether a comma inside a cell seems to have made two of it: 1500,50 or Bern, Basel."""
    pairs = enumerate(itertools.pairwise(values))
    return any(
        (second[:1].isspace() and second.strip()) or (at != phone_at and _SPLIT_NUMBER.fullmatch(f"{first},{second}"))
        for at, (first, second) in pairs
    )


def wrong_number(many: int, width: int) -> str:
    """What is wrong with a row of so many columns."""
    return f"too {'few' if many < width else 'many'} columns: {many}, but the header has {width}"


def unreadable(number: int, ended_at: int, line: int, error: str, phone: str) -> Reject:
    """The reject of a row that csv could not read; raises BadInput if it took the rest of the file with it."""
    if "unexpected end of data" in error or line > ended_at + 1:
        raise BadInput(
            f"row {number}: the quote that opens in line {ended_at + 1} never closes, so no row after it can be read"
        )
    if "field limit" in error:
        return Reject(number, "invalid", f"a cell holds more than {csv.field_size_limit()} characters", phone)
    return Reject(number, "invalid", "there is text after a closing quote; write a quote inside a cell twice", phone)
