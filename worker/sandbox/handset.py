"""The fate of a message after the gateway accepted it: when it is delivered, and how it ends.

A fate depends on the phone and the seed alone, so that a run can be repeated and a test can tell in advance what a
number will do. There is no clock here: ages are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from smsq.worker.domain.errors import BadSettings
from smsq.worker.sandbox.profile import Profile

NOT_FOUND = -3
WAITING = -1
HANDED_OVER = 0
DELIVERED = 1
EXPIRED = 3
UNDELIVERABLE = 20
WRONG_NUMBER = 22

ABSENT_SUBSCRIBER = 1  # delivery error: the subscriber does not exist
OFFLINE = 6
NO_SERVICE = 21
NO_ANSWER = 237
BUSY = 240
NOT_SPOKEN = 241
MACHINE = 242
WRONG_FORMAT = 249

NEVER = float("inf")

# How a message may be told to end (`Profile.scripted`): status code and delivery error; None: nothing is ever heard.
SCRIPTED: dict[str, tuple[int, int] | None] = {
    "delivered": (DELIVERED, 0),
    "undeliverable": (UNDELIVERABLE, ABSENT_SUBSCRIBER),
    "expired": (EXPIRED, OFFLINE),
    "no_telegram": (UNDELIVERABLE, NO_SERVICE),
    "no_answer": (UNDELIVERABLE, NO_ANSWER),
    "busy": (UNDELIVERABLE, BUSY),
    "not_spoken": (UNDELIVERABLE, NOT_SPOKEN),
    "machine": (UNDELIVERABLE, MACHINE),
    "silent": None,
}
# What a share of failures (`Profile.undeliverable`) means by each channel.
_FAILURE = {"tg": NO_SERVICE, "call": NO_ANSWER, "viber": NO_SERVICE, "whatsapp": NO_SERVICE, "soc": NO_SERVICE}
_FAILURE |= {"bot": NO_SERVICE, "mms": NO_SERVICE}

_ADDRESS = re.compile(r"[^\s@,;]{1,64}@[^\s@,;]+\.[^\s@,;.]{2,}")
_NICK = re.compile(r"@[A-Za-z][A-Za-z0-9_]{2,31}|#[0-9]{1,18}", re.ASCII)
_SPREAD = 0x9E3779B97F4A7C15  # the golden ratio in 64 bits: neighbouring numbers land far apart
_MASK = (1 << 64) - 1


class Fate(NamedTuple):
    """How a message ends: so many seconds after acceptance, with this status code and delivery error."""

    after_s: float
    code: int
    err: int


class Standing(NamedTuple):
    """The status of a message now: code, delivery error, and seconds after acceptance of the last change."""

    code: int
    err: int
    after_s: float


@dataclass(frozen=True, slots=True)
class Handsets:
    """The rule for all handsets."""

    profile: Profile

    def __post_init__(self) -> None:
        """Raise BadSettings for a wrong script."""
        for key, name in self.profile.scripted.items():
            if ":" not in key or name not in SCRIPTED:
                raise BadSettings(f"`channel:ending` ends as one of {', '.join(SCRIPTED)}, not {key!r} as {name!r}")

    def fate(self, phone: str, channel: str = "sms") -> Fate:
        """How a message to this recipient will end; one that the channel cannot have ends as such."""
        profile = self.profile
        if not recipients_of(channel)(phone):
            return Fate(0.0, WRONG_NUMBER, WRONG_FORMAT)
        number = int(phone) if phone.isdigit() else crc32(phone.casefold().encode())
        drawn = _draw(number, profile.seed + _seed(channel))
        share, pace = (drawn >> 32) / 2**32, (drawn & 0xFFFFFFFF) / 2**32
        soonest, latest = profile.deliver_after_s
        after_s = soonest + (latest - soonest) * pace
        if profile.scripted and (script := self._script(phone, channel)):
            end = SCRIPTED[script]
            return Fate(NEVER, HANDED_OVER, 0) if end is None else Fate(after_s, *end)
        if share < profile.undeliverable:
            return Fate(after_s, UNDELIVERABLE, _FAILURE.get(channel, ABSENT_SUBSCRIBER))
        if share < profile.undeliverable + profile.expire:
            return Fate(profile.expire_after_s, EXPIRED, OFFLINE)
        return Fate(after_s, DELIVERED, 0)

    def _script(self, phone: str, channel: str) -> str:
        """The longest ending that fits, '' if none does."""
        fitting = [
            (len(ending), name)
            for way, _, ending, name in ((*key.partition(":"), name) for key, name in self.profile.scripted.items())
            if way == channel and phone.endswith(ending)
        ]
        return max(fitting)[1] if fitting else ""

    def standing(self, phone: str, age_s: float, channel: str = "sms") -> Standing:
        """The status of a message to this phone `age_s` seconds after it was accepted."""
        fate = self.fate(phone, channel)
        if age_s >= fate.after_s:
            return Standing(fate.code, fate.err, fate.after_s)
        if age_s >= self.profile.handover_after_s:
            return Standing(HANDED_OVER, 0, self.profile.handover_after_s)
        return Standing(WAITING, 0, 0.0)

    def slowest_s(self) -> float:
        """No message is undecided for longer than this."""
        profile = self.profile
        return max(*profile.deliver_after_s, profile.expire_after_s if profile.expire else 0.0)


def is_number(phone: str) -> bool:
    """Whether these digits can be an international phone number."""
    return 8 <= len(phone) <= 15 and phone.isascii() and phone.isdigit() and phone[0] != "0"


def is_address(recipient: str) -> bool:
    """Whether this can be a mail address."""
    return _ADDRESS.fullmatch(recipient) is not None


def is_contact(recipient: str) -> bool:
    """Whether this is a phone, or a nick or number of Telegram (gateway manual, parameter phones)."""
    return _NICK.fullmatch(recipient) is not None or is_number(recipient)


def recipients_of(channel: str) -> Callable[[str], bool]:
    """Whom a channel can reach."""
    return _RECIPIENTS.get(channel, is_number)


_RECIPIENTS = {"mail": is_address, "tg": is_contact, "bot": is_contact}


@lru_cache(maxsize=16)
def _seed(channel: str) -> int:
    """The seed of a channel: phones unreachable by one may be reached by another; SMS keeps the profile's seed."""
    return 0 if channel == "sms" else crc32(channel.encode())


def _draw(phone: int, seed: int) -> int:
    """64 well-mixed bits for a phone (the finisher of splitmix64)."""
    mixed = (phone + seed * _SPREAD) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)
