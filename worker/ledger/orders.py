"""Orders of a person or of the installation itself: who gave one, and the journal of this host writes it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from smsq.worker.ledger.store import Store
from smsq.worker.ownership import user_name

OrderWitness = Callable[[str, int, str], None]  # run, n, verb and what it is about

SCHEDULER = "scheduler"  # who gives automatic orders
_BY: ContextVar[str] = ContextVar("by", default="")


@contextmanager
def ordered_by(who: str) -> Iterator[None]:
    """The orders that are given within are put down to `who`, such as `key shop` or `scheduler`, in this thread."""
    before = _BY.set(who)
    try:
        yield
    finally:
        _BY.reset(before)


def orderer() -> str:
    """Who gives orders now: whom `ordered_by` names, else the user of this process, such as `user anna`."""
    return _BY.get() or f"user {user_name()}"


class Orders(Store):
    """Base of the verbs that a person gives."""

    order_witness: OrderWitness | None = None

    def _note_order(self, reply: Sequence[bytes], what: str) -> None:
        """Write an order into the journal: a ledger that falls back forgets orders too."""
        if self.order_witness is not None and len(reply) > 2:
            self.order_witness(reply[1].decode(), int(reply[2]), what)
