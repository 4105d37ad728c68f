"""Transports: how messages travel to the gateway. This file is the contract of every transport.

There are two phases. `open` makes a line; it may fail and be repeated, since nothing was sent. `send` sends once, and
any failure from its first write on is answered with `Outcome.UNKNOWN`. Mirrors, breaker and retry are around the whole
attempt (open, claim, send, settle), never inside a transport. A transport is a folder here, which knows its dialect
from `gateway/`, and a row of `table.py`. No word of a dialect leaves it, and it never repeats a send.

Questions to the gateway go over HTTP, whatever the transport of messages is (`questions/`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.outcomes import SendAnswer

MAX_REPLY = 256 * 1024  # bytes of an answer to a send, an ask, a balance or price request
MAX_PAGE = 4 * 1024 * 1024  # bytes of a page of history: 1,000 rows with texts


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer: its HTTP status and its body, undecoded."""

    status: int
    body: bytes = field(repr=False)


class Line(Protocol):
    """One open connection to one mirror, for one send at a time."""

    @property
    def mirror(self) -> str:
        """The base URL that this line leads to."""

    @property
    def is_shared(self) -> bool:
        """Whether it is a place on a connection that others send over too; that finds out by itself if it is silent."""

    def is_quiet(self) -> bool:
        """Whether the line is open and has nothing to read; if False, nothing was or will be written on it."""

    def is_free(self) -> bool:
        """Whether it can carry another send at once: it is quiet, owes no answer, and was not kept for too long."""

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        """Send once, within `deadline_s` seconds in all, and return the outcome.

        Raises BadInput if this dialect cannot express it, and Unreachable if the line was closed already: in both
        cases nothing was written. From the first write on every failure is an outcome. Any other exception is a bug,
        and is left to the lease, like the death of the process.
        """

    def done(self, keep: bool) -> None:
        """Give the line back; it is closed unless `keep` is set and no answer is owed."""


class Transport(Protocol):
    """What opens lines."""

    used_at: float  # when a line was last asked for, by the monotonic clock

    def open(self, mirror: str, timeout_s: float | None = None) -> Line:
        """A line to that mirror, connected but silent; raises Unreachable if that takes longer than `timeout_s`."""

    def warm(self, mirror: str) -> None:
        """Keep a line to `mirror` ready for a while longer; raises Unreachable."""

    def reach(self, mirror: str) -> None:
        """Check that a new line to `mirror` can be opened; raises Unreachable."""

    def close(self) -> None:
        """Close every line that is kept."""
