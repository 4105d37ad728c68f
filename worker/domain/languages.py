"""Languages that texts are written in: whose letters a text has, and which form of a noun stands with a number.

The rules are those of CLDR for these four languages, and tests compare them with its library. Numbers are read as files
have them: with spaces between thousands, with a comma or a point.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

from smsq.worker.domain.errors import BadText

Language = Literal["ru", "uk", "en", "kk"]
Category = Literal["one", "few", "many", "other"]

NAMES: Final[dict[Language, str]] = {"ru": "Russian", "uk": "Ukrainian", "en": "English", "kk": "Kazakh"}
# The categories of each language in the order in which a text gives its forms.
CATEGORIES: Final[dict[Language, tuple[Category, ...]]] = {
    "ru": ("one", "few", "many", "other"),
    "uk": ("one", "few", "many", "other"),
    "en": ("one", "other"),
    "kk": ("one", "other"),
}

_KAZAKH = re.compile("[әғқңөұүһӘҒҚҢӨҰҮҺ]").search
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]").search
_CYRILLIC = re.compile("[\u0400-\u04ff]").search
_BLANKS = " \u00a0\u2009\u202f"
_NUMBER = re.compile(
    rf"(?P<minus>[-\u2212]?)\+?"
    rf"(?P<whole>[0-9]{{1,3}}(?:[{_BLANKS}'\u2019][0-9]{{3}})+|[0-9]{{1,3}}(?:,[0-9]{{3}}){{2,}}|[0-9]+)"
    rf"(?:(?P<mark>[.,])(?P<fraction>[0-9]+))?"
)
_LONGEST = 30  # digits; nobody counts further


def language_of(text: str) -> Language:
    """The language whose letters a text has: Russian for Cyrillic without a sign of another, else English.

    >>> language_of("Товары"), language_of("Дякуємо"), language_of("Сәлем"), language_of("Hello")
    ('ru', 'uk', 'kk', 'en')
    """
    if _KAZAKH(text):
        return "kk"
    if _UKRAINIAN(text):
        return "uk"
    return "ru" if _CYRILLIC(text) else "en"


def number_of(written: str) -> Decimal:
    """The number that a cell holds, with as many decimals as it shows; raises BadText if it holds none.

    >>> number_of("1 234,50"), number_of("-3"), number_of("1,234,567")
    (Decimal('1234.50'), Decimal('-3'), Decimal('1234567'))
    """
    bare = written.strip()
    found = _NUMBER.fullmatch(bare)
    if found is None or len(bare) > _LONGEST:
        raise BadText(f"{_shown(bare)} is not a number, such as 1234 or 1234.5")
    whole = "".join(filter(str.isdecimal, found["whole"]))
    fraction = found["fraction"] or ""
    if found["mark"] == "," and len(fraction) == 3 and whole == found["whole"] != "0" and len(whole) <= 3:
        raise BadText(f"{bare} may be {whole}{fraction} or {whole}.{fraction}: write one of these")
    return Decimal(f"{'-' if found['minus'] else ''}{whole}{'.' if fraction else ''}{fraction}")


def _shown(bare: str) -> str:
    clean = "".join(char if char.isprintable() else "?" for char in bare[:20])
    return (clean + "…" if len(bare) > 20 else clean) or "nothing"


def category(number: Decimal, language: Language) -> Category:
    """The plural category of a number, by CLDR; decimals that it shows count: 1.0 is no 1.

    >>> [category(Decimal(number), "ru") for number in ("1", "22", "11", "1.5")]
    ['one', 'few', 'many', 'other']
    """
    number = abs(number)
    if language == "kk":
        return "one" if number == 1 else "other"
    has_decimals = int(number.as_tuple().exponent) < 0
    if language == "en":
        return "one" if number == 1 and not has_decimals else "other"
    if has_decimals:
        return "other"
    tens, ones = int(number % 100), int(number % 10)
    if ones == 1 and tens != 11:
        return "one"
    return "few" if 2 <= ones <= 4 and not 12 <= tens <= 14 else "many"


def forms_by_hundred(forms: tuple[str, ...], language: Language) -> tuple[str, ...]:
    """The forms that stand with 0 to 99, and so, in each of these languages but for 1, with all whole numbers.

    >>> forms_by_hundred(("день", "дня", "дней"), "ru")[int("121"[-2:])]
    'день'
    """
    return tuple(form_of(Decimal(number), forms, language) for number in range(100))


def fewest_forms(language: Language) -> int:
    """How many forms a noun needs: in Russian a fraction takes the form of 2 to 4 unless it has one of its own."""
    return {"ru": 3, "uk": 3, "en": 2, "kk": 1}[language]


def form_of(number: Decimal, forms: tuple[str, ...], language: Language) -> str:
    """The form that stands with a number; `forms` are in the order of `CATEGORIES`, at least `fewest_forms` of them.

    >>> form_of(Decimal("1.5"), ("час", "часа", "часов"), "ru"), form_of(Decimal(2), ("теңге",), "kk")
    ('часа', 'теңге')
    """
    place = CATEGORIES[language].index(category(number, language))
    if place < len(forms):
        return forms[place]
    return forms[1] if len(forms) > 1 else forms[0]


def grouped(number: Decimal | int, language: Language, decimals: int | None = None) -> str:
    """A number for people: English has commas between thousands, the others spaces, and a comma before decimals.

    The spaces are plain ones, since any other makes a Latin text dearer.

    >>> grouped(Decimal("1234567.5"), "ru", 2), grouped(Decimal("1234.5"), "en")
    ('1 234 567,50', '1,234.5')
    """
    if decimals is not None:
        number = Decimal(number).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    written = f"{number:,d}" if isinstance(number, int) else f"{number:,f}"
    return written if language == "en" else written.replace(",", " ").replace(".", ",")
