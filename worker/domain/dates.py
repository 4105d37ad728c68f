"""Dates as files have them and as texts show them, with the names of months and days in four languages.

A file's date is read in stated forms only: `29/11/2026` means two different days to two readers, so it is refused.
The names are those of CLDR (read from its library on 2026-11-29), in small letters as they stand inside a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.languages import Language

FORMS = "2026-11-29, 29.11.2026, and either with a time such as 18:30"
DEFAULT = "dd.mm.yyyy"

_READ = re.compile(
    r"(?:(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})|(?P<d2>[0-9]{1,2})\.(?P<m2>[0-9]{1,2})\.(?P<y2>[0-9]{4}))"
    r"(?:(?:T|,?\s+)(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,][0-9]+)?)?\s?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)

# Months as they stand behind a day ("29 ноября"), alone ("ноябрь 2026"), and short.
_OF_A_DAY: Final[dict[Language, tuple[str, ...]]] = {
    "ru": tuple("января февраля марта апреля мая июня июля августа сентября октября ноября декабря".split()),
    "uk": tuple("січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня".split()),
    "en": tuple("January February March April May June July August September October November December".split()),
    "kk": tuple("қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан".split()),
}
_ALONE: Final[dict[Language, tuple[str, ...]]] = {
    **_OF_A_DAY,
    "ru": tuple("январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь".split()),
    "uk": tuple(
        "січень лютий березень квітень травень червень липень серпень вересень жовтень листопад грудень".split()
    ),
}
_SHORT: Final[dict[Language, tuple[str, ...]]] = {
    "ru": tuple("янв. февр. мар. апр. мая июн. июл. авг. сент. окт. нояб. дек.".split()),
    "uk": tuple("січ. лют. бер. квіт. трав. черв. лип. серп. вер. жовт. лист. груд.".split()),
    "en": tuple("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()),
    "kk": tuple("қаң. ақп. нау. сәу. мам. мау. шіл. там. қыр. қаз. қар. жел.".split()),
}
# From Monday.
_DAYS: Final[dict[Language, tuple[str, ...]]] = {
    "ru": tuple("понедельник вторник среда четверг пятница суббота воскресенье".split()),
    "uk": tuple("понеділок вівторок середа четвер пʼятниця субота неділя".split()),
    "en": tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
    "kk": tuple("дүйсенбі сейсенбі сәрсенбі бейсенбі жұма сенбі жексенбі".split()),
}
_SHORT_DAYS: Final[dict[Language, tuple[str, ...]]] = {
    "ru": tuple("пн вт ср чт пт сб вс".split()),
    "uk": tuple("пн вт ср чт пт сб нд".split()),
    "en": tuple("Mon Tue Wed Thu Fri Sat Sun".split()),
    "kk": tuple("дс сс ср бс жм сб жс".split()),
}
_TOKEN = re.compile(r"(?P<letter>[A-Za-z])(?P=letter)*|'(?P<said>[^']*)'|[^A-Za-z']+|'", re.IGNORECASE)
_KNOWN = frozenset({"d", "dd", "ddd", "dddd", "m", "mm", "mmm", "mmmm", "yy", "yyyy", "h", "hh"})
Shows = Callable[[datetime], str]


def date_of(written: str) -> datetime:
    """The date in a cell, with its time if it has one; raises BadText if it is not written in a stated form.

    A time is shown as it is written, whatever its zone.

    >>> date_of("29.11.2026 9:05"), date_of("2026-11-29")
    (datetime.datetime(2026, 11, 29, 9, 5), datetime.datetime(2026, 11, 29, 0, 0))
    """
    bare = written.strip()
    found = _READ.fullmatch(bare)
    shown = "".join(char if char.isprintable() else "?" for char in bare[:30]) or "nothing"
    if found is None:
        raise BadText(f"{shown} is not a date as it is read here: {FORMS}")
    year, month, day = (int(found[name] or found[f"{name}2"]) for name in "ymd")
    hour, minute, second = (int(found[name] or 0) for name in "HMS")
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - it is shown as it is written
    except ValueError:
        raise BadText(f"there is no {shown}: it is no day of the calendar, or no time") from None


def shows(pattern: str, language: Language) -> Shows:
    """What shows a date by a pattern such as `d mmmm yyyy` or `dd.mm.yyyy hh:mm`; raises BadInput for another letter.

    `mm` behind `hh` are minutes, as in spreadsheets. Words stand in 'quotes'; letters that are not Latin need none. A
    month's name has the form that stands with a day if there is a day in the pattern.

    >>> shows("d mmmm yyyy г.", "ru")(date_of("2026-11-29")), shows("mmmm yyyy", "ru")(date_of("2026-11-29"))
    ('29 ноября 2026 г.', 'ноябрь 2026')
    """
    tokens = [(found[0], found["said"]) for found in _TOKEN.finditer(pattern)]
    folded = [said if said is not None else token.lower() for token, said in tokens]
    has_day = any(said is None and token.lower() in ("d", "dd") for token, said in tokens)
    pieces: list[Shows] = []
    is_behind_hours = False
    for (token, said), small in zip(tokens, folded, strict=True):
        if said is not None or not token[0].isascii() or not token[0].isalpha():
            if token == "'":
                raise BadInput("a quote in it never closes")
            pieces.append(_constant(said if said is not None else token))
            continue
        if small not in _KNOWN:
            raise BadInput(f"it has {token}, which is none of {', '.join(sorted(_KNOWN))}; words stand in 'quotes'")
        if small in ("m", "mm") and is_behind_hours:
            pieces.append(_number("minute", len(small)))
        elif small == "yy":
            pieces.append(lambda when: f"{when.year % 100:02d}")
        elif small == "yyyy":
            pieces.append(lambda when: f"{when.year:04d}")
        elif len(small) <= 2:
            pieces.append(_number({"d": "day", "m": "month", "h": "hour"}[small[0]], len(small)))
        else:
            pieces.append(_named(small, language, has_day))
        is_behind_hours = small in ("h", "hh")
    return lambda when: "".join([piece(when) for piece in pieces])


def _constant(said: str) -> Shows:
    return lambda when: said


def _number(name: str, digits: int) -> Shows:
    return lambda when: f"{getattr(when, name):0{digits}d}"


def _named(token: str, language: Language, has_day: bool) -> Shows:
    """The name of a month or of a day of the week."""
    if token[0] == "d":
        days = (_DAYS if token == "dddd" else _SHORT_DAYS)[language]
        return lambda when: days[when.weekday()]
    months = (_SHORT if token == "mmm" else _OF_A_DAY if has_day else _ALONE)[language]
    return lambda when: months[when.month - 1]
