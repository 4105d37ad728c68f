"""The limits of the pumping shield: their defaults, how each is written and read, and what will do.

Settings give them (`SMSQ_SHIELD_…`), and an operator changes them on a running installation under the same names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import phonenumbers

from smsq.worker.domain.errors import BadInput

MODES = ("on", "watch", "off")
NOWHERE = "001"  # libphonenumber's region of satellite and international networks
DAY_S = 86400

Rates = tuple[tuple[int, int], ...]  # (most, seconds): never more than `most` within any so many seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the shield is set to; empty rates and 0 stand for no limit. Money is in the account's currency."""

    mode: str = "on"
    phone: Rates = ((5, 600), (10, DAY_S))
    block: Rates = ((50, 3600), (200, DAY_S))
    wide: Rates = ((1000, 3600),)
    country: Rates = ()
    client: Rates = ((30, 3600), (100, DAY_S))
    daily: int = 10_000
    daily_cost: Decimal = Decimal(0)
    price: Decimal = Decimal(5)
    countries: frozenset[str] = frozenset()  # alone served, if there are any
    deny: frozenset[str] = frozenset({NOWHERE})
    hold_after: tuple[int, int, int] = (15, 100, 1000)  # phones that verified none: of a block, a wide block, a country
    hold_below: float = 0.15  # of them verified
    hold_for: int = 1800

    def serves(self, region: str) -> bool:
        """Whether the lists of countries let this one through."""
        return region not in self.deny and (not self.countries or region in self.countries)


class Reading(NamedTuple):
    """How a limit is read, how it is written again, and what it says."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    help: str


def rates(written: str) -> Rates:
    """`5/10min,10/d`: so many within each; `none` for no limit. Raises ValueError with what would do."""
    if written.strip().lower() in ("none", "0"):
        return ()
    found = [_RATE.fullmatch(each.strip()) for each in written.split(",")]
    told = tuple((int(each[1]), int(each[2] or 1) * _SPANS[each[3]]) for each in found if each)
    if len(told) != len(found) or not all(1 <= most <= 10**9 and 1 <= span <= DAY_S for most, span in told):
        raise ValueError("numbers within a time of at most a day, such as 5/10min,20/d, or none")
    return tuple(sorted(told, key=lambda rate: rate[1]))


def write_rates(given: Rates) -> str:
    """The same in writing."""
    return ",".join(f"{most}/{short(span)}" for most, span in given) or "none"


def count(written: str) -> int:
    """A whole number, `none` for no limit."""
    if written.strip().lower() == "none":
        return 0
    if not (written.isascii() and written.isdigit() and int(written) <= 10**9):
        raise ValueError("a whole number, or none")
    return int(written)


def money(written: str) -> Decimal:
    """An amount in the account's currency, `none` for no ceiling."""
    try:
        amount = Decimal(0) if written.strip().lower() == "none" else Decimal(written)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= 10**9):
        raise ValueError("an amount of money such as 250.5, or none")
    return amount


def countries(written: str) -> frozenset[str]:
    """`RU,KZ`: countries by their two letters, or 001 for networks of no country."""
    told = frozenset(each.strip().upper() for each in written.split(",") if each.strip())
    if told == {"NONE"}:
        return frozenset()
    if not all(map(is_region, told)):
        raise ValueError("countries by their two letters, such as RU,KZ (001: satellite networks), or none")
    return told


def mode(written: str) -> str:
    """`on`, `watch` or `off`."""
    if written.lower() not in MODES:
        raise ValueError("on, watch (decide and count, refuse nothing) or off")
    return written.lower()


def three(written: str) -> tuple[int, int, int]:
    """Unverified codes after which a block, a wide block and a country are held; 0 never."""
    told = [int(each) for each in written.split(",") if each.strip().isdigit() and int(each) <= 10**9]
    if len(told) != 3 or written.count(",") != 2:
        raise ValueError("three numbers, such as 15,100,1000: of a block, a wide block, a country; 0 never")
    return told[0], told[1], told[2]


def share(written: str) -> float:
    """A share between 0 and 1."""
    try:
        value = float(written)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError("a share from 0 to 1, such as 0.15")
    return value


