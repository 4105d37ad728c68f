"""The leader: one scheduler at a time, by a lease in the ledger; the others stand by.

Safety does not depend on it: every duty is compare-and-set, so two leaders would only ask twice.
"""

from __future__ import annotations

import os
import secrets
import socket

from smsq.worker.ledger import Ledger

LEASE_S = 2.0  # a standby leads at most so long after the leader's death
RENEW_S = 0.5


class Leader:
    """One scheduler's claim to lead."""

    def __init__(self, ledger: Ledger, name: str | None = None) -> None:
        self._ledger = ledger
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._renewed = float("-inf")
        self._leads = False

    def leads(self, monotonic: float) -> bool:
        """Whether this scheduler leads now; asks the ledger at most twice a second."""
        if monotonic - self._renewed >= RENEW_S:
            self._leads = self._ledger.lead(self.name, LEASE_S)
            self._renewed = monotonic
        return self._leads

    def stand_down(self) -> None:
        """Stop leading at once."""
        if self._leads:
            self._ledger.stand_down(self.name)
        self._leads = False
