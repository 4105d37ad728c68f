"""A phone: a number that can be dialled, kept as an integer of its international digits.

`parse` is the only door: past it nobody checks a phone again. What it accepts is exactly what
phonenumberslite calls valid (libphonenumber's rules); the short way through for the numbering
plan of +7 only gives the same answer sooner (under 1 µs instead of 60), and the tests hold it
against the library.
"""

from __future__ import annotations

from typing import NewType

import phonenumbers

from smsq.worker.domain.errors import BadPhone

Phone = NewType("Phone", int)

# Area codes of +7 in which every seven-digit number is valid, as libphonenumber 9.0 has them:
# Russian mobile, Russian landline, Kazakh mobile. A code that is valid only in part (930, the
# Kazakh landlines) is left to the library.
_WHOLE_CODES = (
    *(str(code) for code in range(900, 1000) if code != 930),
    *"301 302 336 341 342 343 345 346 347 349 351 352 353 365 381 385 388 390 391 394 395".split(),
    *"401 411 413 415 416 421 423 424 426 427 471 472 473 474 475 481 482 483 484 485 486 487".split(),
    *"491 492 493 494 495 496 498 499".split(),
    *"700 701 702 705 706 707 708 747 760 761 762 763 764 771 775 776 777 778 785".split(),
)
_AFTER_PLUS = frozenset("+7" + code for code in _WHOLE_CODES)
# In Russia the same number is also written with 7 and no plus, and with the trunk prefix 8.
_AT_HOME = frozenset(first + code for first in "78" for code in _WHOLE_CODES)
_LONGEST = 40  # characters; anything longer is not a phone, and the library need not look at it


def parse(written: str, region: str = "RU") -> Phone:
    """The phone meant by `written`; raises BadPhone with the reason.

    A number without `+` is read as people in `region` (ISO 3166 letters) write it, so `8 999 …` in RU is
    `+7 999 …`. A landline is a valid phone: only the gateway knows which of them take texts.
    """
    if not isinstance(written, str):
        raise BadPhone("a phone is written as text")
    if written.isdigit() or (len(written) == 12 and written[0] == "+"):
        digits = written
    else:  # four replacements take a third of the time that one `translate` does
        digits = written.replace(" ", "").replace("-", "").replace("(", "").replace(")", "")
    if len(digits) == 11:
        if digits[:4] in _AT_HOME and region == "RU" and digits.isascii() and digits.isdigit():
            return Phone(int(digits) if digits[0] == "7" else int(digits) - 10_000_000_000)
    elif len(digits) == 12 and digits[:5] in _AFTER_PLUS and digits.isascii() and digits[1:].isdigit():
        return Phone(int(digits))
    return _parse_slowly(written, region)


def _parse_slowly(written: str, region: str) -> Phone:
    """The same by the library, which knows every country."""
    if not written.strip():
        raise BadPhone("no phone number is given")
    if len(written) > _LONGEST:
        raise BadPhone(f"this is {len(written)} characters long, no phone number is")
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException as error:
        raise BadPhone(_why_unreadable(error.error_type, region)) from None
    if not phonenumbers.is_valid_number(number):
        raise BadPhone(_why_invalid(written, number))
    return Phone(int(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]))


def _why_unreadable(kind: int, region: str) -> str:
    """A sentence for each way in which the library gives up reading."""
    if kind == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
        if region not in phonenumbers.SUPPORTED_REGIONS:
            return f"no country is called {region!r}: give its two letters, such as RU"
        return "no country has this code after the +"
    if kind == phonenumbers.NumberParseException.TOO_LONG:
        return "too many digits for a phone number"
    if kind == phonenumbers.NumberParseException.NOT_A_NUMBER:
        return "this is not a phone number"
    return "too few digits for a phone number"


def _why_invalid(written: str, number: phonenumbers.PhoneNumber) -> str:
    """A sentence for a number that can be read and does not exist."""
    reason = phonenumbers.is_possible_number_with_reason(number)
    where = f"for a number of +{number.country_code}"
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        sentence = f"too few digits {where}"
    elif reason == phonenumbers.ValidationResult.INVALID_LENGTH:
        sentence = f"a wrong number of digits {where}"
    elif reason == phonenumbers.ValidationResult.TOO_LONG:
        sentence = f"too many digits {where}"
    else:
        sentence = f"no such number exists under +{number.country_code}"
    if "+" not in written:
        sentence += "; a number of another country needs its + in front"
    return sentence


def masked(phone: int | str) -> str:
    """The phone as it may stand in a log: `7999***4567`."""
    shown = str(phone).lstrip("+")
    return f"{shown[:4]}***{shown[-4:]}" if len(shown) >= 10 else "***"
