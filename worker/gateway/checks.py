"""Checks of what may stand beside a text in a request: each takes a value as it is written, and says what is wrong.

An empty sentence means that nothing is. The gateway refuses a message for most of these mistakes, and reads something
else for the others (PROTOCOL B.1, read 2026-11-20 and once more 2026-11-29).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from smsq.worker.domain.errors import BadPhone
from smsq.worker.domain.recipient import MAIL_ONLY, parse
from smsq.worker.domain.text import COMMENT_MARK

Check = Callable[[str], str]  # of a value: what is wrong with it, '' for nothing

# Moscow is UTC+3, and zones go from UTC-12 to UTC+14.
WEST, EAST = -15, 11
LONGEST_COMMENT = 255  # characters; the gateway names no limit, and this one leaves room for the text
LONGEST_URL = 1000

_WHOLE = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)
_ZONE = re.compile(r"0|-?[1-9][0-9]?", re.ASCII)
_HOURS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", re.ASCII)
_URL = re.compile(r"https?://[!-~]+", re.ASCII | re.IGNORECASE)
_VOICE = re.compile(r"(?:m[2-4]?|w[2-4]?)(?:,[a-z]{2})?", re.ASCII)
_PARAM = re.compile(r"(1\d|2\d|3[0-5]),(\d{2,4}),([1-9])", re.ASCII)
# An empty sender, formerly a dot, switches the account's own off.
_SENDER = re.compile(r"[ -~]{0,11}|\d{12,15}", re.ASCII)


def whole(first: int, last: int, sentence: str) -> Check:
    """A whole number in a range."""

    def check(value: str) -> str:
        return "" if _WHOLE.fullmatch(value) and first <= int(value) <= last else sentence

    return check


def shaped(pattern: str, sentence: str) -> Check:
    """What a pattern describes, in ASCII."""
    fits = re.compile(pattern, re.ASCII).fullmatch
    return lambda value: "" if fits(value) else sentence


def zone(value: str) -> str:
    """Hours from Moscow."""
    fits = _ZONE.fullmatch(value) is not None and WEST <= int(value) <= EAST
    return "" if fits else f"a time zone is whole hours from Moscow's, {WEST} to {EAST}"


def period(value: str) -> str:
    """Hours over which a request is spread."""
    fits = _HOURS.fullmatch(value) is not None and 0.1 <= float(value) <= 720
    return "" if fits else "a period is 0.1 to 720 hours"


def ip_address(value: str) -> str:
    """The address of the person who asked for a message."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "a user's address is an IP address"
    return ""


def url(value: str) -> str:
    """The address of a file that the gateway fetches."""
    fits = len(value) <= LONGEST_URL and _URL.fullmatch(value) is not None
    return "" if fits else "a file's address is one URL, such as https://example.ru/price.pdf"


def subject(value: str) -> str:
    """One line that people see above the text."""
    fits = value.strip() and value.isprintable() and len(value) <= 255
    return "" if fits else "a subject is one line of up to 255 characters"


def comment(value: str) -> str:
    """Words for our own records; a mark in them would begin another comment."""
    if COMMENT_MARK.strip() in value or not value.strip() or not value.isprintable() or len(value) > LONGEST_COMMENT:
        return f"a comment is one line of up to {LONGEST_COMMENT} characters, without three tildes"
    return ""


def voice(value: str) -> str:
    """Who reads the text of a call, and in which language."""
    fits = _VOICE.fullmatch(value)
    return "" if fits else "a voice is m, m2, m3, m4, w, w2, w3 or w4, with a language: w,en"


def param(value: str) -> str:
    """How a call rings."""
    found = _PARAM.fullmatch(value)
    fits = found is not None and 10 <= int(found[2]) <= 3600
    return "" if fits else "a call's param is ring time 10-35 s, pause 10-3600 s, attempts 1-9, such as 25,60,2"


def sender_name(value: str) -> str:
    """The sender of a message to a phone."""
    if _SENDER.fullmatch(value) is not None:
        return ""
    return "a sender is up to 11 latin letters, digits and signs, or up to 15 digits"


def sender_address(value: str) -> str:
    """The sender of an e-mail."""
    try:
        parse(value, MAIL_ONLY)
    except BadPhone as wrong:
        return f"the sender of an e-mail is a mail address: {wrong.sentence}"
    return ""
