"""What an operator decides about a batch that is parked or in doubt."""

from __future__ import annotations

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.orders import Orders


class Deciding(Orders):
    """The verb of an operator's decision."""

    def resolve(self, ref: Ref, fence: int, decision: str, reason: str = "") -> str:
        """An operator's `settle`, `drop` or `release` of a parked or doubtful batch, with the fence that was shown.

        `settled`, `ready`, or `stale` if it has moved on since; `never` and `gone` if there is no such batch.
        Raises LedgerHalted while the run is not in force.
        """
        reply = self.call_on("resolve", ref, fence, decision, " ".join(reason.split()))
        word = reply[0].decode()
        if word == "halted":
            raise self.halted(reply[1].decode())
        self._note_order(reply, f"{decision}/{ref}")
        return word
