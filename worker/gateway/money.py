"""Money as the gateway writes it: a string or a number, in plain digits or as a rounded float.

    "3.8"   3.8   "286.5500"   3.7999999999999998   1e-05

The ledger counts ten-thousandths, so a sum with more decimals is rounded, not cut.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

from smsq.worker.domain.money import UNITS

MAX_COST = Decimal(400_000)  # what a receipt can hold; a price above it is no price
LEAST = Decimal(1) / UNITS
MOST_DIGITS = 12  # in front of the point
MOST_DECIMALS = 40  # behind it; a float has up to 17 that mean something

_AMOUNT = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,40})?", re.ASCII)


def amount(value: object) -> Decimal | None:
    """A sum, which may be negative; None if this is not a sum."""
    if isinstance(value, Decimal):
        sum_ = value if value.is_finite() and -MOST_DECIMALS <= _exponent(value) <= MOST_DIGITS else None
    elif isinstance(value, str):
        sum_ = Decimal(value) if _AMOUNT.fullmatch(value) else None
    else:
        sum_ = Decimal(value) if type(value) is int else None
    if sum_ is None or sum_.adjusted() >= MOST_DIGITS:
        return None
    return sum_ if _exponent(sum_) >= _exponent(LEAST) else sum_.quantize(LEAST, ROUND_HALF_EVEN)


def price(value: object) -> Decimal | None:
    """A sum that can be a price, else None: not negative, and no more than a receipt can hold."""
    found = amount(value)
    return found if found is not None and 0 <= found <= MAX_COST else None


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # only finite ones come here
    return exponent
