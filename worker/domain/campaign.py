"""A campaign's rows as producers hand them to the ledger: ranges of batches, and the rows that were turned away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smsq.worker.domain.batch import Packed

RejectStatus = Literal["invalid", "duplicate"]


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that will not be sent, and why; `row` counts data rows from 1.

    `value` is what stood in the row, for its owner's report only, never for a log.
    """

    row: int
    status: RejectStatus
    reason: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The n-th slice of a file (from 1): enrolled as a whole or not at all.

    `rows` is how many data rows the slice covers: messages in its batches plus rejects.
    """

    n: int
    batches: tuple[Packed, ...]
    rejects: tuple[Reject, ...]
    rows: int
