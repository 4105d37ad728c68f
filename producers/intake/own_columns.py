"""A campaign's file beside its report: the cells of each row, found by its number.

The ledger keeps phones and texts, not the columns they were made of, so the file is read once more. It is the
campaign's own if it has as many rows and each of them ends in the digits of the phone that the report has; an edited or
another file is an error, not a report whose columns belong to other people.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.recipient import EVERY_KIND, parse

ALIKE = 7  # digits at the end of a phone: the file has these, however the others are written


class File(Protocol):
    """What is needed of a campaign's file (`rows.Source`)."""

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    def rows(self) -> Iterator[tuple[int, str, Sequence[str]] | Reject]: ...


@dataclass(frozen=True, slots=True)
class OwnColumns:
    """The columns of one file, to be read in the order of a report; of the statuses in `only`, if there are any."""

    file: File
    only: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The file's header."""
        return self.file.columns

    def beside(self, receipts: Iterable[Receipt]) -> Iterator[tuple[Receipt, Sequence[str]]]:
        """Each receipt with its row's cells, blank ones if it could not be read; `receipts` are all of a campaign's.

        Raises BadInput for another file.
        """
        rows = self.file.rows()
        number, phone, cells = 0, "", _blank(self.names)
        for receipt in receipts:
            wanted = receipt.row or 0
            while number < wanted:
                found = next(rows, None)
                if found is None:
                    raise BadInput(f"{self.file.name} ends after {number} rows, but the campaign's file had more")
                if isinstance(found, Reject):
                    number, phone, cells = found.row, found.value, _blank(self.names)
                else:
                    number, phone, cells = found
            if receipt.id and ending(phone) != ending(receipt.phone):
                raise BadInput(
                    f"row {wanted} of {self.file.name} has another phone than the campaign has: this is not the file "
                    "that was sent, or it was changed since"
                )
            if not self.only or receipt.status in self.only:
                yield receipt, cells
        if next(rows, None) is not None:
            raise BadInput(f"{self.file.name} has more than the {number} rows of the campaign's file")


def _blank(names: Sequence[str]) -> Sequence[str]:
    return ("",) * len(names)


def ending(phone: str) -> str:
    """What two ways to write one recipient have in common: the last digits of a phone, the whole of an address."""
    if "@" in phone or phone.lstrip().startswith("#"):
        with contextlib.suppress(BadInput):
            return str(parse(phone, EVERY_KIND))
    return "".join(char for char in phone if char.isdecimal())[-ALIKE:]
