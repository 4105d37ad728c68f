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
        "8.999.123.45.67",
        "+7 [999] 123 45 67",
        "(+7 999) 1234567",
        "'+79991234567",
        '"79991234567"',
        "tel:+7-999-123-45-67",
        '="+79991234567"',
        "00 7 999 123-45-67",
        "8 10 7 999 123 45 67",
        "+7\u00a0999\u202f123\u200945\u200967",
        "\u202a+79991234567\u202c",
        "\ufeff\u200b7999\u00ad123\u206945\u206667\u200f",
        "\uff0b\uff17\uff19\uff19\uff19\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
        "+7\u2011999\u2013123\u221245\u201467",
        "\u0667\u0669\u0669\u0669\u0661\u0662\u0663\u0664\u0665\u0666\u0667",
        "79991234567.0",
        "79991234567,00",
        "9991234567.0",
        "79,991,234,567.00",
        "79\u00a0991\u00a0234\u00a0567,00",
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
        ("9" * 40, "too many digits"),
        ("79991234567\x00", r"this one has U\+0000"),
        ("7999OOO4567", "letters in this phone"),
        ("8 999 CALL NOW", "letters in this phone"),
        ("+7 999 XXX XX XX", "letters in this phone"),
        ("8 999 12\u0417 45 67", "letters in this phone"),
        ("\u0442\u0435\u043b. 79991234567", "letters in this phone"),
        ("7999123456\u00b2", "this one has \u00b2"),
        ("79991234567*", r"this one has \*"),
        ("7+9991234567", "this one has a \\+ elsewhere"),
        ("79991234567;", "this one has ;"),
        ("79991234567/68", "this one has /"),
        ("7999123456.0", "no such number"),
        ("7999123456,00", "no such number"),
        ("7999123456.7", "fraction"),
        ("7.91E+10", "a spreadsheet has shortened this number"),
        ("7,91612E+10", "a spreadsheet has shortened this number"),
        ("+7.9e10", "a spreadsheet has shortened this number"),
        ("00 7 999 123", r"too few digits for a number of \+7"),
        ("79991234567x5", "an extension"),
        ("79991234567 ext. 12", "an extension"),
        ("+7 (999) 123-45-67 \u0434\u043e\u0431. 12", "an extension"),
        ("79991234567#12", "an extension"),
        ("79991234567,,12", "an extension"),
        ("tel:+7-999-123-45-67;ext=12", "an extension"),
    ],
)
def test_a_bad_phone_is_refused_with_its_reason(written: str, reason: str) -> None:
    """What cannot be dialled as it stands is refused in a sentence, whatever number the library would make of it."""
    with pytest.raises(BadPhone, match=reason):
        phones.parse(written)


@pytest.mark.parametrize(
    "between", [";", ",,", ", ", " ext ", "/", " / ", " x ", " ", "\n", "+", " \u0438\u043b\u0438 ", " | "]
)
def test_two_numbers_in_one_cell_are_both_named(between: str) -> None:
    """Neither is guessed to be the one that was meant; the sentence holds no whole phone, a count of reasons none."""
    with pytest.raises(BadPhone) as raised:
        phones.parse(f"79991234567{between}89991234568")

    assert raised.value.sentence == "there are two numbers here, give one: 7999***4567 and 8999***4568"
    assert phones.without_numbers(raised.value.sentence) == "there are two numbers here, give one"


def test_a_slash_behind_an_area_code_is_usual() -> None:
    """As in Germany; a slash in front of two or three digits gives another number's end."""
    assert phones.parse("0351/123456", "DE") == phones.parse("+49 351/123456") == 49351123456


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


def written_at_random(dice: random.Random, dirt: str) -> str:
    """Digits that may be a number of +7, with dirt somewhere among them."""
    head = dice.choice(["7", "8", "+7", "+8", "", "9", "07", "++7", "7+"])
    body = "".join(dice.choices("0123456789", k=dice.choice([9, 10, 10, 10, 10, 11])))
    if dice.random() < 0.5:
        body = dice.choice("34789") + body[1:]
    at = dice.randrange(len(body) - 1)  # what stands before the last digit may be a point
    return head + body[:at] + dirt + body[at:]


def test_same_answer_as_the_library_around_the_short_way() -> None:
    """Random numbers of +7 with the usual punctuation between their digits get the library's answer."""
    dice = random.Random(7)
    usual = ["", "", " ", "-", "(", ")", " (", ".", "\u00a0", "\u2011", "[", "\uff0d"]
    written = [each for _ in range(1500) if not (each := written_at_random(dice, dice.choice(usual))).startswith("00")]
    pluses = [each.count("+") > 1 or "+" in each[1:] for each in written]

    assert [by_us(each) for each in written] == [
        None if is_odd else by_library(each) for each, is_odd in zip(written, pluses, strict=True)
    ]


def test_what_the_library_reads_past_is_refused() -> None:
    """No dirt among the digits makes another number of them than they are."""
    dice = random.Random(8)
    written = [written_at_random(dice, dirt) for dirt in ["x", "/", "+", "\u00b2", "a", "#", ";", ",", "*"] * 150]
    read = [(each, phone) for each in written if (phone := by_us(each)) is not None]

    assert all("/" in each and phone == by_library(each.replace("/", "")) for each, phone in read)


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
