"""The three alphabets of SMPP texts: characters to octets and back (PROTOCOL H.2; 3GPP 23.038, 6.2.1).

GSM-7 is not packed: one octet for a septet, two for a character of the extension. `data_coding` is four times the
gateway's number of the alphabet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smsq.worker.domain.text import GSM_BASIC, GSM_EXTENDED

ESCAPE = 0x1B
_EXTENDED_CODES = b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65"  # of GSM_EXTENDED, in its order

_OCTETS = {char: place + (place >= ESCAPE) for place, char in enumerate(GSM_BASIC)}
_TO_GSM = str.maketrans(
    {char: chr(code) for char, code in _OCTETS.items()}
    | {char: chr(ESCAPE) + chr(code) for char, code in zip(GSM_EXTENDED, _EXTENDED_CODES, strict=True)}
)
_FROM_GSM = {code: char for char, code in _OCTETS.items()}
_FROM_EXTENDED = dict(zip(_EXTENDED_CODES, GSM_EXTENDED, strict=True))
_GSM = frozenset(GSM_BASIC + GSM_EXTENDED)


def _gsm(text: str) -> bytes:
    return text.translate(_TO_GSM).encode("latin-1")


def _from_gsm(octets: bytes) -> str:
    """The text of unpacked GSM octets; an unknown extension shows as its basic character, as phones do."""
    chars: list[str] = []
    is_extended = False
    for octet in octets:
        if octet == ESCAPE and not is_extended:
            is_extended = True
            continue
        basic = _FROM_GSM.get(octet, " ")
        chars.append(_FROM_EXTENDED.get(octet, basic) if is_extended else basic)
        is_extended = False
    return "".join(chars)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """One alphabet; `one` octets of text fit into a single part and `each` into one of several."""

    name: str
    data_coding: int
    one: int
    each: int
    encode: Callable[[str], bytes]
    decode: Callable[[bytes], str]


GSM = Alphabet(name="gsm", data_coding=0, one=160, each=153, encode=_gsm, decode=_from_gsm)
LATIN = Alphabet(
    name="latin",
    data_coding=4,
    one=140,
    each=134,
    encode=lambda text: text.encode("latin-1"),
    decode=lambda octets: octets.decode("latin-1"),
)
UCS2 = Alphabet(
    name="ucs2",
    data_coding=8,
    one=140,
    each=134,
    encode=lambda text: text.encode("utf-16-be"),
    decode=lambda octets: octets.decode("utf-16-be", "replace"),
)
BY_CODING = {each.data_coding: each for each in (GSM, LATIN, UCS2)}


def alphabet_of(text: str, *, is_latin: bool) -> Alphabet:
    """The cheapest alphabet for a text; `is_latin` for a session bound with `system_type` ISO, which has no GSM."""
    if is_latin:
        return LATIN if _is_latin(text) else UCS2
    return GSM if _GSM.issuperset(text) else UCS2


def _is_latin(text: str) -> bool:
    return not text or max(text) <= "\xff"


def width_at(octets: bytes, at: int, alphabet: Alphabet) -> int:
    """How many octets the character that begins at `at` takes; a pair that must not be parted counts whole."""
    if alphabet is GSM:
        return 2 if octets[at] == ESCAPE else 1
    if alphabet is UCS2:
        return 4 if 0xD8 <= octets[at] <= 0xDB else 2
    return 1
