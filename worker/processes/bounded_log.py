"""A bounded number of log lines for events that strangers can cause at any rate."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY_S = 60.0
MOST_KINDS = 50  # of events that are remembered; a kind is our own sentence, not a stranger's


class BoundedLog:
    """Logs the first event of a kind at once, and the number of those that follow once a minute.

    `say(kind, many)` writes the line. Not thread-safe.
    """

    def __init__(
        self,
        say: Callable[[str, int], None],
        *,
        every_s: float = EVERY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._every_s = every_s
        self._monotonic = monotonic
        self._told: dict[str, tuple[float, int]] = {}  # by kind: when it was logged last, how many came since

    def note(self, kind: str) -> None:
        """Count one event of a kind, and log it if it is the first."""
        at, more = self._told.get(kind, (float("-inf"), 0))
        if kind not in self._told and len(self._told) >= MOST_KINDS:
            kind = "other"
            at, more = self._told.get(kind, (float("-inf"), 0))
        self._told[kind] = (at, more + 1)
        if self._monotonic() - at >= self._every_s:
            self._tell(kind)

    def look(self) -> None:
        """Log counts that have waited long enough, so that the end of a flood is logged too; cheap, call it often."""
        now = self._monotonic()
        for kind, (at, more) in list(self._told.items()):
            if now - at >= self._every_s:
                if more:
                    self._tell(kind)
                else:
                    del self._told[kind]

    def _tell(self, kind: str) -> None:
        many = self._told[kind][1]
        self._told[kind] = (self._monotonic(), 0)
        self._say(kind, many)
