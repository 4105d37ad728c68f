"""Requests whose recipients all opted out, or live where a rule blocks messages: they are refused, not enrolled.

Of several recipients only some of whom are kept back, the others are enrolled with them: the claim leaves those out,
and their status says so, as the gateway's own does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from smsq.worker.domain.recipient import Recipient
from smsq.worker.ledger.ledger import Ledger

LOOK_S = 1.0  # for so long "there is no list" is remembered; the claim looks in any case
MOST = 100  # recipients of a request that are looked up; larger ones are left to the claim


class KeptBack:
    """Tells of a request whether nothing of it may be sent; costs nothing while there is no list."""

    def __init__(self, ledger: Ledger, monotonic: Callable[[], float]) -> None:
        self._ledger = ledger
        self._monotonic = monotonic
        self._none_until = float("-inf")

    async def all_of(self, recipients: Sequence[Recipient], sender: str | None) -> bool:
        """Whether all of these are kept back. Raises LedgerTrouble."""
        if len(recipients) > MOST or self._monotonic() < self._none_until:
            return False
        return await asyncio.to_thread(self._look, recipients, sender)

    def _look(self, recipients: Sequence[Recipient], sender: str | None) -> bool:
        found = self._ledger.screened(recipients, sender=sender, topic="")
        if not found.number:
            self._none_until = self._monotonic() + LOOK_S
        return len(found.statuses) == len(recipients)
