"""Lanes: the kinds of work, each with its own queues and processes. All facts about a lane are in its row.

Two lanes send: `urgent` carries codes and single messages, `bulk` carries campaigns. `status` asks the gateway what
became of them, `chores` asks for the balance and for prices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from smsq.worker.domain.guard import MORE_URGENT

SENDS_OF_ONE_PROCESS: Final = 40  # under way at 50 ms each are 800 a second, more than one interpreter can do


class AtOnce(Protocol):
    """How many requests the log-in may have under way; fields of the settings."""

    @property
    def parallel_sends(self) -> int: ...
    @property
    def urgent_slots(self) -> int: ...
    @property
    def parallel_asks(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """How a lane's processes wait for hints of one queue."""

    name: str
    poll_ms: int  # the longest sleep of an idle consumer that cannot wait for the bell
    slice_s: float  # the longest wait for the bell, and what a lost ring costs
    threads: int = 0  # that serve this queue alone; 0: those of the lane do
    yields_s: float = 0.0  # sick processes serve it too, but wait so long for others


@dataclass(frozen=True, slots=True, kw_only=True)
class Sends:
    """What is true of a lane that sends."""

    number: int  # in the ledger, for good
    hint_again_s: float  # what was handed out and not claimed is hinted again
    first_ask_s: float  # from the doubt to its first question
    asks_s: tuple[float, ...]  # from the claim to each question within the window; some may be left out
    slow_s: float  # from enrolment to acceptance; the log names a batch that took longer
    most_errors: int  # in ten minutes, then the lane pauses: at a hundred the gateway blocks an address (its FAQ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One row."""

    name: str
    nice: int  # so that codes get the processor first
    threads: Callable[[AtOnce], int]  # of all its processes together, so that the log-in's requests can all be used
    queues: tuple[Queue, ...]  # its own first
    processes: Callable[[AtOnce, int], int] = lambda may, cores: 1  # that `smsq up` runs, with so many cores
    sends: Sends | None = None
    asks: bool = True  # about messages: it is of no use while the log-in is refused
    carries_otp: bool = False  # so that it needs the secret key, and keeps lines warm
    ends_campaigns: bool = False  # without it no campaign ends
    hears_the_ledger: bool = False  # who enrols in it wakes a worker in the same round trip
    is_numbered: bool = False  # its only process is called `bulk-1`, not `bulk`


STATUS_URGENT: Final = "status.urgent"  # questions about codes, which wait behind no campaign's

_ROWS = (
    Lane(
        name="urgent",
        nice=0,
        threads=lambda may: may.parallel_sends + MORE_URGENT,
        processes=lambda may, cores: min(cores, math.ceil(may.parallel_sends / SENDS_OF_ONE_PROCESS)),
        queues=(Queue(name="urgent", poll_ms=20, slice_s=0.25),),
        sends=Sends(
            number=0,
            hint_again_s=2.0,
            first_ask_s=1.0,
            asks_s=(1.0, 3.0, 8.0, 15.0, 45.0, 90.0, 180.0),
            slow_s=5.0,
            most_errors=80,
        ),
        carries_otp=True,
        hears_the_ledger=True,
    ),
    Lane(
        name="bulk",
        nice=15,
        threads=lambda may: may.parallel_sends - may.urgent_slots,
        processes=lambda may, cores: cores,
        queues=(Queue(name="bulk", poll_ms=50, slice_s=1.0),),
        sends=Sends(
            number=1,
            hint_again_s=3.0,
            first_ask_s=5.0,
            asks_s=(5.0, 15.0, 45.0, 90.0, 180.0),
            slow_s=math.inf,  # it may wait for hours, for its window or its rate
            most_errors=50,
        ),
        ends_campaigns=True,
        is_numbered=True,
    ),
    Lane(
        name="status",
        nice=10,
        threads=lambda may: may.parallel_asks + 1,
        queues=(
            Queue(name="status", poll_ms=50, slice_s=1.0),
            Queue(name=STATUS_URGENT, poll_ms=50, slice_s=0.25, threads=4),  # each waits for one answer at a time
        ),
        ends_campaigns=True,
    ),
    Lane(
        name="chores",
        nice=10,
        threads=lambda may: 2,
        queues=(Queue(name="chores", poll_ms=100, slice_s=1.0, yields_s=0.5),),
        asks=False,
    ),
)

LANES: Final[Mapping[str, Lane]] = MappingProxyType({row.name: row for row in _ROWS})
SENDING: Final[Mapping[str, Sends]] = MappingProxyType({row.name: row.sends for row in _ROWS if row.sends})
QUEUES: Final[Mapping[str, Queue]] = MappingProxyType({queue.name: queue for row in _ROWS for queue in row.queues})
SENDING_BY_NUMBER: Final = tuple(sorted(SENDING, key=lambda name: SENDING[name].number))  # as the ledger stores them
