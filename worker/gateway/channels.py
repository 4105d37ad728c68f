"""The table of channels: the request fields that choose each, and the texts that each accepts.

To add a channel, add a row. Viber, e-mail, HLR and the others of the gateway's manual (PROTOCOL B.1) have no row yet,
so that they cannot be chosen by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smsq.worker.domain import text as texts
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.gateway import extras

# The gateway would make up a code, ring once from a number that ends in it, and tell us the code (PROTOCOL B.1).
MAGIC_WORD = "code"

_CODE = re.compile(r"\d{4,8}", re.ASCII)
_VOICE = re.compile(r"(?:m[2-4]?|w[2-4]?)(?:,[a-z]{2})?", re.ASCII)
_PARAM = re.compile(r"(1\d|2\d|3[0-5]),(\d{2,4}),([1-9])", re.ASCII)


def _check_code(text: str) -> None:
    """Raise BadText unless it is a code: Telegram accepts nothing else (PROTOCOL B.1, tg)."""
    if _CODE.fullmatch(text) is None:
        raise BadText("a Telegram code is 4 to 8 digits and nothing else")


def _check_speech(text: str) -> None:
    """Raise BadText for the gateway's own word; any other text can be read aloud."""
    texts.check(text)
    if text.strip().casefold() == MAGIC_WORD:
        raise BadText(
            f"the text of a call is not the word {MAGIC_WORD!r} alone: the gateway would say a code of its own"
        )


def _one(text: str) -> int:
    """Always 1: these channels are not charged by length."""
    return 1


def _voice(value: str) -> str:
    return "" if _VOICE.fullmatch(value) else "a voice is m, m2, m3, m4, w, w2, w3 or w4, with a language: w,en"


def _param(value: str) -> str:
    found = _PARAM.fullmatch(value)
    fits = found is not None and 10 <= int(found[2]) <= 3600
    return "" if fits else "a call's param is ring time 10-35 s, pause 10-3600 s, attempts 1-9, such as 25,60,2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel: its name in options and metrics, and how it differs from others.

    `fields` choose it in a request. `check` raises BadText for a text that it does not accept; `parts` counts the parts
    of a text. `extras` are optional fields that only this channel has, each with a function that returns what is wrong
    with a value, or ''. `type` is the gateway's number for it in statuses, None if the manual has none.
    """

    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[str], None] = texts.check
    parts: Callable[[str], int] = texts.parts
    extras: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    type: int | None = None
    meaning: str = ""


# Chapters "sending" (PROTOCOL B.1) and "message types" (D.10) of the HTTP manual, read 2026-11-20.
CHANNELS: dict[str, Channel] = {
    row.name: row
    for row in (
        Channel(name="sms", type=0, meaning="a plain SMS"),
        Channel(name="tg", fields={"tg": "1"}, check=_check_code, parts=_one, meaning="a code in Telegram"),
        Channel(
            name="call",
            fields={"call": "1"},
            check=_check_speech,
            parts=_one,
            extras={"voice": _voice, "param": _param},
            type=7,
            meaning="a phone call in which the text is read aloud",
        ),
    )
}
_CHOOSING = frozenset(name for row in CHANNELS.values() for name in row.fields)


def channel(name: str) -> Channel:
    """The row of that name; raises BadInput naming the rows there are."""
    try:
        return CHANNELS[name]
    except (KeyError, TypeError):
        raise BadInput(f"there is no channel {name!r}; the channels are {', '.join(CHANNELS)}") from None


def check_extras(row: Channel, extra: Mapping[str, str]) -> None:
    """Raise BadInput for an extra field that would change the channel, is another channel's, or has a wrong value."""
    check_extra_names(row, extra)
    extras.check(extra, row.extras)


def check_extra_names(row: Channel, extra: Mapping[str, str]) -> None:
    """The same for the names only: a field that changes what is sent is refused whenever it was enrolled."""
    for name in extra:
        if name in _CHOOSING:
            raise BadInput(f"the field {name!r} is not set by itself: choose the channel")
        for other in CHANNELS.values():
            if name in other.extras and other.name != row.name:
                raise BadInput(f"the field {name!r} is for the channel {other.name}, not for {row.name}")
        extras.check_name(name, row.extras)


def chosen(fields: Mapping[str, str]) -> list[str]:
    """The channels that the fields of a request choose, the inverse of `Channel.fields`; none means plain SMS."""
    return [
        row.name
        for row in CHANNELS.values()
        if row.fields and all(fields.get(name) == value for name, value in row.fields.items())
    ] or ["sms"]
