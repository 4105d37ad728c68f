"""Claims of which nothing leaves: to simulated numbers, or to somebody who is not on the guest list.

For a simulated number this is the gateway: it answers the send, and later the questions, by the table of
`domain/simulated.py`. What it says goes the way of every answer and every fact. No request is made, and nothing is
counted among the gateway's requests and errors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from smsq.worker.actors.claims import parts_each
from smsq.worker.domain import guests, simulated
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import STATUS_TABLE, IdState, Status
from smsq.worker.ledger import Claim
from smsq.worker.ledger.values import BatchView
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

Persist = Callable[[Claim, Callable[[], object]], object]


def is_simulated(batch: BatchView | Claim) -> bool:
    """Whether all of a batch goes to simulated numbers: it was marked so when it was enrolled."""
    return batch.channel == simulated.CHANNEL


class Simulation:
    """Ends claims here, and tells what became of simulated messages."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._guests = runtime.settings.guests

    def ends(self, claim: Claim, persist: Persist) -> bool:
        """End a claim here if nothing of it may leave; False if it is an ordinary one."""
        if outside := self._guests.outside(claim.recipients):
            log.error(
                "refused batch=%s many=%d of=%d why=%s",
                claim.ref, len(outside), len(claim.recipients), self._guests.why(outside[0]),
            )  # fmt: skip
            persist(claim, lambda: self._rt.ledger.settle_refused(claim, guests.FORBIDDEN))
            return True
        if not is_simulated(claim):
            return False
        fate, ledger = simulated.fate_of(claim.recipients[0]), self._rt.ledger
        parts = parts_each(claim)
        match fate.answer:
            case "refused":
                persist(claim, lambda: ledger.settle_refused(claim, fate.code))
            case "doubt":
                persist(claim, lambda: ledger.doubt(claim, "no_answer", simulated.DOUBT_AGAIN_S, over=True))
            case _:
                told = claim, parts, Decimal(0), simulated.FIRST_ASK_S
                persist(claim, lambda: ledger.settle_accepted(*told))
        return True

    def tell(self, batches: Iterable[BatchView]) -> list[BatchView]:
        """Tell the statuses of simulated batches that are due; returns the others, for the gateway."""
        others = []
        for batch in batches:
            if not is_simulated(batch):
                others.append(batch)
                continue
            self._advance(batch)
            self._rt.ledger.asked(batch.ref, simulated.ASK_EVERY_S)
        return others

    def find(self, batch: BatchView) -> bool:
        """Tell what is known of a doubtful simulated batch; it is due again until all is. False for another batch."""
        if not is_simulated(batch):
            return False
        self._advance(batch)
        which = "doubt:urgent" if batch.lane == "urgent" else "doubt"
        self._rt.ledger.put_off(which, batch.ref, simulated.DOUBT_AGAIN_S)
        return True

    def _advance(self, batch: BatchView) -> None:
        facts = list(facts_of(batch, self._rt.ledger.time()))
        if facts:
            self._rt.ledger.advance(facts, simulated.DOUBT_AGAIN_S)


def facts_of(batch: BatchView, now: float) -> Iterator[Fact]:
    """What the gateway would say of a simulated batch `now`: of every message under each id that may be accepted."""
    for known in batch.ids:
        if known.state == IdState.ABSENT:
            continue
        age_s = now - known.claimed_at
        for index, recipient in enumerate(batch.recipients):
            fate = simulated.fate_of(recipient)
            status = Status(batch.status(index))
            is_over = age_s >= fate.after_s
            if not known.holds(index) or age_s < fate.found_s or STATUS_TABLE[status].is_final:
                continue
            if status is Status.ACCEPTED and not is_over:
                continue
            yield Fact(
                gateway_id=known.gateway_id,
                recipient=recipient,
                status=fate.status if is_over else Status.ACCEPTED,
                error_code=fate.error if is_over else 0,
                parts=max(1, batch.parts // batch.count),
                cost=Decimal(0),
                at=int(known.claimed_at + (fate.after_s if is_over else fate.found_s)),
            )
