"""Ends a worker process that looks alive and does not work, so that the supervisor can start it again.

There are two signs: a thread of dramatiq died, or Redis has hints as fetched by this process which it neither runs nor
holds (the reply to its fetch was lost).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

import dramatiq
from dramatiq.errors import ConnectionClosed

from smsq.worker.queues.hint_broker import HintBroker

__all__ = ["SICK", "Watchdog"]

SICK: Final = 70  # exit code of a process that ended itself; EX_SOFTWARE
LOOK_EVERY_S = 1.0
STRAY_S = 5.0  # a hint may be on its way to us for the time of one reply: it is lost only after more

_log = logging.getLogger(__name__)


def _exit(why: str) -> None:
    os._exit(SICK)


class Watchdog:
    """Looks every second at one worker of one process.

    `end` is called once with the reason; by default it ends the process at once with code 70. What was being sent
    becomes doubtful and is asked about, as after any crash.
    """

    def __init__(
        self,
        broker: HintBroker,
        worker: dramatiq.Worker,
        end: Callable[[str], None] = _exit,
        *,
        look_every_s: float = LOOK_EVERY_S,
        stray_s: float = STRAY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._end = end
        self._look_every_s = look_every_s
        self._stray_s = stray_s
        self._monotonic = monotonic
        self._astray_since: dict[str, float] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Call `look` in a thread of its own until `stop`."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop looking: the worker is being stopped on purpose."""
        self._stopped.set()

    def look(self) -> str | None:
        """Why the process should end, or None."""
        return self._dead_thread() or self._stray_hints()

    def _run(self) -> None:
        while not self._stopped.wait(self._look_every_s):
            why = self.look()
            if why is not None and not self._stopped.is_set():
                _log.critical("worker ends itself why=%s", why)
                self._end(why)
                return

    def _dead_thread(self) -> str | None:
        threads: list[threading.Thread] = [*self._worker.consumers.values(), *self._worker.workers]
        dead = [type(thread).__name__ for thread in threads if not thread.is_alive()]
        return f"{dead[0]} died" if dead else None

    def _stray_hints(self) -> str | None:
        now, astray = self._monotonic(), set[str]()
        for queue in self._worker.consumers:
            try:
                fetched = self._broker.fetched(queue)
            except ConnectionClosed:
                return None  # nothing is known while Redis is away
            astray |= fetched - self._broker.held[queue]
        self._astray_since = {hint: self._astray_since.get(hint, now) for hint in astray}
        lost = sum(now - since >= self._stray_s for since in self._astray_since.values())
        return f"{lost} hints fetched and lost" if lost else None
