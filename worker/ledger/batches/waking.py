"""The bell of what is ready: enrolling a code rings it, and an idle worker of the urgent lane waits for it.

A ring names no batch: the worker that hears it claims the next one. It is only a wake-up. A lost ring costs what a lost
hint costs, the wait for the sweep, and a ring too many costs a look.
"""

from __future__ import annotations

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.ledger.store import Store, translated
from smsq.worker.redis_client import ask

BELL = "bell:ready:urgent"


class Waking(Store):
    """What workers do at the bell; it is rung by the verbs that enrol."""

    def await_ready(self, seconds: float) -> bool:
        """Take a ring, or wait for one, at most `seconds` (two or less); return whether there was one.

        Each thread waits on a connection of its own. Raises LedgerTrouble.
        """
        with translated(), self._connection() as client:
            return ask(client.connection, ("BLPOP", self.key(BELL), str(seconds))) is not None

    def ring_ready(self) -> bool:
        """Ring for another worker, if this one cannot do what it was woken for; False if that failed."""
        try:
            self.call("ring", [self.key(BELL)])
        except LedgerTrouble:  # the sweep hands out again what is ready
            return False
        return True
