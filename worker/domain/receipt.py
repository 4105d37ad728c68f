"""A receipt: what is known of one message, and its eleven bytes in the ledger.

    status 1 · error code 1 · parts and id index 1 (a nibble each) · cost 4 (1/10,000) · time 4 (Unix seconds)

Eleven zero bytes mean that nothing is known yet and the batch's state speaks for the message.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from smsq.worker.domain.money import of_units
from smsq.worker.domain.status import UNDECIDED_NAMES, BatchState, Status

SIZE = 11
_LAYOUT = struct.Struct(">BBBII")
_STATUSES = tuple(Status)  # their numbers are their places
MAX_IDS = 15  # gateway ids a batch may collect: the id index is a nibble
MAX_PARTS = 15  # that it can count; larger numbers, as of a call's seconds, are kept beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The unpacked eleven bytes."""

    status: Status
    error_code: int
    parts: int
    id_index: int
    cost: Decimal
    at: int


def unpack(blob: bytes, index: int) -> Stored:
    """The receipt at `index` of a batch's receipts; an empty blob means nothing is known."""
    status, error, nibbles, cost, at = _LAYOUT.unpack_from(blob, index * SIZE) if blob else (0, 0, 0, 0, 0)
    return Stored(
        status=_STATUSES[status],
        error_code=error,
        parts=nibbles & 15,
        id_index=nibbles >> 4,
        cost=of_units(cost),
        at=at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a person, a report or a program is told about one message.

    `status` is one of `REPORT_STATUSES`; times are Unix seconds, 0 if nothing happened yet;
    `gateway_id` is the id under which it was accepted, else the newest tried, else None.
    """

    id: str
    phone: str
    status: str
    gateway_id: int | None = None
    error_code: int = 0
    error: str = ""
    parts: int = 0
    cost: Decimal = Decimal(0)
    attempts: int = 0
    submitted_at: int = 0
    status_at: int = 0
    row: int | None = None
    campaign: str = ""
    why: str = ""  # why it waits or is parked, if the ledger knows
    may_double: bool = False  # sent again by a decision that two copies are better than none
    reference: str = field(default="", repr=False)  # the caller's own, as are these two
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str = field(default="", repr=False)
    result: Mapping[str, str] = field(default_factory=dict, repr=False)  # as `domain/result.py` has it
    sender: str = ""  # as these two were asked for, if rows of its campaign have their own
    channel: str = ""


def status_name(stored: Status, state: BatchState) -> str:
    """The report's name for a message: its own verdict, or what its batch's state says."""
    if stored is not Status.UNDECIDED:
        return stored.name.lower()
    return UNDECIDED_NAMES.get(state, "queued")
