"""What the gateway knows of a number: its operator, and what a look-up or a ping brings to light.

Everything depends on the number alone, so that a test can tell in advance; the control endpoint changes a number. The
operators and their codes are real ones of a few countries; which of them a number belongs to is made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from zlib import crc32

from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.http.server.info import Operator
from smsq.worker.gateway.http.server.statuses import LOOKED_UP

PROBES = ("hlr", "ping")  # the channels whose result is the product
ROAMING_OF = 20  # one number in so many is abroad

_DIGITS = re.compile(r"[0-9]{5,15}", re.ASCII)


class Country(NamedTuple):
    """One country: the beginning of its numbers, its code, hours from Moscow, and its operators with their codes."""

    prefix: str
    name: str
    mcc: str
    tz: str
    operators: tuple[tuple[str, str], ...]


# ITU's list of mobile network codes (E.212), a few of each, read 2026-11-29; the longest prefix counts.
COUNTRIES = (
    Country("7", "Russia", "250", "0", (("01", "MTS"), ("02", "MegaFon"), ("20", "Tele2"), ("99", "Beeline"))),
    Country("77", "Kazakhstan", "401", "2", (("01", "Beeline"), ("02", "Kcell"), ("77", "Tele2"))),
    Country("375", "Belarus", "257", "0", (("01", "A1"), ("02", "MTS"), ("04", "life:)"))),
    Country("380", "Ukraine", "255", "-1", (("01", "Vodafone"), ("03", "Kyivstar"), ("06", "lifecell"))),
    Country("49", "Germany", "262", "-2", (("01", "Telekom"), ("02", "Vodafone"), ("03", "O2"))),
    Country("44", "United Kingdom", "234", "-3", (("10", "O2"), ("15", "Vodafone"), ("30", "EE"))),
)
ELSEWHERE = Country("", "International", "901", "0", (("01", "Inmarsat"),))
SETTABLE = (*LOOKED_UP, "status", "err")


class Lookups:
    """The rule for all numbers, and the numbers that were changed."""

    def __init__(self) -> None:
        self._changed: dict[str, dict[str, str]] = {}

    def forget(self) -> None:
        """No number is changed any more."""
        self._changed.clear()

    def change(self, phone: str, told: Mapping[str, str]) -> None:
        """What a look-up of this number will say; fields that are not named stay. Raises BadInput."""
        if _DIGITS.fullmatch(phone) is None:
            raise BadInput("a look-up is of a phone: digits, with or without a +")
        if strange := sorted(set(told) - set(SETTABLE)):
            raise BadInput(f"a look-up has {', '.join(SETTABLE)}, not {strange[0]!r}")
        for name in ("status", "err"):
            if name in told and re.fullmatch(r"-?[0-9]{1,4}", told[name], re.ASCII) is None:
                raise BadInput(f"the {name} of a look-up is a number")
        self._changed.setdefault(phone, {}).update(told)

    def verdict(self, phone: str, code: int, err: int) -> tuple[int, int]:
        """How a probe of this number ends, given how it would: status and delivery error."""
        told = self._changed.get(phone)
        return (int(told.get("status", code)), int(told.get("err", err))) if told else (code, err)

    def result(self, phone: str, is_reached: bool) -> dict[str, str]:
        """The eight fields; of a phone that was not reached only those that its number tells."""
        home, (mnc, operator) = _home(phone)
        result = dict.fromkeys(LOOKED_UP, "")
        result |= {"mcc": home.mcc, "mnc": mnc, "cn": home.name, "net": operator}
        if is_reached:
            drawn = crc32(phone.encode())
            result |= {"imsi": f"{home.mcc}{mnc}{drawn:010d}", "msc": f"{home.prefix}9{drawn % 10**9:09d}"}
            if drawn % ROAMING_OF == 0:
                abroad = COUNTRIES[(COUNTRIES.index(home) + 1) % len(COUNTRIES)] if home in COUNTRIES else COUNTRIES[0]
                result |= {"rcn": abroad.name, "rnet": abroad.operators[0][1]}
        changed = self._changed.get(phone, {})
        return result | {name: changed[name] for name in LOOKED_UP if name in changed}

    def operator(self, phone: str) -> Operator:
        """Whose number it is."""
        home, (mnc, operator) = _home(phone)
        changed = self._changed.get(phone, {})
        return Operator(
            country=changed.get("cn", home.name),
            operator=changed.get("net", operator),
            mcc=changed.get("mcc", home.mcc),
            mnc=changed.get("mnc", mnc),
            tz=home.tz,
        )


def _home(phone: str) -> tuple[Country, tuple[str, str]]:
    """The country and the operator of a number."""
    fitting = [country for country in COUNTRIES if phone.startswith(country.prefix)]
    home = max(fitting, key=lambda country: len(country.prefix), default=ELSEWHERE)
    return home, home.operators[crc32(phone[:7].encode()) % len(home.operators)]
