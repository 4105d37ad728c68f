"""Read single messages by the numbers that a caller's ids lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.result import CODE
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger.beside import spoken, with_beside
from smsq.worker.ledger.values import BatchView
from smsq.worker.ledger.views import Views


class DoorViews(Views):
    """What the front door reads."""

    def singles(self, numbers: Sequence[int]) -> list[tuple[BatchView, Receipt] | None]:
        """Single messages by their batches, in one round trip; None for one that is no longer kept."""
        batches = self.ledger.read([Ref(number) for number in numbers])
        whole = {batch.ref: batch for batch in with_beside(self.ledger, [each for each in batches if each is not None])}
        return [self._single(whole[batch.ref]) if batch is not None else None for batch in batches]

    def code_of_call(self, ref: Ref) -> str:
        """The code that a call says, '' while it is not known; raises LookupError once it never will be."""
        batch = self.ledger.read([ref])[0]
        if batch is None:
            raise LookupError
        code = spoken(self.ledger, batch).get(CODE, "")
        if not code and batch.state == BatchState.SETTLED:
            raise LookupError
        return code

    def _single(self, batch: BatchView) -> tuple[BatchView, Receipt]:
        receipt = self._receipt(batch, 0, None)
        code = spoken(self.ledger, batch)
        return batch, replace(receipt, result={**receipt.result, **code}) if code else receipt
