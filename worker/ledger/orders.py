"""Orders of a person: the journal of this host writes each down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smsq.worker.ledger.store import Store

OrderWitness = Callable[[str, int, str], None]  # run, n, verb and what it is about


class Orders(Store):
    """Base of the verbs that a person gives."""

    order_witness: OrderWitness | None = None

    def _note_order(self, reply: Sequence[bytes], what: str) -> None:
        """Write an order into the journal: a ledger that falls back forgets orders too."""
        if self.order_witness is not None and len(reply) > 2:
            self.order_witness(reply[1].decode(), int(reply[2]), what)
