"""What a template does with a value before it is put in: `{name|title}`, `{n|plural:товар,товара,товаров}`.

A filter is a row of the table: a name, a sentence, what makes it. It takes text and gives text, and knows nothing else;
it raises BadText for a value that it cannot take. Making one raises BadInput for arguments that will not do.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from smsq.worker.domain import dates
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.languages import (
    CATEGORIES,
    NAMES,
    Language,
    fewest_forms,
    form_of,
    forms_by_hundred,
    grouped,
    number_of,
)

Filter = Callable[[str], str]
_KEPT = 10_000  # values that a filter remembers; dates and counts come again and again
_LONG = 16  # digits
_WORD = re.compile(r"[^\W\d_]+(?:['’ʼ][^\W\d_]+)*")
_OF_ONE_LETTER = re.compile(r"[DLOdlo]['’][a-z]").match  # O'Neil, D'Arcy: the letter behind the mark is a capital
_MOST_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class FilterRow:
    """A filter for people, and what makes it of its arguments and the template's language."""

    help: str
    make: Callable[[str, Language], Filter]  # of what stands behind its colon, '' for nothing
    takes_nothing: bool = True  # whether an empty value is one for it


def title(value: str) -> str:
    """Each word with a capital and the rest small, also behind a hyphen.

    >>> title("ИВАН иванов-петров"), title("o'neil"), title("ВʼЯЧЕСЛАВ")
    ('Иван Иванов-Петров', "O'Neil", 'Вʼячеслав')
    """
    return _WORD.sub(_titled, value)


def _titled(found: re.Match[str]) -> str:
    word = capital(found[0].lower())
    return word[:2] + word[2].upper() + word[3:] if _OF_ONE_LETTER(word) else word


def capital(value: str) -> str:
    """The first letter as a capital, the rest as it is.

    >>> capital("иван III"), capital("ǆep")
    ('Иван III', 'ǅep')
    """
    return value[:1].title() + value[1:]


def _plain(function: Filter) -> Callable[[str, Language], Filter]:
    def make(argument: str, language: Language) -> Filter:
        if argument:
            raise BadInput("it takes nothing behind a colon")
        return function

    return make


def _plural(argument: str, language: Language) -> Filter:
    forms = tuple(map(str.strip, argument.split(","))) if argument else ()
    least, most = fewest_forms(language), len(CATEGORIES[language])
    if not least <= len(forms) <= most or not all(forms):
        many = f"{least}" if least == most else f"{least} or {most}"
        example = {
            "en": "item,items",
            "kk": "тауар",
            "uk": "товар,товари,товарів",
            "ru": "товар,товара,товаров",
        }[language]
        raise BadInput(
            f"{NAMES[language]} takes {many} forms, such as plural:{example}, and it has {len(forms)} "
            "(--language, in Python `language`, names another language)"
        )
    hundred, slowly = forms_by_hundred(forms, language), functools.lru_cache(_KEPT)(number_of)
    is_by_ending = language in ("ru", "uk")

    def plural(value: str) -> str:
        if _is_whole(value) and (is_by_ending or len(value) < 3):
            return hundred[int(value[-2:])]
        return form_of(slowly(value), forms, language)

    return plural


def _is_whole(value: str) -> bool:
    """Whether a value is digits and nothing else, as most are; then it is read at once."""
    return value.isascii() and value.isdigit() and len(value) < _LONG


def _date(argument: str, language: Language) -> Filter:
    show = dates.shows(argument or dates.DEFAULT, language)
    return functools.lru_cache(_KEPT)(lambda value: show(dates.date_of(value)))


def _number(argument: str, language: Language) -> Filter:
    if argument and not re.fullmatch(f"[0-{_MOST_DECIMALS}]", argument):
        raise BadInput(f"behind the colon stands how many decimals it shows, 0 to {_MOST_DECIMALS}")
    decimals = int(argument) if argument else None
    slowly = functools.lru_cache(_KEPT)(number_of)

    def number(value: str) -> str:
        if decimals is None and _is_whole(value):
            return grouped(int(value), language)
        return grouped(slowly(value), language, decimals)

    return number


FILTERS: Final[Mapping[str, FilterRow]] = {
    "upper": FilterRow("all capitals", _plain(str.upper)),
    "lower": FilterRow("all small letters", _plain(str.lower)),
    "title": FilterRow("each word with a capital, the rest small", _plain(functools.lru_cache(_KEPT)(title))),
    "capital": FilterRow("the first letter as a capital, the rest as it is", _plain(capital)),
    "plural": FilterRow("the form of a word that stands with this number", _plural, takes_nothing=False),
    "date": FilterRow("a date by a pattern such as d mmmm yyyy", _date, takes_nothing=False),
    "number": FilterRow("a number with its thousands apart", _number, takes_nothing=False),
}
