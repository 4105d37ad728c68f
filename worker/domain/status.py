"""The states of a batch, the statuses of a message, and the moves between them.

One table each. Lua receives them from here, the diagram in `docs/journey.md` is drawn from them,
and the tests walk every pair. A message only moves forward: a report with a lower rank than what
is known changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class BatchState(IntEnum):
    """The state of a batch."""

    READY = 0
    SENDING = 1
    DOUBTFUL = 2
    PARKED = 3
    SETTLED = 4


class IdState(IntEnum):
    """The state of one gateway id of a batch."""

    OPEN = 0
    ABSENT = 1
    ACCEPTED = 2


@dataclass(frozen=True, slots=True)
class BatchMove:
    """One arrow of the batch diagram: from which state, by which verb, to which state, and why."""

    source: BatchState
    verb: str
    target: BatchState
    why: str


BATCH_MOVES: tuple[BatchMove, ...] = (
    BatchMove(BatchState.READY, "claim", BatchState.SENDING, "its turn came and no rule forbids it"),
    BatchMove(BatchState.READY, "claim", BatchState.SETTLED, "late or cancelled before it left"),
    BatchMove(
        BatchState.READY,
        "claim",
        BatchState.DOUBTFUL,
        "late or cancelled, but an earlier attempt may have been accepted",
    ),
    BatchMove(BatchState.READY, "advance", BatchState.SETTLED, "a fact arrived for every phone"),
    BatchMove(BatchState.READY, "adopt", BatchState.DOUBTFUL, "a journal knows of a send the ledger had forgotten"),
    BatchMove(
        BatchState.READY,
        "drop",
        BatchState.SETTLED,
        "its campaign was cancelled, its deadline passed, or its code is over",
    ),
    BatchMove(BatchState.READY, "drop", BatchState.DOUBTFUL, "the same, but an earlier attempt may have been accepted"),
    BatchMove(BatchState.READY, "settle", BatchState.SETTLED, "the answer to an earlier attempt came after all"),
    BatchMove(BatchState.SENDING, "settle", BatchState.SETTLED, "the gateway answered for every phone"),
    BatchMove(
        BatchState.SENDING, "settle", BatchState.READY, "the gateway refused one of several; the others are sent"
    ),
    BatchMove(
        BatchState.SENDING, "settle", BatchState.DOUBTFUL, "refused, but an earlier attempt may have been accepted"
    ),
    BatchMove(BatchState.SENDING, "release", BatchState.READY, "nothing was written, or the gateway said: later"),
    BatchMove(BatchState.SENDING, "doubt", BatchState.DOUBTFUL, "it may have been accepted"),
    BatchMove(BatchState.SENDING, "doubt", BatchState.SETTLED, "facts had arrived for every phone"),
    BatchMove(BatchState.SENDING, "expire", BatchState.DOUBTFUL, "its worker died or hung"),
    BatchMove(BatchState.SENDING, "expire", BatchState.SETTLED, "facts had arrived for every phone"),
    BatchMove(
        BatchState.SENDING,
        "adopt",
        BatchState.DOUBTFUL,
        "a journal knows of a later send that the ledger had forgotten",
    ),
    BatchMove(BatchState.DOUBTFUL, "settle", BatchState.SETTLED, "the answer came after all"),
    BatchMove(BatchState.DOUBTFUL, "advance", BatchState.SETTLED, "every phone has a verdict"),
    BatchMove(BatchState.DOUBTFUL, "probe", BatchState.READY, "its absence is proved: it never arrived"),
    BatchMove(BatchState.DOUBTFUL, "probe", BatchState.READY, "not found, and its sender accepts a second copy, once"),
    BatchMove(
        BatchState.DOUBTFUL, "probe", BatchState.SETTLED, "its absence is proved, and it is late, cancelled or a code"
    ),
    BatchMove(
        BatchState.DOUBTFUL,
        "probe",
        BatchState.PARKED,
        "its sender wants to decide, workers died on it, it was a letter, or it stayed undecided for too long",
    ),
    BatchMove(BatchState.DOUBTFUL, "resolve", BatchState.SETTLED, "an operator settled or dropped it"),
    BatchMove(BatchState.DOUBTFUL, "resolve", BatchState.READY, "an operator released it: it may double"),
    BatchMove(
        BatchState.PARKED, "adopt", BatchState.DOUBTFUL, "a journal knows of a later send that the ledger had forgotten"
    ),
    BatchMove(BatchState.PARKED, "settle", BatchState.SETTLED, "the answer came after all"),
    BatchMove(BatchState.PARKED, "advance", BatchState.SETTLED, "a fact arrived for every phone"),
    BatchMove(BatchState.PARKED, "resolve", BatchState.SETTLED, "an operator settled or dropped it"),
    BatchMove(BatchState.PARKED, "resolve", BatchState.READY, "an operator released it: it may double"),
)


class Status(IntEnum):
    """The verdict on one message as its receipt keeps it; the number is what Redis holds.

    `UNDECIDED` means that the batch's own state speaks for the message.
    """

    UNDECIDED = 0
    ACCEPTED = 1
    DELIVERED = 2
    READ = 3
    CLICKED = 4
    EXPIRED = 5
    UNDELIVERABLE = 6
    REFUSED = 7
    CANCELLED = 8
    LATE = 9
    OPTOUT = 10
    BLOCKED = 11
    CAPPED = 12


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One status: its rank (a higher one wins), whether it ends the message, whether it proves acceptance."""

    rank: int
    is_final: bool
    proves_acceptance: bool


STATUS_TABLE: dict[Status, StatusRow] = {
    Status.UNDECIDED: StatusRow(0, False, False),
    # Ours, written while no id is open; a fact from the gateway still outranks them.
    Status.CANCELLED: StatusRow(5, True, False),
    Status.LATE: StatusRow(5, True, False),
    Status.OPTOUT: StatusRow(5, True, False),
    Status.BLOCKED: StatusRow(5, True, False),
    Status.CAPPED: StatusRow(5, True, False),
    Status.ACCEPTED: StatusRow(10, False, True),
    Status.EXPIRED: StatusRow(30, True, True),
    Status.UNDELIVERABLE: StatusRow(30, True, True),
    Status.REFUSED: StatusRow(30, True, True),
    Status.DELIVERED: StatusRow(40, True, True),
    Status.READ: StatusRow(50, True, True),
    Status.CLICKED: StatusRow(60, True, True),
}

# What a message without a verdict is called, by the state of its batch.
UNDECIDED_NAMES: dict[BatchState, str] = {
    BatchState.READY: "queued",
    BatchState.SENDING: "sending",
    BatchState.DOUBTFUL: "doubtful",
    BatchState.PARKED: "parked",
}

# Every name a report can show, in the order in which a person wants to read them.
REPORT_STATUSES: tuple[str, ...] = (
    "queued",
    "sending",
    "doubtful",
    "parked",
    "accepted",
    "delivered",
    "read",
    "clicked",
    "expired",
    "undeliverable",
    "refused",
    "cancelled",
    "late",
    "duplicate",
    "optout",
    "blocked",
    "capped",
    "invalid",
)
FINAL_STATUSES = frozenset(s.name.lower() for s, row in STATUS_TABLE.items() if row.is_final) | {"duplicate", "invalid"}


def merge(known: Status, reported: Status) -> Status:
    """The status to keep when one is known and another is reported: never backwards."""
    return reported if STATUS_TABLE[reported].rank > STATUS_TABLE[known].rank else known
