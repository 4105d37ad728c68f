"""Opt-outs in plain values: whom not to write to, from which sender or about what, and how replies say so.

An entry is for one recipient in one scope: everything, one sender, or one topic. Its name in the ledger is the scope
and the recipient, or a keyed hash in the recipient's place if the recipient was forgotten.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.recipient import Recipient, answered, key_of, written

HASHED: Final = "~"  # before a keyed hash; no recipient begins so and has no @
LONGEST_REASON = 200
LONGEST_SENDER = 64
_TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_HASH = re.compile(rf"{HASHED}[0-9a-f]{{32}}")

# Replies that opt out, and those that opt in again, by language. Only a whole message counts, not "stop by at nine".
STOP_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("stop", "stop all", "stopall", "unsubscribe", "cancel", "end", "quit", "opt out", "optout", "remove me"),
    "ru": ("стоп", "отписка", "отписаться", "отпишите", "отпишите меня", "не надо", "отказ", "отказаться",
           "не пишите", "не присылайте", "хватит"),
    "uk": ("стоп", "відписка", "відписатися", "відписатись", "не треба", "відмова", "відмовитись", "відпишіть",
           "не пишіть", "досить"),
    "kk": ("стоп", "тоқта", "тоқтату", "керек емес", "бас тарту", "жазылымнан шығу", "тоқтатыңыз"),
}  # fmt: skip
START_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "en": ("start", "unstop", "subscribe", "opt in"),
    "ru": ("старт", "подписка", "подписаться"),
    "uk": ("старт", "підписка", "підписатися", "підписатись"),
    "kk": ("старт", "жазылу"),
}
_STOP = frozenset(word for words in STOP_WORDS.values() for word in words)
_START = frozenset(word for words in START_WORDS.values() for word in words)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an opt-out is from: one sender, one topic, or everything if both are ''."""

    sender: str = ""
    topic: str = ""

    @classmethod
    def of(cls, sender: str | None = None, topic: str | None = None) -> Scope:
        """Read a scope; raises BadInput for both at once, or for what can be neither."""
        if sender and topic:
            raise BadInput("an opt-out is from a sender or from a topic: give one of them, or none for everything")
        if sender is not None and not sender.strip() and topic is None:
            raise BadInput("the sender is empty: leave it out for an opt-out from everything")
        named = sender_of(sender)
        if len(named) > LONGEST_SENDER or not named.isprintable():
            raise BadInput(f"a sender is a name or a number of at most {LONGEST_SENDER} characters")
        return cls(named, topic_of(topic) if topic is not None else "")

    @property
    def name(self) -> str:
        """How the ledger writes it."""
        return f"s={self.sender}" if self.sender else f"t={self.topic}" if self.topic else "*"

    def __str__(self) -> str:
        return f"sender {self.sender}" if self.sender else f"topic {self.topic}" if self.topic else "everything"


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """One entry. `recipient` is None if it was forgotten; `key` then is its keyed hash. `at` is Unix seconds."""

    key: str = field(repr=False)
    scope: Scope = EVERYTHING
    reason: str = ""
    at: float = 0.0

    @property
    def recipient(self) -> Recipient | None:
        """Whom it is for, None if that was forgotten."""
        return None if self.key.startswith(HASHED) else answered(self.key)

    @property
    def shown(self) -> str:
        """The recipient for a person's own list: `+7…`, an address, or its hash."""
        recipient = self.recipient
        return self.key if recipient is None else written(recipient)


def entry_name(scope: Scope, key: str) -> str:
    """The name of an entry in the ledger."""
    return f"{scope.name}:{key}"


def parse_name(name: str) -> tuple[Scope, str]:
    """What `entry_name` wrote."""
    scope, _, key = name.rpartition(":")
    kind, _, value = scope.partition("=")
    return Scope(value if kind == "s" else "", value if kind == "t" else ""), key


def names_for(key: str, sender: str, topic: str) -> Iterator[str]:
    """The names of all entries that keep a message of this sender and topic from a recipient."""
    yield f"*:{key}"
    if sender:
        yield f"s={sender}:{key}"
    if topic:
        yield f"t={topic}:{key}"


def plain_key(recipient: Recipient) -> str:
    """The recipient as names of entries have it."""
    return key_of(recipient).decode()


def is_hash(written: str) -> bool:
    """Whether this is the keyed hash of a forgotten recipient, as `export` writes it."""
    return _HASH.fullmatch(written) is not None


def sender_of(sender: str | None) -> str:
    """A sender as opt-outs compare it: letters in one case, no blanks around; '' for the account's own.

    >>> sender_of(" Shop "), sender_of(None)
    ('shop', '')
    """
    return (sender or "").strip().lower()


def topic_of(topic: str) -> str:
    """A topic in its one form; raises BadInput.

    >>> topic_of("News")
    'news'
    """
    told = topic.strip().lower()
    if _TOPIC.fullmatch(told) is None:
        raise BadInput(
            f"a topic is a word of at most 32 Latin letters, digits, - and _, such as news or new-arrivals; {topic!r} "
            "is none"
        )
    return told


def reason_of(reason: str) -> str:
    """A reason in one line; raises BadInput if it is too long."""
    told = " ".join(reason.split())
    if len(told) > LONGEST_REASON:
        raise BadInput(f"a reason has at most {LONGEST_REASON} characters; this one has {len(told)}")
    return "".join(char for char in told if char.isprintable())


def reply_of(text: str) -> str:
    """What a whole reply asks for: `stop`, `start`, or '' for anything else.

    >>> reply_of(" СТОП!! "), reply_of("Не надо."), reply_of("start"), reply_of("stop by at nine")
    ('stop', 'stop', 'start', '')
    """
    told = _tidied(text)
    return "stop" if told in _STOP else "start" if told in _START else ""


def _tidied(text: str) -> str:
    """Letters in one case and form, one blank between words, no punctuation or symbols; hyphens are blanks."""
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text[:500]).casefold()).replace("ё", "е")
    kept = "".join(
        char if unicodedata.category(char)[0] in "LMN" else "" if unicodedata.category(char) == "Cf" else " "
        for char in plain
    )
    return " ".join(kept.split())
