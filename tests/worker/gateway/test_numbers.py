"""The tables: complete against the manual, and what holds for every row."""

from __future__ import annotations

import pytest

from smsq.worker.domain.brands import BRANDS
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.status import STATUS_TABLE, Status
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.numbers import (
    DELIVERY_ERRORS,
    SEND_ERRORS,
    STATUS_CODES,
    STATUS_ERRORS,
    delivery_error,
    is_concurrent,
    status_of,
)


def test_tables_hold_the_manuals_numbers() -> None:
    """Every number the manual lists has a row under itself."""
    assert set(range(1, 10)) == set(SEND_ERRORS)
    assert {1, 2, 4, 5, 9} == set(STATUS_ERRORS)
    assert {-3, -2, -1, 0, 1, 2, 3, 4, 6, 20, 22, 23, 24, 25} == set(STATUS_CODES)
    assert {3, 6, 7, 8} == {code for code, row in SEND_ERRORS.items() if row.has_id}
    assert all(code == row.code and row.meaning and row.action for code, row in SEND_ERRORS.items())
    assert all(0 <= err <= 255 and name for err, (name, _) in DELIVERY_ERRORS.items())


VERDICTS = [
    (-3, None),
    (24, None),
    (-2, Status.ACCEPTED),
    (-1, Status.ACCEPTED),
    (0, Status.ACCEPTED),
    (1, Status.DELIVERED),
    (2, Status.READ),
    (3, Status.EXPIRED),
    (4, Status.CLICKED),
    (20, Status.UNDELIVERABLE),
    (22, Status.REFUSED),
    (23, Status.REFUSED),
    (25, Status.REFUSED),
    (5, Status.ACCEPTED),
    (99, Status.ACCEPTED),
]


@pytest.mark.parametrize(("code", "status"), VERDICTS)
def test_status_of_a_code(code: int, status: Status | None) -> None:
    """-3 and 24 prove nothing; what is in no table proves acceptance and is not final."""
    assert status is status_of(code)
    assert status is None or STATUS_TABLE[status].proves_acceptance


def test_delivery_errors_in_words() -> None:
    """A known error has its name, an unknown one its number, none is empty."""
    assert (delivery_error(0), delivery_error(253), delivery_error(77)) == ("", "spam filter", "error 77")


def test_concurrency_text() -> None:
    """Only the concurrency text of error 9 proves that nothing was accepted."""
    assert is_concurrent("Too many CONCURRENT requests")
    assert not is_concurrent("duplicate request, wait a minute")


def test_brands_and_channels() -> None:
    """Each brand has its base host and four more, all over TLS; channels without a row are refused by name."""
    for name, brand in BRANDS.items():
        assert (f"https://{name}", f"https://www2.{name}") == brand.mirrors[:2]
        assert len(brand.mirrors) == 5
    assert channel("sms").name == "sms"
    with pytest.raises(BadInput):
        channel("fax")
