"""Money is counted in whole units, and comes back as what it was."""

from __future__ import annotations

from decimal import Decimal

import pytest

from smsq.worker.domain.money import UNITS, of_units, to_units
from smsq.worker.gateway.money import LEAST


@pytest.mark.parametrize(
    ("amount", "units"), [("3.8", 38_000), ("0.0001", 1), ("0.00015", 2), ("0.00025", 2), ("0", 0)]
)
def test_an_amount_is_the_nearest_number_of_units(amount: str, units: int) -> None:
    """A half goes to the even one, as the gateway's own decimals are rounded."""
    assert to_units(Decimal(amount)) == units


def test_units_come_back_as_the_amount() -> None:
    """Nothing of a balance with four decimals is lost."""
    assert of_units(to_units(Decimal("286.5501"))) == Decimal("286.5501")
    assert Decimal(1) / UNITS == LEAST
