"""A text: its alphabet, its number of parts, and whether it may be sent.

Parts are counted as phones do (3GPP 23.038 and 23.040): 160 septets in one or 153 in each of several
if every character is in the GSM alphabet, 70 or 67 UTF-16 units otherwise. An escape and its
character, and the two halves of a surrogate pair, are never parted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from smsq.worker.domain.errors import BadText

Alphabet = Literal["gsm", "ucs2"]

MAX_LENGTH = 1000  # UTF-16 units; "up to 1000 characters" (gateway manual, parameter mes, PROTOCOL B.1)
COMMENT_MARK = "\n~~~\n"  # what follows it is not sent but kept as a comment (PROTOCOL B.4)

# 3GPP 23.038, 6.2.1 and 6.2.1.1, without the escape itself.
GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = "\f^{}\\[~]|€"  # two septets each: an escape and a character

_BREAKS = re.compile("\r\n|[\r\u2028\u2029]")
LOST = "\ufffd"  # what programs write for letters that they could not read
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_UNSEEN_IN = _UNSEEN.search
_GSM = frozenset(GSM_BASIC + GSM_EXTENDED)
_ALL_BASIC = re.compile(f"[{re.escape(GSM_BASIC)}]*").fullmatch
_ALL_GSM = re.compile(f"[{re.escape(GSM_BASIC + GSM_EXTENDED)}]*").fullmatch
_EXTENDED_IN = re.compile(f"[{re.escape(GSM_EXTENDED)}]").findall
# Control characters (a text may hold newlines and tabs) and halves of surrogate pairs.
_FORBIDDEN_IN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]").search
# `__MAIL__: …`, `__CALL__: …` and their like choose another channel (PROTOCOL H.6, B.4).
_KEYWORD_IN = re.compile(r"\s*__[A-Za-z]+__").match


def tidied(text: str) -> str:
    r"""The same text with its line breaks as \n and its letters whole: how every door takes a text in.

    A break of two characters would be counted as two and reach some phones as two; a letter in pieces (и and its breve,
    as some file systems write й) costs twice as much and shows as two on some phones.

    >>> tidied("a\r\nb\rc\u2028d"), len(tidied("\u0438\u0306"))
    ('a\nb\nc\nd', 1)
    """
    if text.isascii():
        return _BREAKS.sub("\n", text) if "\r" in text else text
    if "\r" in text or "\u2028" in text or "\u2029" in text:
        text = _BREAKS.sub("\n", text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def words(text: str) -> str:
    r"""A text as it is compared with others: a person reads no other one in it because of its blanks.

    Those at its ends, more than one between words, other kinds of them and signs that nobody sees come and go while a
    file is cleaned.

    >>> words(" Hello\u00a0 Anna\u200b \n") == words("Hello Anna")
    True
    """
    if not text.isascii() and _UNSEEN_IN(text):
        text = _UNSEEN.sub("", text)
    return " ".join(text.split())


def alphabet(text: str) -> Alphabet:
    """`gsm` if seven bits per character will do, else `ucs2`."""
    return "gsm" if _ALL_GSM(text) else "ucs2"


def units(text: str) -> int:
    """UTF-16 units: what a UCS-2 text is measured in; an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) >> 1


def parts(text: str) -> int:
    """How many messages an operator charges for this text; an empty one is one part."""
    length = len(text)
    if _ALL_BASIC(text):
        return 1 if length <= 160 else -(-length // 153)
    if _ALL_GSM(text):
        septets = length + len(_EXTENDED_IN(text))
        return 1 if septets <= 160 else _packed(153, (2 if char in GSM_EXTENDED else 1 for char in text))
    size = units(text)
    if size <= 70:
        return 1
    if size == length:
        return -(-size // 67)
    return _packed(67, (2 if char > "\uffff" else 1 for char in text))


def _packed(room: int, sizes: Iterable[int]) -> int:
    """How many parts of `room` hold these sizes in order, none of them cut."""
    count, used = 1, 0
    for size in sizes:
        used += size
        if used > room:
            count, used = count + 1, size
    return count


def offenders(text: str) -> list[str]:
    """The characters, each once and in order, that keep a text out of the cheaper GSM alphabet."""
    return [char for char in dict.fromkeys(text) if char not in _GSM]


def check(text: str) -> None:
    """Raise BadText if the gateway would refuse, misread or cut this text."""
    if text.isprintable():
        if 2 * len(text) <= MAX_LENGTH and text and "__" not in text and LOST not in text and not text.isspace():
            return
    elif forbidden := _FORBIDDEN_IN(text):
        raise BadText(f"the text holds {_named(forbidden[0])} at position {forbidden.start() + 1}")
    _check_slowly(text)


def _check_slowly(text: str) -> None:
    """The rules that few texts can break."""
    if not text.strip():
        raise BadText("the text is empty")
    if LOST in text:
        raise BadText(f"this text has lost letters: {LOST} is at position {text.index(LOST) + 1}")
    size = units(text)
    if size > MAX_LENGTH:
        raise BadText(f"the text is {size} characters long, the gateway takes {MAX_LENGTH}")
    check_marks(text)


def check_marks(text: str) -> None:
    """Raise BadText if a text, or the pattern of many, holds what the gateway takes for a command."""
    if COMMENT_MARK in text.replace("\r", ""):
        raise BadText("the text holds a line of three tildes (~~~): the gateway would take the rest for a comment")
    if keyword := _KEYWORD_IN(text):
        raise BadText(f"the text starts with {keyword[0].strip()}, which the gateway takes for a command")


def check_list(text: str) -> None:
    """Raise BadText if a text cannot travel among others in one request, though it may alone.

    There a newline is written as backslash and n, so a text that holds these two characters itself
    would arrive with a newline in their place (PROTOCOL B.3).
    """
    if "\\n" in text:
        raise BadText("the text holds a backslash followed by n, which the gateway turns into a new line")


def _named(char: str) -> str:
    """A character that cannot be shown, by its number."""
    kind = "half of a character" if "\ud800" <= char <= "\udfff" else "a control character"
    return f"{kind} (U+{ord(char):04X})"
