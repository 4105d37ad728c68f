"""A one-time code as each channel says it: in a text, as bare digits, or read aloud.

A voice that meets `4821` says "four thousand eight hundred and twenty-one", and nobody can ask it to say that
again; so a call reads digit by digit, and everything twice.
"""

from __future__ import annotations

from smsq.worker.domain import otp
from smsq.worker.domain.text import MAX_LENGTH, units

FOREIGN_VOICE = "w,en"  # for a text without Cyrillic letters; the gateway's own voice reads Russian (PROTOCOL B.1)


def text_for(channel: str, template: str, code: str, *, ttl_s: float, purpose: str) -> str:
    """The text of a message that brings `code` by this channel; `template` is what an SMS would say."""
    if channel == "tg":
        return code
    if channel == "call":
        return _twice(otp.render(template, spelled(code), ttl_s=ttl_s, purpose=purpose))
    return otp.render(template, code, ttl_s=ttl_s, purpose=purpose)


def spelled(code: str) -> str:
    """Digit by digit, with a pause between them.

    >>> spelled("4821")
    '4, 8, 2, 1'
    """
    return ", ".join(code)


def voice_for(channel: str, template: str) -> dict[str, str]:
    """The fields that choose who reads it; none if the gateway's own voice will do, or nothing is read."""
    is_foreign = not any("\u0400" <= char <= "\u052f" for char in template)
    return {"voice": FOREIGN_VOICE} if channel == "call" and is_foreign else {}


def _twice(text: str) -> str:
    """The text and once more, if the gateway takes so much."""
    end = "" if text.rstrip().endswith((".", "!", "?", "…")) else "."
    said = f"{text.rstrip()}{end} {text}"
    return said if units(said) <= MAX_LENGTH else text
