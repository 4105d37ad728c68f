"""An operator's decision about a batch that is parked or in doubt."""

from __future__ import annotations

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.orders import Orders, orderer
from smsq.worker.logs import redact


class Deciding(Orders):
    """The verb of an operator's decision."""

    def resolve(self, ref: Ref, fence: int, decision: str, reason: str = "") -> str:
        """`settle`, `drop` or `release` a parked or doubtful batch, with the fence that the operator was shown.

        Returns `settled` or `ready`; `stale` if the batch has changed since; `never` or `gone` if there is none.
        Raises LedgerHalted while the run is not in force.
        """
        said, log = " ".join(reason.split()), [self.keys.campaign(ref.campaign, "a")]
        reply = self.call_on("resolve", ref, fence, decision, said, orderer(), redact(said), more_keys=log)
        word = reply[0].decode()
        if word == "halted":
            raise self.halted(reply[1].decode())
        self._note_order(reply, f"{decision}/{ref}")
        return word
