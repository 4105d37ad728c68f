"""When everything is up: every lane's processes beat and a scheduler leads. Said once, with what to try next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.processes.service_manager import ServiceManager

LOOK_EVERY_S = 0.5


class Ready:
    """Looks now and then until all have been seen, then says so; `tick` costs next to nothing afterwards.

    `manager` is the service manager that started this process: it is told the same, and that the loop turns.
    """

    def __init__(
        self,
        pids: Callable[[], Collection[int]],
        beats: Callable[[int], float | None],
        leads: Callable[[], bool],
        say: Callable[[], None],
        manager: ServiceManager | None = None,
    ) -> None:
        self._manager = manager or ServiceManager(None)
        self._pids = pids
        self._beats = beats
        self._leads = leads
        self._say = say
        self._next_look = 0.0
        self._is_said = False

    def tick(self, *, is_stopping: bool = False) -> None:
        """Look again, if it is time; a ledger in trouble is looked at later."""
        self._manager.alive()
        if is_stopping:
            self._manager.stopping()
            return
        now = time.monotonic()
        if self._is_said or now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_S
        with contextlib.suppress(LedgerTrouble):
            pids = self._pids()
            if pids and all(self._beats(pid) is not None for pid in pids) and self._leads():
                self._is_said = True
                self._manager.ready()
                self._say()
