"""Money as the ledger counts it: whole ten-thousandths of the account's currency."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

UNITS: Final = 10_000  # in one; four decimals occur in real balances (PROTOCOL I.1.11)


def to_units(amount: Decimal) -> int:
    """An amount in units, the nearest."""
    return int((amount * UNITS).to_integral_value(ROUND_HALF_EVEN))


def of_units(units: Decimal | int) -> Decimal:
    """Units as an amount; a price per part may be a fraction of a unit."""
    return Decimal(units) / UNITS
