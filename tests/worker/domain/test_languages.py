"""Languages: whose letters a text has, numbers as files write them, and the forms that stand with them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel import Locale

from smsq.worker.domain.errors import BadText
from smsq.worker.domain.languages import CATEGORIES, Language, category, form_of, grouped, language_of, number_of

FRACTIONS = ("0.0", "0.5", "1.0", "1.00", "1.1", "1.5", "2.0", "2.5", "5.0", "11.0", "21.0", "21.1", "100.5", "1000.0")


@pytest.mark.parametrize("language", list(CATEGORIES))
def test_plurals_are_those_of_cldr(language: Language) -> None:
    """For each whole number up to 100,000, its negative, and for fractions with the decimals that they show."""
    rule = Locale.parse(language).plural_form

    wrong = [number for number in range(100_001) if category(Decimal(number), language) != rule(number)]
    assert wrong == []
    assert [category(Decimal(-number), language) for number in (1, 3, 5)] == [rule(number) for number in (1, 3, 5)]
    assert [category(Decimal(said), language) for said in FRACTIONS] == [rule(Decimal(said)) for said in FRACTIONS]


@pytest.mark.parametrize("language", list(CATEGORIES))
def test_a_language_has_the_categories_that_cldr_gives_it(language: Language) -> None:
    """`other` is never in the list of tags."""
    assert set(CATEGORIES[language]) == Locale.parse(language).plural_form.tags | {"other"}


@pytest.mark.parametrize(
    ("number", "forms", "language", "expected"),
    [
        ("1", ("товар", "товара", "товаров"), "ru", "товар"),
        ("112", ("товар", "товара", "товаров"), "ru", "товаров"),
        ("0.5", ("товар", "товара", "товаров"), "ru", "товара"),
        ("0.5", ("год", "года", "лет", "года с небольшим"), "ru", "года с небольшим"),
        ("21", ("день", "дні", "днів"), "uk", "день"),
        ("1", ("day", "days"), "en", "day"),
        ("1.0", ("day", "days"), "en", "days"),
        ("7", ("күн",), "kk", "күн"),
    ],
)
def test_a_form_stands_with_a_number(number: str, forms: tuple[str, ...], language: Language, expected: str) -> None:
    """A fraction takes the form of 2 to 4 if it has none of its own."""
    assert form_of(Decimal(number), forms, language) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7", "7"),
        (" 1 234 ", "1234"),
        ("1\u00a0234\u202f567,5", "1234567.5"),
        ("1,234,567.50", "1234567.50"),
        ("0,125", "0.125"),
        ("-3", "-3"),
        ("\u22123", "-3"),
        ("+3", "3"),
        ("1234,567", "1234.567"),
    ],
)
def test_numbers_are_read_as_files_have_them(written: str, expected: str) -> None:
    """With the decimals that they show."""
    assert str(number_of(written)) == expected


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("1,234", "1,234 may be 1234 or 1.234: write one of these"),
        ("many", "many is not a number, such as 1234"),
        ("", "nothing is not a number"),
        ("1 23", "1 23 is not a number"),
        ("½", "½ is not a number"),
        ("١٢", "is not a number"),
        ("9" * 40, "9{20}… is not a number"),
    ],
)
def test_what_is_no_number_is_named(written: str, why: str) -> None:
    """Also what means two numbers to two readers."""
    with pytest.raises(BadText, match=why):
        number_of(written)


def test_numbers_are_shown_by_language() -> None:
    """Halves go up, as people count; the spaces are plain."""
    number = Decimal("1234567.005")

    assert [grouped(number, language, 2) for language in ("ru", "en")] == ["1 234 567,01", "1,234,567.01"]
    assert grouped(Decimal("-1500"), "kk") == "-1 500"


def test_a_language_is_told_by_its_letters() -> None:
    """Kazakh has і as well as Ukrainian has, so its other letters decide."""
    assert [language_of(text) for text in ("", "Zoë", "Ёж", "Київ", "Ґанок", "Бүгін", "Hi, Анна")] == [
        *("en", "en", "ru", "uk", "uk", "kk", "ru"),
    ]
