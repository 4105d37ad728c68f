"""A one-time code: how it is made, sent, read back and judged. Pure: no clock, no key of its own, no store.

The digits are never stored. They are derived from a random salt and the installation's secret, so that a second message
or another channel can send the same code.
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from smsq.worker.domain.errors import BadChannel, BadInput, BadLength, BadTemplate, BadTtl, BadWait, NoChannel
from smsq.worker.domain.text import tidied

SHORTEST, LONGEST = 4, 8  # digits; Telegram takes no others (PROTOCOL B.1, parameter tg)
LEAST_TTL_S, MOST_TTL_S = 1.0, 86_400.0  # operators try for a day at most (PROTOCOL B.1, parameter valid)
LONGEST_PURPOSE = 64
LONGEST_TYPED = 64  # characters; more is no code, whatever stands in between
PURPOSE = "login"  # the default, the same when a code is sent and when it is checked
LEAST_WAIT_S, LONGEST_WAIT_S = 1.0, 3600.0
MOST_CHANNELS = 5

# The default texts, each short enough for one part in its alphabet.
TEMPLATES = {
    "en": "Your code is {code}. Do not tell it to anyone.",
    "ru": "Ваш код: {code}. Никому его не говорите.",
    "kk": "Сіздің кодыңыз: {code}. Оны ешкімге айтпаңыз.",
}
DEFAULT_LOCALE = "en"
# By the beginning of a phone, the longest that fits: Kazakhstan is +76 and +77, the rest of +7 is Russia.
LOCALES = {"76": "kk", "77": "kk", "7": "ru", "375": "ru", "996": "ru"}
_FIELDS = frozenset({"code", "minutes", "purpose"})
_PURPOSE = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_WRITTEN_BETWEEN = re.compile(r"[\s.·_\-\u2010-\u2015\u2212]+")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_WAIT = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|min)?", re.ASCII)
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0}


class Verdict(StrEnum):
    """The answer to a try. Only RIGHT may let a person in, and it is given once per code."""

    RIGHT = "right"
    WRONG = "wrong"
    EXPIRED = "expired"
    USED = "used"
    LOCKED = "locked"  # too many wrong tries
    UNKNOWN = "unknown"  # no such code, or no longer remembered


@dataclass(frozen=True, slots=True)
class Step:
    """One channel of a code, and how long it is waited for before the next is tried."""

    channel: str
    wait_s: float = field(default=0.0)


def check_length(length: int) -> None:
    """Raise BadLength for a number of digits that a code cannot have."""
    if isinstance(length, bool) or not isinstance(length, int) or not SHORTEST <= length <= LONGEST:
        raise BadLength(f"a code has from {SHORTEST} to {LONGEST} digits, not {length!r}")


def check_ttl(ttl_s: float) -> None:
    """Raise BadTtl for a lifetime that a code cannot have."""
    is_number = isinstance(ttl_s, int | float) and not isinstance(ttl_s, bool) and math.isfinite(ttl_s)
    if not is_number or not LEAST_TTL_S <= ttl_s <= MOST_TTL_S:
        raise BadTtl(f"a code lives for {LEAST_TTL_S:g} to {MOST_TTL_S:g} seconds, not {ttl_s!r}")


def check_purpose(purpose: str) -> None:
    """Raise BadInput if this cannot name a purpose."""
    if not isinstance(purpose, str) or _PURPOSE.fullmatch(purpose) is None:
        raise BadInput(f"a purpose is a word or a few, up to {LONGEST_PURPOSE} characters")


def steps_of(channels: str) -> tuple[Step, ...]:
    """The channels of `sms` or `sms:20s,tg:20s,call`, in order; raises BadChannel."""
    if not channels.strip(" ,"):
        raise NoChannel("a code needs at least one channel, such as sms, or sms:20s,call")
    found = []
    for each in channels.split(","):
        name, colon, wait = each.partition(":")
        if _NAME.fullmatch(name.strip()) is None:
            raise BadChannel(f"channels look like sms or sms:20s,call, not {channels!r}")
        found.append(Step(name.strip(), _wait_s(wait.strip()) if colon else 0.0))
    names = [step.channel for step in found]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise BadChannel(f"{twice} is listed twice: each channel is tried once, and again only if the person asks")
    if len(found) > MOST_CHANNELS:
        raise BadChannel(f"a code takes {MOST_CHANNELS} channels at most")
    if any(not step.wait_s for step in found[:-1]):
        raise BadWait(f"say how long each channel but the last is waited for, as in sms:20s,call: {channels!r}")
    return tuple(found)


def _wait_s(written: str) -> float:
    """Seconds of `20s`, `1.5m` or plain `20`."""
    read = _WAIT.fullmatch(written)
    wait_s = float(read[1]) * _UNITS[read[2] or ""] if read else 0.0
    if not LEAST_WAIT_S <= wait_s <= LONGEST_WAIT_S:
        raise BadWait(f"a channel is waited for from a second to an hour, such as 20s or 2m, not {written!r}")
    return wait_s


def written(steps: tuple[Step, ...]) -> str:
    """Steps as `steps_of` reads them."""
    return ",".join(f"{step.channel}:{step.wait_s:g}s" if step.wait_s else step.channel for step in steps)


def locale_of(phone: int) -> str:
    """The language of a phone's country, among those there are templates in."""
    digits = str(phone)
    return next((LOCALES[digits[:n]] for n in (3, 2, 1) if digits[:n] in LOCALES), DEFAULT_LOCALE)


