"""Read single messages by the numbers that a caller's ids lead to."""

from __future__ import annotations

from collections.abc import Sequence

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.receipt import Receipt
from smsq.worker.ledger.values import BatchView
from smsq.worker.ledger.views import Views


class DoorViews(Views):
    """What the front door reads."""

    def singles(self, numbers: Sequence[int]) -> list[tuple[BatchView, Receipt] | None]:
        """Single messages by their batches, in one round trip; None for one that is no longer kept."""
        batches = self.ledger.read([Ref(number) for number in numbers])
        return [(batch, self._receipt(batch, 0, None)) if batch is not None else None for batch in batches]
