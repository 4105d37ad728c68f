"""How bytes travel to the gateway: the contract of every transport.

Two phases. `open` makes a line and may fail as often as it likes, since nothing was said; `say` speaks
once, and whatever fails from its first write on is `Unknown`. Mirrors, breaker and retry stand around
the whole attempt (open, claim, say, settle), never inside a transport.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

MAX_REPLY = 256 * 1024  # bytes of an answer to a send, an ask, a balance or price request
MAX_PAGE = 4 * 1024 * 1024  # bytes of a page of history: 1,000 rows with texts


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer: its HTTP status and its body, undecoded."""

    status: int
    body: bytes = field(repr=False)


class Line(Protocol):
    """One open connection to one mirror, for one request at a time."""

    @property
    def mirror(self) -> str:
        """The base URL that this line leads to."""

    def is_quiet(self) -> bool:
        """Whether the line is still open with nothing to read; False means that nothing was or will be written."""

    def say(self, path: str, body: bytes, deadline_s: float, *, max_reply: int = MAX_REPLY) -> Reply:
        """POST `body` to `path` once and read the whole answer within `deadline_s` seconds.

        Raises NoReply or BrokenReply for anything that happens from the first write on.
        """

    def done(self, keep: bool) -> None:
        """Give the line back; it is closed unless `keep` and nothing is owed: it never spoke, or was fully answered."""


class Transport(Protocol):
    """What opens lines."""

    def open(self, mirror: str, timeout_s: float | None = None) -> Line:
        """A line to that mirror, connected but silent; raises Unreachable where there is none in `timeout_s`."""

    def close(self) -> None:
        """Close every line that is kept."""
