"""How messages travel to the gateway: the contract of every transport.

Two phases. `open` makes a line and may fail as often as it likes, since nothing was said; `send` speaks once, and
whatever fails from its first write on is answered with `Outcome.UNKNOWN`. Mirrors, breaker and retry stand around the
whole attempt (open, claim, send, settle), never inside a transport. A transport is a folder here that knows its
dialect from `gateway/`, and a row of `table.py`. Never a word of a dialect goes past it, never a send is repeated here.
Questions to the gateway are not a transport's: they are put over HTTP whatever messages travel by (`questions/`).
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
    """One open way to one mirror, for one send at a time."""

    @property
    def mirror(self) -> str:
        """The base URL that this line leads to."""

    def is_quiet(self) -> bool:
        """Whether the line is still open with nothing to read; False means that nothing was or will be written."""

    def is_free(self) -> bool:
        """Whether it may carry one more send at once: it is quiet, owes nothing, and is not kept for too long."""

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        """Send once, within `deadline_s` seconds in all, and say what became of it.

        Raises BadInput if this dialect cannot say it, and Unreachable if the line was closed already: in both cases
        nothing was written. From the first write on everything is an answer; what is raised all the same is a bug,
        and is left to the lease like the death of its process.
        """

    def done(self, keep: bool) -> None:
        """Give the line back; it is closed unless `keep` and nothing is owed: it never spoke, or was fully answered."""


class Transport(Protocol):
    """What opens lines."""

    used_at: float  # by the monotonic clock: when a line was last wanted

    def open(self, mirror: str, timeout_s: float | None = None) -> Line:
        """A line to that mirror, connected but silent; raises Unreachable if there is none in `timeout_s`."""

    def warm(self, mirror: str) -> None:
        """See that a line to `mirror` is ready for a while longer; raises Unreachable."""

    def reach(self, mirror: str) -> None:
        """See that `mirror` can be reached by a new line; raises Unreachable."""

    def close(self) -> None:
        """Close every line that is kept."""
