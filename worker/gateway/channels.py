"""The ways a message can travel: the request fields that choose each, and the texts that each takes.

Adding a channel is adding a row; nothing else asks which channel it is. Viber, e-mail, HLR and the others
of the gateway's manual (PROTOCOL B.1) have no row yet, so that nobody can choose them by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smsq.worker.domain import text as texts
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.gateway import extras

# The gateway would make up a code of its own, ring once from a number that ends in it, and tell us (PROTOCOL B.1).
MAGIC_WORD = "code"

_CODE = re.compile(r"\d{4,8}", re.ASCII)
_VOICE = re.compile(r"(?:m[2-4]?|w[2-4]?)(?:,[a-z]{2})?", re.ASCII)
_PARAM = re.compile(r"(1\d|2\d|3[0-5]),(\d{2,4}),([1-9])", re.ASCII)


def _check_code(text: str) -> None:
    """Telegram takes a code and nothing else (PROTOCOL B.1, tg)."""
    if _CODE.fullmatch(text) is None:
        raise BadText("a Telegram code is 4 to 8 digits and nothing else")


def _check_speech(text: str) -> None:
    """What is read aloud is any text but the gateway's own word."""
    texts.check(text)
    if text.strip().casefold() == MAGIC_WORD:
        raise BadText(
            f"the text of a call is not the word {MAGIC_WORD!r} alone: the gateway would say a code of its own"
        )


def _one(text: str) -> int:
    """One, however long: these are not charged by the length of what is on the air."""
    return 1


def _voice(value: str) -> str:
    return "" if _VOICE.fullmatch(value) else "a voice is m, m2, m3, m4, w, w2, w3 or w4, with a language: w,en"


def _param(value: str) -> str:
    found = _PARAM.fullmatch(value)
    fits = found is not None and 10 <= int(found[2]) <= 3600
    return "" if fits else "a call's param is ring time 10-35 s, pause 10-3600 s, attempts 1-9, such as 25,60,2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel: its name in options and metrics, and what is particular to it.

    `fields` are what a request for it carries. `check` raises BadText for a text that it does not take, `parts` is
    what we count a text as. `extras` are optional fields that only this channel has; each gives the sentence that
    is wrong with a value, or ''. `type` is the gateway's number for it in statuses, None if the manual has none.
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
    """The same for the names alone: what makes something else of a message never leaves, whenever it was enrolled."""
    for name in extra:
        if name in _CHOOSING:
            raise BadInput(f"the field {name!r} is not set by itself: choose the channel")
        for other in CHANNELS.values():
            if name in other.extras and other.name != row.name:
                raise BadInput(f"the field {name!r} is for the channel {other.name}, not for {row.name}")
        extras.check_name(name, row.extras)


def chosen(fields: Mapping[str, str]) -> list[str]:
    """The channels that a request's fields choose: the other half of `Channel.fields`; none of them means plain SMS."""
    return [
        row.name
        for row in CHANNELS.values()
        if row.fields and all(fields.get(name) == value for name, value in row.fields.items())
    ] or ["sms"]
