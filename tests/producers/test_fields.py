"""What programs give, in the form that is kept of it: phones, words and moments."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from smsq.producers.fields import phone_of, timestamp
from smsq.producers.intake.prepare import prepare
from smsq.producers.intake.rows import Row
from smsq.producers.intake.templates import Template
from smsq.worker.domain.errors import BadInput, BadPhone


class NAType:
    """What pandas calls a value that is not there: it is neither equal nor unequal to anything."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "given",
    [
        79991234567,
        79991234567.0,
        89991234567,
        9991234567.0,
        Decimal("79991234567"),
        Decimal("79991234567.0"),
        "79991234567.0",
        "tel:+79991234567",
        "\u202a+7\u00a0999 123-45-67\u202c",
    ],
)
def test_a_phone_is_text_or_a_whole_number(given: object) -> None:
    """However a program holds it, it is read as its digits would be in a file."""
    assert phone_of(given) == 79991234567


def test_a_number_of_another_country_needs_no_plus_if_it_is_no_text() -> None:
    """International digits are how phones are kept; at home they mean nothing."""
    assert phone_of(380501234567) == phone_of(380501234567.0) == 380501234567


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "no phone number is given"),
        (float("nan"), "no phone number is given"),
        (Decimal("NaN"), "no phone number is given"),
        (NAType(), "no phone number is given"),
        (True, "not bool"),
        (79991234567.5, "not float"),
        (float("inf"), "not float"),
        ([79991234567], "not list"),
        (-79991234567, "too few digits"),
        (10**16, "too many digits"),
        (b"+79991234567", "not bytes"),
    ],
)
def test_what_is_no_phone_is_refused(given: object, sentence: str) -> None:
    """In the words of files where files have them."""
    with pytest.raises(BadPhone, match=sentence):
        phone_of(given)


@pytest.mark.parametrize(
    "written",
    [
        "7999OOO4567",
        "79991234567;79991234568",
        "79991234567 ext 5",
        "7999123456.0",
        "7.91E+10",
        "hello",
        "",
        "+7999123",
        "380501234567",
        "79991234567\x00",
    ],
)
def test_one_rule_for_a_program_and_for_a_file(written: str) -> None:
    """The same phone gets the same verdict and the same sentence at both doors."""
    row: Row = (1, written, (written,))
    (made,) = prepare([row], Template.compile("Hi", ("phone",)), 100, 10)
    with pytest.raises(BadPhone) as raised:
        phone_of(written)

    assert [reject.reason for reject in made.rejects] == [raised.value.sentence]


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clocks change on the last Sundays of March and October."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-10-25T01:30", datetime(2026, 10, 24, 23, 30, tzinfo=UTC)),
        ("2026-10-25T02:30+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (" 2026-10-25 02:30+01:00 ", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 2, 30, fold=1), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # noqa: DTZ001 - naive on purpose
        ("2026-10-25T03:30", datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
        ("2026-03-29T03:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("20261121T1830", datetime(2026, 11, 21, 17, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_told_by_this_machines_clock(at: datetime | str, expected: datetime) -> None:
    """Unless it names an offset, which is how an hour that comes twice is told."""
    assert timestamp(at) == expected.timestamp()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        ("2026-03-29T02:30", "there is no 2026-03-29 02:30:00: the clocks go forward then; take 01:30 or 03:30"),
        (datetime(2026, 3, 29, 2, 30), "there is no 2026-03-29 02:30:00"),  # noqa: DTZ001
        ("2026-10-25T02:30", r"comes twice .* write 2026-10-25T02:30\+02:00 or 2026-10-25T02:30\+01:00"),
        (datetime(2026, 10, 25, 2, 30), "comes twice that day"),  # noqa: DTZ001
        ("2026-11-21", "2026-11-21 is a day without a time"),
        ("20261121", "a day without a time"),
        (date(2026, 11, 21), "a moment looks like"),
        (1795262400, "a moment looks like"),
        ("0001-01-01T00:00", "is out of range"),
        ("soon", "a moment looks like"),
    ],
)
def test_what_is_no_moment_is_refused(at: object, sentence: str) -> None:
    """What the clocks leave out, show twice, or leave open."""
    with pytest.raises(BadInput, match=sentence):
        timestamp(at)  # type: ignore[arg-type]
