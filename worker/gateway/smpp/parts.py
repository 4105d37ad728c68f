r"""A text cut into the parts of one message, and joined again: a header of six octets in front of each part.

    05 00 03 2a 02 01 H e l l o …      header length, kind 0, its length, reference, how many parts, which

The header is that of 3GPP 23.040, 9.2.3.24.1, with a reference of eight bits. An escape and its character, or the
halves of a surrogate pair, stay in one part. The comment is not sent on and stands whole at the end of the last part,
beyond the room that texts have there (PROTOCOL B.4).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smsq.worker.domain.errors import BadText
from smsq.worker.gateway.smpp import MOST_OCTETS
from smsq.worker.gateway.smpp.alphabets import LATIN, UCS2, Alphabet, alphabet_of, width_at

HEADER = 6  # octets
MOST_PARTS = 255


@dataclass(frozen=True, slots=True)
class Cut:
    """The parts of one message, as they stand in `short_message`."""

    parts: list[bytes] = field(repr=False)
    data_coding: int
    has_header: bool


@dataclass(frozen=True, slots=True)
class Header:
    """What a part's header says."""

    reference: int
    count: int
    number: int  # from 1


def cut(text: str, comment: str, reference: int, *, is_latin: bool = False) -> Cut:
    """Cut a text, with its comment behind it; raises BadText if it has too many parts.

    A comment that its text's alphabet cannot say is written with question marks, and cut to the room there is.
    """
    alphabet = alphabet_of(text, is_latin=is_latin)
    octets = alphabet.encode(text)
    if len(octets) <= alphabet.one:
        return Cut([_commented(octets, comment, alphabet)], alphabet.data_coding, has_header=False)
    pieces = _pieces(octets, alphabet)
    if len(pieces) > MOST_PARTS:
        raise BadText(f"the text has {len(pieces)} parts; a message has {MOST_PARTS} at most")
    heads = [bytes((5, 0, 3, reference & 255, len(pieces), number)) for number in range(1, len(pieces) + 1)]
    whole = [head + piece for head, piece in zip(heads, pieces, strict=True)]
    whole[-1] = _commented(whole[-1], comment, alphabet)
    return Cut(whole, alphabet.data_coding, has_header=True)


def _pieces(octets: bytes, alphabet: Alphabet) -> list[bytes]:
    """Pieces of at most `alphabet.each` octets, with no character cut."""
    pieces = []
    start = 0
    while start < len(octets):
        end = start
        while end < len(octets) and end + width_at(octets, end, alphabet) <= start + alphabet.each:
            end += width_at(octets, end, alphabet)
        pieces.append(octets[start:end])
        start = end
    return pieces


def _commented(part: bytes, comment: str, alphabet: Alphabet) -> bytes:
    """A part with the comment behind it, as much of it as has room, in whole characters."""
    told = comment if alphabet is UCS2 else "".join(char if _has(alphabet, char) else "?" for char in comment)
    behind = alphabet.encode(told)
    end = 0
    while end < len(behind) and len(part) + end + width_at(behind, end, alphabet) <= MOST_OCTETS:
        end += width_at(behind, end, alphabet)
    return part + behind[:end]


def _has(alphabet: Alphabet, char: str) -> bool:
    return alphabet_of(char, is_latin=alphabet is LATIN) is alphabet


def has_header(octets: bytes) -> bool:
    """Whether octets that somebody made begin with a whole header, by its lengths."""
    if not octets or not 2 <= octets[0] < len(octets):
        return False
    at = 1
    while at < octets[0]:
        at += 2 + octets[at + 1]
    return at == octets[0] + 1


def header_of(part: bytes) -> tuple[Header | None, bytes]:
    """The header of a part that has one (`esm_class` says so) and what follows it; None if it is of another kind."""
    if not part or len(part) <= part[0]:
        return None, part
    length = part[0]
    at = 1
    while at + 1 <= length:
        kind, size = part[at], part[at + 1]
        if kind == 0 and size == 3:
            return Header(part[at + 2], part[at + 3], part[at + 4]), part[length + 1 :]
        at += 2 + size
    return None, part[length + 1 :]
