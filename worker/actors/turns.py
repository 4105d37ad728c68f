"""What the sender does after an attempt, and how long one waking of a thread goes on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Turn(Enum):
    """What is to be done after an attempt."""

    OVER = 0
    AGAIN = 1  # the rest of the batch can go at once
    BACK_OFF = 2  # nobody can send now; the sweep brings the batch back
    SICK = 3  # this process cannot; another may


@dataclass
class Run:
    """One waking of a thread: it sends one batch after the other while there are any, until `until`."""

    until: float  # by the monotonic clock
    left: int = 0  # how many were ready without a hint when the ledger last said so
