"""Read what callers give: phones, words, moments and optional fields."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from numbers import Integral
from typing import TypeGuard

import msgspec

from smsq.worker.domain import phone as phones
from smsq.worker.domain import recipient as recipients
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, BadPhone
from smsq.worker.domain.recipient import PHONES_ONLY, Recipient, RecipientKind
from smsq.worker.domain.shield import is_list_of_addresses

LONGEST_CLIENT, LONGEST_KEY = 128, 1024
LONGEST_NUMBER = 10**15  # no phone is longer (E.164)


def phone_of(written: object) -> int:
    """The phone that a program or a visitor's form gives for one message; raises BadPhone.

    The rule and its sentences are those of files: `smsq.worker.domain.phone.parse`.
    """
    return phones.parse(phone_text(written))


def recipient_of(written: object, kinds: Sequence[RecipientKind] = PHONES_ONLY) -> Recipient:
    """The recipient that a program gives for one message, of one of these kinds; raises BadPhone or BadAddress."""
    return recipients.parse(phone_text(written), tuple(kinds))


def phone_text(written: object, region: str = "RU") -> str:
    """What a program gives as a phone, as text; raises BadPhone if it is neither text nor a whole number.

    A number is read as its digits; digits that are no phone in `region` are taken for international ones.
    """
    if isinstance(written, str):
        return written
    if is_nothing(written):
        return ""
    if isinstance(written, bool) or not (isinstance(written, Integral) or is_whole(written)):
        raise BadPhone(f"a phone is a str such as +79161234567, or an int of its digits, not {type(written).__name__}")
    number = int(written)
    if not 0 < number < LONGEST_NUMBER:
        raise BadPhone("too many digits for a phone number" if number > 0 else "too few digits for a phone number")
    try:
        phones.parse(str(number), region)
    except BadPhone:
        return f"+{number}"
    return str(number)


def is_nothing(value: object) -> bool:
    """Whether this stands for a missing value: None, or the NaN, NaT and NA of data frames."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float | Decimal) and value != value


def is_whole(value: object) -> TypeGuard[float | Decimal]:
    """Whether this is a whole number as a float, as in a data frame's column with gaps: 79161234567.0."""
    return isinstance(value, float | Decimal) and -LONGEST_NUMBER < value < LONGEST_NUMBER and value % 1 == 0


def check_word(word: object, what: str, longest: int | None = None) -> None:
    """Raise BadInput if it is not text, is empty or too long, or cannot be UTF-8 (half of a character)."""
    if not isinstance(word, str) or not word.strip():
        raise BadInput(f"{what} is one word or a few, and is not empty")
    if longest is not None and len(word) > longest:
        raise BadInput(f"{what} has at most {longest} characters")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{what} holds half of a character (a lone surrogate)") from None


def check_key(key: str | None) -> None:
    """Raise BadInput if it cannot be a caller's key."""
    if key is not None:
        check_word(key, "a key", LONGEST_KEY)


def caller_key(key: str | None) -> str | None:
    """A caller's key as an enrolment key, kept apart from our own keys, such as that of a code's message."""
    return None if key is None else f"caller/{key}"


def check_client(client: str | None) -> None:
    """Raise BadInput if it cannot name a client."""
    if client is not None:
        check_word(client, "a client", LONGEST_CLIENT)
        if is_list_of_addresses(client):
            raise BadInput(
                "a client is one address, and this is a list: take the address that your own proxy added, since the "
                "visitor can write the others"
            )


def with_fields(options: Options, **fields: str | None) -> Options:
    """The same options with those fields that are given; raises BadInput if `options` are not `Options`."""
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
    """Unix seconds of a moment; raises BadInput if it is not a moment.

    A date alone is refused, since midnight is hardly meant. So is a time that a change of the clocks skips, and one
    that it repeats, unless an offset or the `fold` of a datetime says which.
    """
    written = at
    if isinstance(at, str):
        at = _read_moment(at.strip())
    if not isinstance(at, datetime):
        raise BadInput(f"a moment looks like 2026-11-21T18:30, not {written!r}")
    try:
        first, second = (at.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        meant = at.astimezone(UTC)
        shown = [moment.astimezone(at.tzinfo).replace(tzinfo=None, fold=0) for moment in (first, second)]
    except (OverflowError, ValueError, OSError):
        raise BadInput(f"{written!r} is out of range: a moment looks like 2026-11-21T18:30") from None
    naive = at.replace(tzinfo=None, fold=0)
    if naive not in shown:
        later, earlier = (moment.strftime("%H:%M") for moment in sorted(shown, reverse=True))
        raise BadInput(f"there is no {naive.isoformat(' ')}: the clocks go forward then; take {earlier} or {later}")
    if at.tzinfo is None and at.fold == 0 and shown[0] == shown[1] and first != second:
        ways = " or ".join(moment.astimezone().isoformat(timespec="minutes") for moment in (first, second))
        raise BadInput(f"{naive.isoformat(' ')} comes twice that day, since the clocks go back: write {ways}")
    return meant.timestamp()


def _read_moment(at: str) -> datetime:
    """ISO 8601 with a time of the day."""
    with contextlib.suppress(ValueError):
        date.fromisoformat(at)
        raise BadInput(f"{at} is a day without a time: a moment looks like 2026-11-21T18:30")
    try:
        return datetime.fromisoformat(at)
    except ValueError:
        raise BadInput(f"a moment looks like 2026-11-21T18:30, not {at!r}") from None
