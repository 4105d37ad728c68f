"""Characters that make a text dear and have a plain stand-in: quotes and dashes of word processors, look-alikes.

One of them in a text of Latin letters takes it out of the GSM alphabet, and 160 characters a part become 70.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from smsq.worker.domain import text as texts

# What word processors put in, and what costs no more.
PLAIN: Final[dict[str, str]] = {
    **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‹", "<"),
    **dict.fromkeys("›", ">"),
    **dict.fromkeys("–—―−‐‑‒", "-"),
    "…": "...",
    **dict.fromkeys("\u00a0\u202f\u2009\u2002\u2003\u2007\u2008\u200a\u3000\t", " "),
    **dict.fromkeys(
        "\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ""
    ),
    "№": "No",
    **dict.fromkeys("•·", "-"),
    "₽": "rub.",
    "×": "x",
    "™": "(TM)",
    "©": "(c)",
    "®": "(R)",
}
# Letters of other alphabets that look like Latin ones; a file that was typed with two keyboards has them.
ALIKE: Final[dict[str, str]] = {
    **dict(zip("АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝ", "ABESIJKMHOPCTYXaesijopcyxhdqw", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True)),
}
STAND_INS: Final = {**PLAIN, **ALIKE}

_PLAINLY: Final = str.maketrans(PLAIN)
_ALIKE_TOO: Final = str.maketrans(STAND_INS)
_UNSEEN: Final = str.maketrans({char: "" for char, instead in PLAIN.items() if not instead})
_HAS_UNSEEN: Final = re.compile(f"[{''.join(char for char, instead in PLAIN.items() if not instead)}]").search
# Greek and Cyrillic letters that the GSM alphabet has not.
_BEYOND_GSM = "".join(char for char in map(chr, range(0x370, 0x530)) if char not in texts.GSM_BASIC)
_FOREIGN: Final = re.compile(f"[{_BEYOND_GSM}]")
_FOREIGN_IN: Final = _FOREIGN.findall
_LATIN_IN: Final = re.compile("[A-Za-z]").findall
_NOT_GSM_IN: Final = re.compile(f"[^{re.escape(texts.GSM_BASIC + texts.GSM_EXTENDED)}]").findall
_IN_WORDS: Final = {" ": "a plain space", "": "nothing"}


def plain(text: str) -> str:
    """The same text with plain characters if that makes it fewer parts, else the text itself.

    Either all of it fits the GSM alphabet afterwards, or only what nobody sees is left out. Letters of another alphabet
    are exchanged only in a text that has more Latin letters than those.

    >>> plain("“Sale” " + "x" * 80)[:7], plain("Скидка — " * 20) == "Скидка — " * 20
    ('"Sale" ', True)
    """
    if texts.alphabet(text) == "gsm":
        return text
    better = _in_gsm(text)
    if better is None:
        if not _HAS_UNSEEN(text):
            return text
        better = text.translate(_UNSEEN)
    return better if texts.parts(better) < texts.parts(text) else text


def _in_gsm(text: str) -> str | None:
    """The text in characters of the GSM alphabet alone; None if not all of it has a stand-in."""
    if not has_foreign_letters(text):
        better = text.translate(_PLAINLY)
    elif (latin := len(_LATIN_IN(text))) and len(foreign := _FOREIGN_IN(text)) < latin and set(foreign) <= ALIKE.keys():
        better = text.translate(_ALIKE_TOO)
    else:
        return None
    return better if texts.alphabet(better) == "gsm" else None


def dear(text: str, better: str) -> list[str]:
    """The characters, each once, that keep a text out of the GSM alphabet; `better` is what `plain` made of it.

    If `better` is not in that alphabet either, these are only the characters that nobody sees.
    """
    found = list(dict.fromkeys(_NOT_GSM_IN(text)))
    return found if texts.alphabet(better) == "gsm" else [char for char in found if PLAIN.get(char) == ""]


def has_foreign_letters(text: str) -> bool:
    """Whether a text has letters of another alphabet that GSM has not, so that it is dear as it should be."""
    return _FOREIGN.search(text) is not None


def other(text: str) -> list[str]:
    """The characters of a text, each once, that are not in the GSM alphabet; letters of another alphabet aside.

    A text of such letters is as it should be, and a list of its letters tells nobody anything.
    """
    return [char for char in dict.fromkeys(_NOT_GSM_IN(text)) if not _FOREIGN.match(char)]


def instead_of(char: str) -> str | None:
    """What to write instead, in words; None if nothing is known to do.

    >>> instead_of("–"), instead_of("\u00a0"), instead_of("ş"), instead_of("😀")
    ('-', 'a plain space', 's', None)
    """
    if char in STAND_INS:
        return _IN_WORDS.get(STAND_INS[char], STAND_INS[char])
    base = unicodedata.normalize("NFKD", char)
    bare = "".join(each for each in base if not unicodedata.combining(each))
    return bare if bare != char and bare and texts.alphabet(bare) == "gsm" else None