def template_of(phone: int, locale: str | None, template: str | None) -> str:
    """The text with its `{code}` still open; raises BadTemplate, and BadInput for a language that is missing."""
    if template is None:
        if locale is not None and not (isinstance(locale, str) and locale in TEMPLATES):
            raise BadInput(f"there is no text in {locale!r}; there are {', '.join(TEMPLATES)}, or give a template")
        return TEMPLATES[locale or locale_of(phone)]
    if not isinstance(template, str):
        raise BadTemplate("a template is a text that holds {code}")
    template = tidied(template)
    try:
        names = [name for _, name, spec, way in string.Formatter().parse(template) if name is not None]
        plain = all(not spec and not way for _, name, spec, way in string.Formatter().parse(template))
    except ValueError:
        raise BadTemplate(
            "braces in a template come in pairs; write a brace twice if you mean the brace itself"
        ) from None
    if names.count("code") != 1 or not _FIELDS.issuperset(names) or not plain:
        raise BadTemplate("a template holds {code} once; beside it only {minutes} and {purpose} are filled in")
    return template


def render(template: str, code: str, *, ttl_s: float, purpose: str) -> str:
    """The text of a message; `ttl_s` is how long the code has left when it goes."""
    minutes = max(1, math.ceil(round(ttl_s, 3) / 60))
    return template.format(code=code, minutes=minutes, purpose=purpose)


def derive(secret: bytes, length: int) -> str:
    """`length` digits out of 32 secret bytes; each code is as likely as any other."""
    return f"{int.from_bytes(secret, 'big') % 10**length:0{length}d}"


def read_back(typed: str) -> str:
    """The digits a person meant: without spaces, dashes and invisible characters, in any script; '' for no code.

    >>> read_back(" 48-21 "), read_back("٤٨٢١"), read_back("48a1")
    ('4821', '4821', '')
    """
    if len(typed) > LONGEST_TYPED:
        return ""
    digits = [unicodedata.decimal(char, None) for char in _WRITTEN_BETWEEN.sub("", _seen(typed))]
    return "" if None in digits else "".join(map(str, digits))


def is_empty(typed: str) -> bool:
    """Whether a person typed nothing, or only blanks and characters that nobody sees.

    >>> is_empty(" "), is_empty("-")
    (True, False)
    """
    return len(typed) <= LONGEST_TYPED and not _seen(typed).strip()


def _seen(typed: str) -> str:
    return "".join(char for char in typed if unicodedata.category(char) != "Cf")  # marks of direction among others


def valid_for(seconds: float) -> str:
    """A lifetime as the gateway takes it (PROTOCOL B.1, parameter valid): hours and minutes, rounded up.

    >>> valid_for(300), valid_for(1), valid_for(86400)
    ('00:05', '00:01', '24:00')
    """
    minutes = min(24 * 60, max(1, math.ceil(round(seconds, 3) / 60)))
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
