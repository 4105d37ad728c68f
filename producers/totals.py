"""Totals of a campaign's report: how many messages, parts and how much money, by status, error, country and the like.

The report is read row by row and only the sums are kept, so a million rows take no more memory than a hundred.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import phonenumbers

from smsq.producers.moments import plain
from smsq.producers.report import operator, printable
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.status import REPORT_STATUSES

MOST_NAMES = 5_000  # of one kind; what comes after them is counted together
OTHERS = "others"
NOT_TOLD = "not told"
NOWHERE = "none"
_HEAD_DIGITS = 7  # with so many digits of a phone its country is known


@dataclass(slots=True)
class Sum:
    """Of some messages."""

    messages: int = 0
    parts: int = 0
    cost: Decimal = Decimal(0)

    def add(self, receipt: Receipt) -> None:
        """One message more."""
        self.messages += 1
        self.parts += receipt.parts
        if receipt.cost:
            self.cost += receipt.cost


def _error(receipt: Receipt) -> str:
    return receipt.error or (f"error {receipt.error_code}" if receipt.error_code else "none")


def _country(receipt: Receipt) -> str:
    """Two letters, 001 for a number of no country, `address` if it is no phone."""
    if not receipt.phone.startswith("+") or not receipt.phone[1:].isdigit():
        return "address" if receipt.id else NOWHERE
    return _region(receipt.phone[: 1 + _HEAD_DIGITS], len(receipt.phone))


@functools.lru_cache(maxsize=65_536)
def _region(head: str, length: int) -> str:
    """The country of the phones that begin so: the library tells +7 and +1 apart by a whole number's first digits."""
    try:
        number = phonenumbers.parse(head.ljust(length, "0"))
    except phonenumbers.NumberParseException:  # of a row that is no message
        return NOWHERE
    code = number.country_code or 0
    return phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(code)


def _hour(receipt: Receipt) -> str:
    return _hour_of(receipt.submitted_at // 3600) if receipt.submitted_at else "never left"


@functools.lru_cache(maxsize=4096)
def _hour_of(hours: int) -> str:
    """An hour by this machine's clock. A zone that is half an hour off has its hours from half to half."""
    return datetime.fromtimestamp(hours * 3600).astimezone().isoformat(" ", "minutes")


def _by_status(name: str, each: Sum) -> tuple[int, str]:
    return (REPORT_STATUSES.index(name) if name in REPORT_STATUSES else len(REPORT_STATUSES), name)


def _by_size(name: str, each: Sum) -> tuple[int, str]:
    return (-each.messages, name)


def _by_amount(name: str, each: Sum) -> tuple[Decimal, str]:
    return (Decimal(-1) if name == OTHERS else Decimal(name), name)


def _by_name(name: str, each: Sum) -> tuple[bool, str]:
    return (not name[:1].isdigit(), name)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to tell messages apart: the name of a message's group, and the order of the groups."""

    of: Callable[[Receipt], str]
    order: Callable[[str, Sum], Any]


KINDS: Final[Mapping[str, Kind]] = {
    "status": Kind(lambda receipt: receipt.status, _by_status),
    "error": Kind(_error, _by_size),
    "operator": Kind(lambda receipt: operator(receipt) or NOT_TOLD, _by_size),
    "country": Kind(_country, _by_size),
    "hour": Kind(_hour, _by_name),
    "cost": Kind(lambda receipt: plain(receipt.cost), _by_amount),
}


class Totals:
    """Sums of a report, by one or more kinds."""

    def __init__(self, kinds: Sequence[str] = ("status",)) -> None:
        self.all = Sum()
        self._sums: dict[str, dict[str, Sum]] = {kind: {} for kind in kinds}

    def of(self, receipts: Iterable[Receipt]) -> Totals:
        """The same, with these rows added."""
        for receipt in receipts:
            self.add(receipt)
        return self

    def add(self, receipt: Receipt) -> None:
        """Count one row."""
        self.all.add(receipt)
        for kind, sums in self._sums.items():
            name = KINDS[kind].of(receipt)
            if name not in sums:
                name = name if len(sums) < MOST_NAMES else OTHERS
                sums.setdefault(name, Sum())
            sums[name].add(receipt)

    def by(self, kind: str) -> list[tuple[str, Sum]]:
        """The sums of one kind, in its order."""
        order = KINDS[kind].order
        return sorted(self._sums[kind].items(), key=lambda pair: order(*pair))

    def as_object(self) -> dict[str, Any]:
        """For machines."""
        return {
            **_object(self.all),
            "by": {kind: [{kind: name, **_object(each)} for name, each in self.by(kind)] for kind in self._sums},
        }

    def lines(self) -> Iterator[str]:
        """For people: a table for each kind."""
        for kind in self._sums:
            pairs = [*self.by(kind), ("all", self.all)]
            width = max(len(kind), *(len(printable(name)) for name, _ in pairs))
            yield f"{kind:<{width}}  {'messages':>10}  {'parts':>10}  {'cost':>12}"
            for name, each in pairs:
                cost = plain(each.cost)
                yield f"{printable(name):<{width}}  {each.messages:>10}  {each.parts:>10}  {cost:>12}"
            yield ""


def _object(each: Sum) -> dict[str, Any]:
    return {"messages": each.messages, "parts": each.parts, "cost": float(each.cost)}
