"""The door for phones: the same answer as the library, sooner."""

from __future__ import annotations

import random
import re

import phonenumbers
import pytest

from smsq.worker.domain import phone as phones
from smsq.worker.domain.errors import BadPhone


def by_library(written: str, region: str = "RU") -> int | None:
    """What phonenumberslite alone makes of it; None for "not valid"."""
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return int(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:])


def by_us(written: str, region: str = "RU") -> int | None:
    try:
        return phones.parse(written, region)
    except BadPhone:
        return None


@pytest.mark.parametrize(
    "written",
    [
        "79991234567",
        "89991234567",
        "9991234567",
        "+79991234567",
        "8 (999) 123-45-67",
        "+7 999 123-45-67",
        " 7-999-1234567 ",
    ],
)
def test_every_russian_habit_is_the_same_phone(written: str) -> None:
    """However a Russian number is written, it is one phone."""
    assert phones.parse(written) == 79991234567


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "no phone"),
        ("   ", "no phone"),
        ("hello", "not a phone"),
        ("12", "too few"),
        ("+7999123", "too few"),
        ("+7999123456789", "number of digits"),
        ("+44791112345678", "too many"),
        ("380501234567", r"another country needs its \+"),
        ("+999123456789", "no country"),
        ("9" * 400, "400 characters"),
        ("79991234567\x00", None),
    ],
)
def test_a_bad_phone_is_refused_with_its_reason(written: str, reason: str | None) -> None:
    """What cannot be dialled is refused in a sentence, unless the library reads past the dirt."""
    if reason is None:
        assert by_us(written) == by_library(written)
        return
    with pytest.raises(BadPhone, match=reason):
        phones.parse(written)


def test_a_region_that_does_not_exist_is_named() -> None:
    """A wrong region is the caller's mistake, not the row's."""
    with pytest.raises(BadPhone, match="no country is called 'XX'"):
        phones.parse("9991234567", "XX")


def test_same_answer_as_the_library_for_every_country() -> None:
    """Example numbers of every region and kind, in three spellings, from two homes."""
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    forms = (
        phonenumbers.PhoneNumberFormat.E164,
        phonenumbers.PhoneNumberFormat.INTERNATIONAL,
        phonenumbers.PhoneNumberFormat.NATIONAL,
    )
    written = [
        phonenumbers.format_number(number, form)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in kinds
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None
        for form in forms
    ]
    expected = [(by_library(each), by_library(each, "KZ")) for each in written]

    assert len(written) > 1200
    assert [(by_us(each), by_us(each, "KZ")) for each in written] == expected


def test_same_answer_as_the_library_around_the_short_way() -> None:
    """Random numbers of +7 and dirt between their digits get the library's answer."""
    dice = random.Random(7)
    written = []
    for _ in range(1500):
        head = dice.choice(["7", "8", "+7", "+8", "", "9", "07", "++7", "7+"])
        body = "".join(dice.choices("0123456789", k=dice.choice([9, 10, 10, 10, 10, 11])))
        if dice.random() < 0.5:
            body = dice.choice("34789") + body[1:]
        dirt = dice.choice(["", "", " ", "-", "(", ")", " (", ".", "x", "/", "\t", "+", "²", "٣", "\u2011", "a"])
        at = dice.randrange(len(body) + 1)
        written.append(head + body[:at] + dirt + body[at:])

    assert [by_us(each) for each in written] == [by_library(each) for each in written]


def test_codes_of_the_short_way_are_valid_as_a_whole() -> None:
    """In each listed code every number matches the library's own patterns, by its first six digits."""
    from phonenumbers.phonemetadata import PhoneMetadata

    valid = {}
    for region in ("RU", "KZ"):
        meta = PhoneMetadata.metadata_for_region(region)
        kinds = (meta.fixed_line, meta.mobile, meta.toll_free, meta.premium_rate, meta.personal_number)
        patterns = [kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern]
        valid[region] = re.compile("|".join(f"(?:{pattern})" for pattern in patterns)).fullmatch
    wrong = [
        code + following
        for code in phones._WHOLE_CODES
        for following in map("{:03}".format, range(0, 1000, 7))
        if not valid["KZ" if code[0] == "7" else "RU"](code + following + "0000")
        or not valid["KZ" if code[0] == "7" else "RU"](code + following + "9999")
    ]

    assert wrong == []


def test_a_phone_in_a_log_is_masked() -> None:
    """Enough to tell two apart, too little to call."""
    phone = phones.parse("+7 999 123 45 67")

    assert phones.masked(phone) == "7999***4567"
    assert phones.masked("112") == "***"
