"""What every order of a person shares: the journal of this host is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smsq.worker.ledger.store import Store

OrderWitness = Callable[[str, int, str], None]  # run, n, verb and what it is about


class Orders(Store):
    """What verbs that a person gives have in common."""

    order_witness: OrderWitness | None = None

    def _note_order(self, reply: Sequence[bytes], what: str) -> None:
        """A ledger that fell back has forgotten orders too: the journal knows that there was one."""
        if self.order_witness is not None and len(reply) > 2:
            self.order_witness(reply[1].decode(), int(reply[2]), what)
