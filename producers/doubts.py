"""Doubts for a person: what is known of messages that nobody can tell about, and deciding about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smsq.producers.installation import Installation
from smsq.worker.domain.batch import MessageId
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger.values import BatchView

# What a person decides, and what the ledger calls it.
DECISIONS = {"settle": "settle", "resend": "release", "drop": "drop"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A batch of which some messages may have been accepted, and everything known about it."""

    batch: BatchView
    decisions: Sequence[tuple[float, str, str]]  # earlier ones: Unix seconds, what, why

    @property
    def id(self) -> str:
        """What the batch is named by on the command line."""
        return str(self.batch.ref.number)

    @property
    def state(self) -> str:
        """`doubtful` while it is asked about, `parked` where only a person can end it."""
        return BatchState(self.batch.state).name.lower()

    @property
    def messages(self) -> list[str]:
        """Ids of the messages without a verdict."""
        return [str(MessageId(self.batch.ref.number, place)) for place in self.batch.waiting()]

    @property
    def phones(self) -> list[str]:
        """The phones of those messages."""
        return [f"+{self.batch.phones[place]}" for place in self.batch.waiting()]


class Doubts:
    """What one does about doubts; `Smsq.doubts`."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def list(self, *, parked_only: bool = True) -> list[Doubt]:
        """Batches that wait for a person, oldest first; also those that are still asked about, if wanted."""
        views = self._smsq.runtime.views
        found = views.undecided("parked") + ([] if parked_only else views.undecided("doubt"))
        return [Doubt(batch=batch, decisions=views.decisions(batch.ref)) for batch in found]

    def show(self, named: str) -> Doubt:
        """One batch, by its number or by the id of one of its messages; raises BadInput for an unknown one."""
        views = self._smsq.runtime.views
        number = named.partition(".")[0]
        batch = views.batch(int(number)) if number.isdecimal() else None
        if batch is None:
            raise BadInput(f"there is no batch {named}; `smsq doubts list` shows what is in doubt")
        return Doubt(batch=batch, decisions=views.decisions(batch.ref))

    def decide(self, doubt: Doubt, decision: str, reason: str) -> Doubt:
        """`settle` (they were accepted), `resend` (may double) or `drop` the messages without a verdict.

        The decision holds for the batch as `doubt` shows it. Raises BadInput without a reason, Conflict
        where it has moved on since.
        """
        if decision not in DECISIONS:
            raise BadInput(f"a decision is one of {', '.join(DECISIONS)}, not {decision!r}")
        if not reason.strip():
            raise BadInput("a decision needs a reason: whoever looks at it later will want to know")
        ref, fence = doubt.batch.ref, doubt.batch.fence
        word = self._smsq.runtime.ledger.resolve(ref, fence, DECISIONS[decision], reason)
        if word not in ("settled", "ready"):
            now = self.show(doubt.id)
            raise Conflict(f"batch {doubt.id} has moved on: it is {now.state} now; look again before you decide")
        if word == "ready":
            self._smsq.runtime.hints.batches(doubt.batch.lane, [ref])
        return self.show(doubt.id)