def span(written: str) -> int:
    """`30min`, `2h`: seconds, from one to a day."""
    found = _SPAN.fullmatch(written.strip())
    seconds = int(found[1]) * _SPANS[found[2]] if found else 0
    if not 1 <= seconds <= DAY_S:
        raise ValueError("a time of at most a day, such as 30min or 2h")
    return seconds


def _three(given: tuple[int, int, int]) -> str:
    return ",".join(map(str, given))


def _list(given: frozenset[str]) -> str:
    return ",".join(sorted(given)) or "none"


def _amount(given: Decimal | int) -> str:
    return (f"{given:f}" if isinstance(given, Decimal) else str(given)) if given else "none"


def short(seconds: int) -> str:
    """`10min`, `h`, `2h`, `d`.

    >>> short(600), short(3600), short(7200), short(86400), short(90)
    ('10min', 'h', '2h', 'd', '90s')
    """
    for unit in ("d", "h", "min", "s"):
        many, rest = divmod(seconds, _SPANS[unit])
        if many and not rest:
            return unit if many == 1 and unit in "dh" else f"{many}{unit}"
    return f"{seconds}s"


_SPANS = {"s": 1, "min": 60, "h": 3600, "d": DAY_S}
_RATE = re.compile(r"(\d+)/(\d*)(s|min|h|d)")
_SPAN = re.compile(r"(\d+) ?(s|min|h|d)")

READINGS: Final[dict[str, Reading]] = {
    "mode": Reading(
        mode,
        str,
        "The shield that keeps SMS pumping away from one-time codes: `on`, `watch` (count, refuse nothing) or `off`.",
    ),
    "phone": Reading(rates, write_rates, "Most codes to one phone in each of these times."),
    "block": Reading(
        rates, write_rates, "Most codes to one block: numbers that differ only in their last four digits."
    ),
    "wide": Reading(
        rates, write_rates, "Most codes to one wide block: numbers that differ only in their last six digits."
    ),
    "country": Reading(rates, write_rates, "Most codes to one country."),
    "client": Reading(
        rates, write_rates, "Most codes for one client, such as an IP address or an account, if the caller names one."
    ),
    "daily": Reading(
        count,
        _amount,
        "Most codes within 24 hours in all; the limit is twice as high for phones that verified a code before.",
    ),
    "daily_cost": Reading(money, _amount, "Most that codes may cost within 24 hours, in the account's currency."),
    "price": Reading(money, _amount, "Assumed cost of a code until the gateway has told its real one."),
    "countries": Reading(countries, _list, "The only countries that codes go to, such as `RU,KZ`."),
    "deny": Reading(countries, _list, "Countries that no code goes to; `001` are satellite networks."),
    "hold_after": Reading(
        three,
        _three,
        "How many phones with an unverified code in an hour put a block, a wide block, a country on hold.",
    ),
    "hold_below": Reading(share, str, "A hold begins only if the share of verified codes is below this."),
    "hold_for": Reading(
        span, short, "How long a first hold lasts, such as `30min`; each further one lasts twice as long."
    ),
}


def read(name: str, written: str) -> Any:
    """The value of a limit; raises BadInput with the names there are, or what would do."""
    if name not in READINGS:
        raise BadInput(f"no limit is called {name!r}; the limits are {', '.join(READINGS)}")
    try:
        return READINGS[name].read(written)
    except ValueError as error:
        raise BadInput(f"{name}: {written!r} is not valid; give {error}") from None


def written(limits: Limits) -> dict[str, str]:
    """All limits by name, as one would write them."""
    return {each.name: READINGS[each.name].write(getattr(limits, each.name)) for each in fields(Limits)}


def with_written(limits: Limits, told: Mapping[str, str]) -> Limits:
    """The same limits, some of them said anew."""
    values = {each.name: getattr(limits, each.name) for each in fields(Limits)}
    return Limits(**{**values, **{name: read(name, text) for name, text in told.items()}})


def is_region(name: str) -> bool:
    """Whether a country is called so."""
    return name == NOWHERE or name in phonenumbers.SUPPORTED_REGIONS
