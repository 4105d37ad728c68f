"""Events that strangers can cause as often as they like, in a bounded number of log lines."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY_S = 60.0
MOST_KINDS = 50  # what is kept in mind; a kind is a sentence of ours, not of theirs


class BoundedLog:
    """Tells the first event of a kind at once, and of those that follow how many they were, once a minute.

    `say(kind, many)` writes the line. Not for several threads.
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
        self._told: dict[str, tuple[float, int]] = {}  # by kind: when it was said last, how many came since

    def note(self, kind: str) -> None:
        """One more of a kind."""
        at, more = self._told.get(kind, (float("-inf"), 0))
        if kind not in self._told and len(self._told) >= MOST_KINDS:
            kind = "other"
            at, more = self._told.get(kind, (float("-inf"), 0))
        self._told[kind] = (at, more + 1)
        if self._monotonic() - at >= self._every_s:
            self._tell(kind)

    def look(self) -> None:
        """Tell what has waited long enough, so that the end of a flood is heard of too; cheap, call it often."""
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
