"""Keys of callers: who may use the front door, and how what they send is treated.

    shop:5f0c…e1                                        a name and a key
    crm:77aa…03 lane=bulk sender=Shop may=send+ask      with more about it, in words separated by blanks
    try:91c4…7f guests=+79991234567+79997654321         reaches only these, or those in the file of a path

Entries are separated by commas or line breaks; in a file a line that begins with # is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smsq.worker.domain import guests
from smsq.worker.domain.guests import EVERYBODY, Guests
from smsq.worker.domain.lane import SENDING

LEAST_KEY, LONGEST_KEY = 16, 128  # characters
MAY = ("send", "ask", "price", "balance", "jobs")
CHARSETS = ("windows-1251", "utf-8", "koi8-r")
MOST_RATE = 10_000.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)  # no library encodes others, and a colon ends a field of a letter
_SENDER = re.compile(r"[!-~]{1,15}", re.ASCII)
_EXAMPLE = "shop:<key> lane=urgent sender=Shop charset=utf-8 rate=10 may=send+ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One caller: `lane` '' goes by how many messages a request has; `rate` is messages a second, None for any."""

    name: str
    key: str = field(repr=False)
    lane: str = ""
    sender: str | None = None
    charset: str = ""
    rate: float | None = None
    may: frozenset[str] = frozenset(MAY)
    guests: Guests = EVERYBODY


def read(written: str) -> tuple[ApiKey, ...]:
    """The callers that a setting names; raises ValueError with what is allowed, without a key."""
    lines = [each.strip() for line in written.splitlines() for each in _entries(line)]
    keys = tuple(_read_one(line) for line in lines if line)
    _check_apart(key.name for key in keys)
    _check_apart(key.key for key in keys)
    if not keys:
        raise ValueError(f"entries such as {_EXAMPLE}")
    return keys


def _entries(line: str) -> list[str]:
    return [] if line.strip().startswith("#") else line.split(",")


def _read_one(line: str) -> ApiKey:
    entry, *words = line.split()
    name, colon, key = entry.partition(":")
    if not colon or _NAME.fullmatch(name) is None:
        raise ValueError(f"entries such as {_EXAMPLE}, with commas or line breaks between them")
    if _KEY.fullmatch(key) is None or not LEAST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(
            f"{name} a key of {LEAST_KEY} to {LONGEST_KEY} letters and digits at random, such as "
            "`openssl rand -hex 16` prints"
        )
    told: dict[str, str] = {}
    for word in words:
        what, mark, value = word.partition("=")
        if not mark or what not in _READERS or what in told:
            raise ValueError(f"{name} each of {', '.join(_READERS)} once at most, such as {_EXAMPLE}")
        told[what] = value
    return ApiKey(name=name, key=key, **{what: _READERS[what](name, value) for what, value in told.items()})


def _check_apart(words: Iterable[str]) -> None:
    known = list(words)
    if len(set(known)) < len(known):
        raise ValueError("each name once, and each key once")


def _one_of(*words: str) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value not in words:
            raise ValueError(f"{name} {' or '.join(words)}")
        return value

    return read


def _sender(name: str, value: str) -> str:
    if _SENDER.fullmatch(value) is None:
        raise ValueError(f"{name} a sender of up to 11 letters, digits and signs, or 15 digits, without blanks")
    return value


def _rate(name: str, value: str) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= MOST_RATE:
        raise ValueError(f"{name} a rate above 0, in messages a second")
    return rate


def _guests(name: str, value: str) -> Guests:
    try:
        return guests.read(value if "/" in value else value.removeprefix("+").replace("+", ","), f"the key {name}")
    except ValueError as error:
        raise ValueError(f"{name} guests such as guests=+79991234567+79997654321: {error}") from None


def _may(name: str, value: str) -> frozenset[str]:
    words = frozenset(value.split("+"))
    if not words <= set(MAY):
        raise ValueError(f"{name} what it may do, of {', '.join(MAY)}")
    return words


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "lane": _one_of(*SENDING),
    "sender": _sender,
    "charset": _one_of(*CHARSETS),
    "rate": _rate,
    "may": _may,
    "guests": _guests,
}
