"""Dates: read in stated forms, shown in four languages."""

from __future__ import annotations

from datetime import datetime

import pytest
from babel.dates import format_date

from smsq.worker.domain.dates import date_of, shows
from smsq.worker.domain.errors import BadInput, BadText
from smsq.worker.domain.languages import CATEGORIES, Language

DAY = datetime(2026, 11, 29, 9, 5, 7)  # noqa: DTZ001 - a cell has no zone


@pytest.mark.parametrize(
    "written",
    ["2026-11-29T09:05:07", "2026-11-29 9:05:07", "29.11.2026 09:05:07", "29.11.2026, 09:05:07", "2026-11-29T09:05:07Z",
     "2026-11-29T09:05:07.123+03:00", " 2026-11-29 09:05:07 "],
)  # fmt: skip
def test_a_date_is_read_in_the_forms_that_are_stated(written: str) -> None:
    """With its time as it is written."""
    assert date_of(written) == DAY


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("29/11/2026", "29/11/2026 is not a date as it is read here: 2026-11-29, 29.11.2026"),
        ("29.11.26", "is not a date"),
        ("46355", "is not a date"),
        ("tomorrow", "tomorrow is not a date"),
        ("30.02.2026", "there is no 30.02.2026"),
        ("2026-11-29 25:00", "there is no 2026-11-29 25:00"),
        ("", "nothing is not a date"),
    ],
)
def test_other_dates_are_refused(written: str, why: str) -> None:
    """Rather than taken for another day."""
    with pytest.raises(BadText, match=why):
        date_of(written)


@pytest.mark.parametrize("language", list(CATEGORIES))
def test_names_are_those_of_cldr(language: Language) -> None:
    """Months behind a day, alone and short, and days of the week; small letters inside a sentence."""
    show = {
        pattern: shows(pattern, language) for pattern in ("d mmmm yyyy", "mmmm yyyy", "d mmm", "dddd", "ddd d.m.yy")
    }
    for month in range(1, 13):
        day = datetime(2026, month, month + 7)  # noqa: DTZ001
        said = {
            "d mmmm yyyy": format_date(day, "d MMMM y", language),
            "mmmm yyyy": format_date(day, "LLLL y", language),
            "d mmm": format_date(day, "d MMM", language),
            "dddd": format_date(day, "EEEE", language),
            "ddd d.m.yy": format_date(day, "EEE d.M.yy", language),
        }
        lowered = said if language == "en" else {pattern: name.lower() for pattern, name in said.items()}
        assert {pattern: each(day) for pattern, each in show.items()} == lowered


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("dd.mm.yyyy", "29.11.2026"),
        ("DD.MM.YYYY", "29.11.2026"),
        ("dd.mm.yyyy hh:mm", "29.11.2026 09:05"),
        ("h:mm", "9:05"),
        ("hh:mm dd.mm", "09:05 29.11"),
        ("yyyy-mm-dd", "2026-11-29"),
        ("d mmmm yyyy 'at' h:mm", "29 November 2026 at 9:05"),
        ("d mmmm yyyy г.", "29 November 2026 г."),
        ("''", ""),
    ],
)
def test_a_date_is_shown_by_a_pattern(pattern: str, expected: str) -> None:
    """As spreadsheets have it: mm behind hh are minutes."""
    assert shows(pattern, "en")(DAY) == expected


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("d MMMMM", "it has MMMMM, which is none of d, dd, ddd"),
        ("d of mmmm", "it has o, which is none of"),
        ("%d.%m", None),
        ("d 'of", "a quote in it never closes"),
    ],
)
def test_another_letter_in_a_pattern_is_refused(pattern: str, why: str | None) -> None:
    """A percent sign is only a percent sign."""
    if why is None:
        assert shows(pattern, "en")(DAY) == "%29.%11"
        return
    with pytest.raises(BadInput, match=why):
        shows(pattern, "en")
