"""How many parts a text takes on the air: what the gateway charges and counts in `cnt`.

A Telegram code is one; a call counts blocks of five seconds (gateway manual, message length; another source
counts seconds), and a voice says about a dozen characters in a second.

Written apart from the client's own count on purpose, so that the two cannot share a mistake
(gateway manual, message length: 160 and 153 in the GSM alphabet, 70 and 67 in UTF-16 units).
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
COMMENT = "\n~~~\n"  # the text after it is neither sent nor charged


@lru_cache(maxsize=4096)
def parts_of(text: str, channel: str = "sms") -> int:
    """The number of parts of one text, at least 1."""
    text = text.partition(COMMENT)[0]
    if channel == "tg":
        return 1
    if channel == "call":
        return max(1, -(-len(text) // SPOKEN_IN_A_BLOCK))
    units = len(text.encode("utf-16-le", "replace")) // 2
    if units <= 70:
        return 1
    if _LATIN.fullmatch(text):
        septets = len(text) + len(_DOUBLE.findall(text))
        return 1 if septets <= 160 else -(-septets // 153)
    return -(-units // 67)
