"""How many parts a text takes on the air: what the gateway charges and counts in `cnt`.

A call counts blocks of five seconds (gateway manual, message length; another source counts seconds), and a voice says
about a dozen characters in a second. A binary message counts bytes. Whatever has no length on the air is one.

Written apart from the client's own count on purpose, so that the two cannot share a mistake
(gateway manual, message length: 160 and 153 in the GSM alphabet, 70 and 67 in UTF-16 units, 140 bytes).
"""

from __future__ import annotations

import re
from functools import lru_cache

_ONCE = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" + (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWICE = "\f^{}\\[~]|€"
_LATIN = re.compile(f"[{re.escape(_ONCE + _TWICE)}]*")
_DOUBLE = re.compile(f"[{re.escape(_TWICE)}]")
SPOKEN_IN_A_BLOCK = 60  # characters
BYTES_IN_A_PART = 140
COMMENT = "\n~~~\n"  # the text after it is neither sent nor charged
ON_THE_AIR = frozenset(("sms", "flash", "push"))  # the channels whose texts are cut; bin and calls have their own rule

# What a Cyrillic letter becomes; the gateway's own table is not published, and only lengths matter here.
_TRANSLIT = dict(
    zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "a b v g d e e zh z i y k l m n o p r s t u f h c ch sh sch - y - e yu ya"
        .replace("-", "").split(" "), strict=True)
)  # fmt: skip
_TABLE = str.maketrans(_TRANSLIT | {letter.upper(): latin.upper() for letter, latin in _TRANSLIT.items()})
_ALIKE = re.compile("[А-яЁё]")


@lru_cache(maxsize=4096)
def parts_of(text: str, channel: str = "sms", translit: int = 0, most: int = 0) -> int:
    """The number of parts of one text, at least 1; at most `most`, if that is not 0."""
    text = text.partition(COMMENT)[0]
    parts = _parts(text, channel, translit)
    return min(parts, most) if most else parts


def _parts(text: str, channel: str, translit: int) -> int:
    if channel == "call":
        return max(1, -(-len(text) // SPOKEN_IN_A_BLOCK))
    if channel == "bin":
        return max(1, -(-len(text) // 2 // BYTES_IN_A_PART))
    if channel not in ON_THE_AIR:
        return 1
    if translit == 1:
        text = text.translate(_TABLE)
    elif translit == 2:
        text = _ALIKE.sub("x", text)
    units = len(text.encode("utf-16-le", "replace")) // 2
    if units <= 70:
        return 1
    if _LATIN.fullmatch(text):
        septets = len(text) + len(_DOUBLE.findall(text))
        return 1 if septets <= 160 else -(-septets // 153)
    return -(-units // 67)
