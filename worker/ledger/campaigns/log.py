"""The log of a campaign: what was done to it, by whom and when, as the verbs themselves note it.

`lua/include/audit.lua` writes the entries. It goes with the campaign, and holds no phone and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

_WRITTEN = msgspec.msgpack.Decoder(tuple[int, str, str, str, list[str | int | float]])


@dataclass(frozen=True, slots=True)
class Change:
    """One value that an order changed; '' for none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One order: when it was given (Unix seconds), by whom (`user anna`, `key shop`, `scheduler`), what it changed.

    `what` is the verb: begin, close (all rows are in), pause, resume, cancel, …; `why` is in words, '' if nobody said.
    """

    at: float
    by: str
    what: str
    why: str
    changes: Sequence[Change] = ()

    @classmethod
    def read(cls, written: bytes) -> Entry:
        """What `audit.lua` wrote."""
        at, by, what, why, flat = _WRITTEN.decode(written)
        said = [str(value) for value in flat]
        changes = [Change(*said[place : place + 3]) for place in range(0, len(said), 3)]
        return cls(at=at / 1000, by=by, what=what, why=why, changes=changes)


def written_changes(changes: Sequence[Change]) -> bytes:
    """Changes as a verb takes them."""
    return msgspec.msgpack.encode([value for change in changes for value in (change.name, change.before, change.after)])
