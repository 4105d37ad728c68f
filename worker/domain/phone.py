"""A phone: a number that can be dialled, kept as an integer of its international digits.

Every phone comes through `parse`; no other code checks one again. First the digits are read. Only digits and the usual
punctuation are accepted, since keypad letters, extensions and a float's decimals would make other people's numbers (the
library reads all of them). Then exactly the numbers are accepted that phonenumberslite calls valid (libphonenumber's
rules), with `00` for the `+`. The short way for the numbering plan of +7 gives the same answer sooner (under 1 µs, not
60), and tests compare it with the library. No sentence here repeats a whole phone.
"""

from __future__ import annotations

import re
import unicodedata
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
_LONGEST = 80  # characters; anything longer is no phone, nor two
_MOST_DIGITS = 15  # of a phone, without its international prefix (E.164)
_LEAST_DIGITS = 7  # of what is taken for a second number, not for a group of the first

# Dashes, brackets and pluses that other scripts and word processors write, as ASCII has them.
_PLAINER = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\uff0d", "-")
    | {
        "\uff0b": "+",
        "\uff08": "(",
        "\uff09": ")",
        "\uff3b": "[",
        "\uff3d": "]",
        "\uff0e": ".",
        "\uff0c": ",",
        "\uff0f": "/",
    }
)
# Allowed around a number: blanks, a spreadsheet's apostrophe, quotes.
_EDGES = " \t\r\n\u00a0\u202f'\"`\u2018\u2019\u201c\u201d\u00ab\u00bb"
_AS_TEXT = re.compile(r'="([^"]*)"')  # how a spreadsheet is told to keep a number as it is written
_SCHEME = re.compile(r"tel:\s*", re.IGNORECASE)  # a link's (RFC 3966); its digits are judged as any others
_POWER = re.compile(r"\+?\d+(?:[.,]\d+)?\s*[eE\u0435\u0415]\s*\+?\d{1,2}")
_DECIMALS = re.compile(r"([^.]*)\.(0+|\d)|([^,]*),(0+|\d)")  # one point or comma, and zeros or a single digit behind it
_THOUSANDS = re.compile(r"\+?\d{1,3}(?:,\d{3})+")
_USUAL = re.compile(r"[\s(\[]*\+?[\d\s()\[\].-]*(?:/(?=(?:\D*\d){4})[\d\s().-]*)?")  # a slash ends an area code at most
_DIGITS = "0123456789"
_NO_DIGIT = re.compile(r"\D+")
_RUN = re.compile(r"\+?\d[\d\s().\[\]-]*")
_EXTENSION = re.compile(
    r"(?:\D*\d){7}.*?(?:ext\w*|\u0434\u043e\u0431\w*|\u0432\u043d\w*|[x\u0445#,;*])[\W_]*\d{1,7}\W*", re.IGNORECASE
)


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
    """The same for every way of writing and, by the library, for every country."""
    digits = _digits(written)
    if digits != written:
        return parse(digits, region)
    if (phone := _by_library(digits, region)) is not None:
        return phone
    if digits.startswith("00") and len(digits) > len("00") + _LEAST_DIGITS:  # most of the world dials this for the +
        digits = "+" + digits[2:]
        if (phone := _by_library(digits, region)) is not None:
            return phone
    raise BadPhone(_why_not(digits, region))


def _by_library(digits: str, region: str) -> Phone | None:
    """What digits, perhaps with a + in front, are in a region; None for no valid number."""
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return Phone(int(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]))


def _digits(written: str) -> str:
    """The digits of what is written as one phone, behind their + if there is one; raises BadPhone for anything else."""
    text = "".join(char for char in written if unicodedata.category(char) != "Cf")  # invisible characters
    if told := _AS_TEXT.fullmatch(text.strip()):
        text = told[1]
    text = _SCHEME.sub("", text.strip(_EDGES), count=1).strip(_EDGES)
    if not text:
        raise BadPhone("no phone number is given")
    if len(text) > _LONGEST:
        raise BadPhone(f"this is {len(text)} characters long, and no phone number is")
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(char, char)) for char in text.translate(_PLAINER))
    if _POWER.fullmatch(text):
        raise BadPhone(
            "a spreadsheet has shortened this number: format the column as text, or as a number without decimals"
        )
    text = _whole(text)
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    digits = _NO_DIGIT.sub("", text)
    if _USUAL.fullmatch(text) is None or len(digits) > _MOST_DIGITS:
        _refuse_strange(text)
    if not digits:
        raise BadPhone("this is not a phone number")
    return "+" + digits if "+" in text else digits


def _whole(text: str) -> str:
    """A number without the decimals that a program wrote because it took it for a float."""
    found = _DECIMALS.fullmatch(text)
    if found is None:
        return text
    before, decimals = (found[1], found[2]) if found[2] else (found[3], found[4])
    if decimals.strip("0"):
        raise BadPhone("this is a number with a fraction, not a phone")
    return before


def _refuse_strange(text: str) -> None:
    """Raise BadPhone that names what is not a part of one phone; returns if there are only too many digits."""
    if len(numbers := _numbers_in(text)) > 1:
        raise BadPhone(f"there are two numbers here, give one: {masked(numbers[0])} and {masked(numbers[1])}")
    if _EXTENSION.fullmatch(text):
        raise BadPhone("there is an extension after this number: no text reaches one, write the number alone")
    if any(char.isalpha() for char in text):
        if any(char in _DIGITS for char in text):
            raise BadPhone("there are letters in this phone: write its digits")
        raise BadPhone("this is not a phone number")
    strange = sorted({char for char in text if not (char.isspace() or char in _DIGITS + "+-()[].")})
    if strange or _USUAL.fullmatch(text) is None:
        what = " ".join(char if char.isprintable() else f"U+{ord(char):04X}" for char in strange) or "a + elsewhere"
        raise BadPhone(f"a phone is digits with a + in front, perhaps spaces and dashes; this one has {what}")


def _numbers_in(text: str) -> list[str]:
    """The digits of each number in a text that is not a single one."""
    runs = [_NO_DIGIT.sub("", run) for run in _RUN.findall(text)]
    runs = [run for run in runs if len(run) >= _LEAST_DIGITS]
    if len(runs) == 1 and len(runs[0]) > _MOST_DIGITS:  # perhaps two with nothing but a blank between them
        words = [word for word in _NO_DIGIT.split(text) if word]
        for place in range(1, len(words)):
            halves = ["".join(words[:place]), "".join(words[place:])]
            if all(10 <= len(half) <= _MOST_DIGITS for half in halves):
                return halves
    return runs


def _why_not(digits: str, region: str) -> str:
    """A sentence for digits that are no valid number."""
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException as error:
        return _why_unreadable(error.error_type, region)
    return _why_invalid(digits, number)


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
    """The phone as logs may show it: `7999***4567`."""
    shown = str(phone).lstrip("+")
    return f"{shown[:4]}***{shown[-4:]}" if len(shown) >= 10 else "***"


def without_numbers(sentence: str) -> str:
    """A sentence of this file without the masked phones that it names, so that rows with one reason are counted as one.

    >>> without_numbers("two numbers stand here, one is wanted: 7999***4567 and ***")
    'two numbers stand here, one is wanted'
    """
    return sentence.partition(":")[0] if "***" in sentence else sentence
