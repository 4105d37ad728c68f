"""What callers write, in the form that is kept of it: phones, words, moments and optional fields."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from smsq.worker.domain import phone as phones
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadPhone

LONGEST_CLIENT, LONGEST_KEY = 128, 1024
PLUS = "+\uff0b"
MARKS = frozenset(
    f"{PLUS}-().,/\u2010\u2011\u2012\u2013\u2014\u2212\u200b\u200e\u200f\u202a\u202c\u2060\ufeff"
)  # what address books write


def phone_of(written: object) -> int:
    """The phone that a program or a visitor's form gives for one message; raises BadPhone.

    A file's dirt is read past, but here letters are a mistake: nobody meant them to be dropped.
    """
    if isinstance(written, int) and 0 < written < 10**15:
        written = f"+{written}"
    if not isinstance(written, str):
        raise BadPhone(f"a phone is text such as +79161234567, or its digits as a number, not {type(written).__name__}")
    if any(char.isalpha() for char in written):
        number = phones.parse("".join(char for char in written if not char.isalpha()))  # what else is wrong comes first
        raise BadPhone(f"there are letters in this phone; without them it would be {phones.masked(number)}")
    strange = sorted({char for char in written if not (char.isdigit() or char.isspace() or char in MARKS)})
    if strange or sum(char in PLUS for char in written) > 1:
        what = " ".join(strange) or "more than one +"
        raise BadPhone(f"a phone is digits with a + in front, perhaps spaces and dashes; this one has {what}")
    return phones.parse(written)


def check_word(word: object, what: str, longest: int | None = None) -> None:
    """Raise BadInput for what is no text, is empty or too long, or cannot be written as UTF-8 (half of a character)."""
    if not isinstance(word, str) or not word.strip():
        raise BadInput(f"{what} is a word or a few, and is not empty")
    if longest is not None and len(word) > longest:
        raise BadInput(f"{what} has up to {longest} characters")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{what} holds half of a character") from None


def check_key(key: str | None) -> None:
    """Raise BadInput for what cannot make a repeat harmless."""
    if key is not None:
        check_word(key, "a key that makes a repeat harmless", LONGEST_KEY)


def check_client(client: str | None) -> None:
    """Raise BadInput for what cannot name who asks."""
    if client is not None:
        check_word(client, "a client, who asks,", LONGEST_CLIENT)


def with_fields(options: Options, **fields: str | None) -> Options:
    """The same options with those fields that are given; raises BadInput for what are no options."""
    if not isinstance(options, Options):
        raise BadInput(f"options are an Options, not {type(options).__name__}")
    given = {name: value for name, value in fields.items() if value is not None}
    return msgspec.structs.replace(options, **given) if given else options


def moment(at: datetime | str | None) -> str | None:
    """A moment in the gateway's own form: 0 and Unix seconds. Text is ISO 8601, local time unless it says otherwise.

    >>> moment(datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    '01795262400'
    """
    if at is None:
        return None
    return f"0{int(timestamp(at))}"


def timestamp(at: datetime | str) -> float:
    """Unix seconds of a moment; raises BadInput for what is none."""
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            raise BadInput(f"a moment looks like 2026-11-21T18:30, not {at!r}") from None
    return at.astimezone(UTC).timestamp()
