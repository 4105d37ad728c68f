"""When everything is up: every lane's processes beat and a scheduler leads. Said once, with what to try next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection

from smsq.worker.domain.errors import LedgerTrouble

LOOK_EVERY_S = 0.5


class Ready:
    """Looks now and then until all have been seen, then says so; `tick` costs nothing afterwards."""

    def __init__(
        self,
        pids: Callable[[], Collection[int]],
        beats: Callable[[int], float | None],
        leads: Callable[[], bool],
        say: Callable[[], None],
    ) -> None:
        self._pids = pids
        self._beats = beats
        self._leads = leads
        self._say = say
        self._next_look = 0.0
        self._is_said = False

    def tick(self) -> None:
        """Look again, if it is time; a ledger in trouble is looked at later."""
        now = time.monotonic()
        if self._is_said or now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_S
        with contextlib.suppress(LedgerTrouble):
            pids = self._pids()
            if pids and all(self._beats(pid) is not None for pid in pids) and self._leads():
                self._is_said = True
                self._say()
