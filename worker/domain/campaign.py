"""A campaign's rows as producers hand them to the ledger: ranges of batches, and rejected rows."""

from __future__ import annotations

import sys
import time
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from smsq.worker.domain.batch import Packed

RejectStatus = Literal["invalid", "duplicate", "optout", "blocked", "capped"]
GOING = ("enrolling", "running")  # states in which it is sent
A_PERSON = "a person said so"  # why a campaign is paused
ITSELF = ("budget", "balance", "bad")  # why it is paused without a person
STANDINGS = ("enrolling", "running", "paused", "scheduled", "recurring", "cancelled")  # of one that is not over
OVER = ("done", "cancelled")  # in which nothing more of it leaves; `paused` is neither


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

    `rows` is how many data rows the slice covers: messages in its batches, rejects, and rows that stay `behind`
    since they were sent already. `zones` are the time zones of all batches up to here.
    """

    n: int
    batches: tuple[Packed, ...]
    rejects: tuple[Reject, ...]
    rows: int
    behind: Packed | None = None
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that stay behind since their texts were sent already: which, and by which earlier campaigns.

    `by` are those campaigns, each with when it was sent in Unix seconds; `marks` holds for each row, from 0, its
    campaign's place in `by` plus one, or 0 for a row that is to be sent. What is left out of a campaign is decided
    once and kept with it, so that an interrupted enrolment goes on with the same.
    """

    by: tuple[tuple[str, float], ...]
    marks: array[int] = field(repr=False)

    @classmethod
    def of(cls, sent: Sequence[tuple[str, float, Sequence[int]]], before: LeftOut | None = None) -> LeftOut:
        """Leave these rows out, each with the campaign that sent it and when; and what was left out before."""
        by = list(before.by) if before is not None else []
        marks = before.marks[:] if before is not None else array("H")
        for campaign, at, rows in sent[: _MOST_CAMPAIGNS - len(by)]:
            by.append((campaign, at))
            missing = max(rows, default=0) + 1 - len(marks)
            marks.frombytes(bytes(max(0, missing) * marks.itemsize))
            for row in rows:
                marks[row] = marks[row] or len(by)
        return cls(tuple(by), marks)

    def holds(self, row: int) -> bool:
        """Whether this row stays behind."""
        return row < len(self.marks) and self.marks[row] != 0

    def reason(self, row: int) -> str:
        """Why, for its report."""
        campaign, at = self.by[self.marks[row] - 1]
        return f"sent already by campaign {campaign} on {time.strftime('%Y-%m-%d', time.gmtime(at))}"

    def written(self) -> bytes:
        """The same as the ledger keeps it."""
        marks = self.marks[:]
        if sys.byteorder == "big":
            marks.byteswap()
        return msgspec.msgpack.encode({"by": self.by, "marks": zlib.compress(marks.tobytes(), 6)})

    @classmethod
    def read(cls, written: bytes) -> LeftOut:
        """What `written` wrote."""
        told: Mapping[str, Any] = msgspec.msgpack.decode(written)
        marks = array("H")
        marks.frombytes(zlib.decompress(told["marks"]))
        if sys.byteorder == "big":
            marks.byteswap()
        return cls(tuple((campaign, at) for campaign, at in told["by"]), marks)


_MOST_CAMPAIGNS = 65_535  # a mark has two bytes
