"""Doubts for a person: batches whose outcome is unknown, and deciding about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smsq.producers.installation import Installation
from smsq.producers.report import iso
from smsq.worker.domain.batch import MessageId
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.domain.recipient import written
from smsq.worker.domain.status import BatchState
from smsq.worker.domain.window import Window
from smsq.worker.ledger.values import BatchView
from smsq.worker.runtime import Runtime

# A person's decision: the ledger's word for it.
DECISIONS = {"settle": "settle", "resend": "release", "drop": "drop"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A batch of which some messages may have been accepted, and everything known about it."""

    batch: BatchView
    decisions: Sequence[tuple[float, str, str]]  # earlier ones: Unix seconds, what, why
    next_ask: float = 0.0  # Unix seconds; 0 if it is no longer asked about
    absence_from: float | None = None  # from when "not found" ends it, in Unix seconds; None without a control

    @property
    def id(self) -> str:
        """The batch number, by which the command line names it."""
        return str(self.batch.ref.number)

    @property
    def state(self) -> str:
        """`doubtful` while it is asked about, `parked` if only a person can end it."""
        return BatchState(self.batch.state).name.lower()

    @property
    def messages(self) -> list[str]:
        """Ids of the messages without a verdict."""
        return [str(MessageId(self.batch.ref.number, place)) for place in self.batch.waiting()]

    @property
    def phones(self) -> list[str]:
        """The recipients of those messages."""
        return [written(self.batch.recipients[place]) for place in self.batch.waiting()]

    @property
    def waits(self) -> str:
        """What it waits for and until when, in a sentence; '' if only a person can end the doubt."""
        return waits_for([self]) if self.state == "doubtful" else ""


def waits_for(doubts: Sequence[Doubt]) -> str:
    """What these wait for and until when, in one sentence; '' for none. The latest `absence_from` counts."""
    if not doubts:
        return ""
    many = sum(len(doubt.messages) for doubt in doubts)
    what = "1 message is in doubt" if many == 1 else f"{many} messages are in doubt"
    if any(doubt.absence_from is None for doubt in doubts):
        return (
            f"{what}: `not found` proves nothing until the gateway has shown a message that it did accept, and it has "
            "shown none yet"
        )
    until = iso(max(doubt.absence_from or 0.0 for doubt in doubts))
    after = iso(min(doubt.next_ask for doubt in doubts))
    return f"{what}: what the gateway has not shown by {until} counts as not arrived; the next question is at {after}"


def in_doubt(runtime: Runtime, batches: Sequence[BatchView]) -> list[Doubt]:
    """These batches, each with its phones, decisions, next question and when absence may end its doubt."""
    views, settings = runtime.views, runtime.settings
    asks = views.next_asks()
    control = runtime.ledger.control_message(settings.visible_s)
    window = Window(
        settle_s=settings.doubt_settle_s,
        late_s=settings.peer_close_s + settings.arrival_s,
        visible_after_s=runtime.ledger.visible_after(),
    )
    found = []
    for batch in batches:
        claimed_at = batch.ids[-1].claimed_at if batch.ids else batch.since
        needed_s = window.needed_s(claimed_at, control.accepted_at if control is not None else None)
        found.append(
            Doubt(
                batch=batch,
                decisions=views.decisions(batch.ref),
                next_ask=asks.get(batch.ref, 0.0),
                absence_from=claimed_at + needed_s if needed_s is not None else None,
            )
        )
    return found


class Doubts:
    """List doubtful batches and decide about them: `Smsq.doubts`."""

    def __init__(self, smsq: Installation) -> None:
        self._smsq = smsq

    def list(self, *, parked_only: bool = True) -> list[Doubt]:
        """Batches that wait for a person, oldest first; without `parked_only` also those that are still asked about."""
        views = self._smsq.runtime.views
        found = views.undecided("parked") + ([] if parked_only else views.undecided("doubt"))
        return in_doubt(self._smsq.runtime, found)

    def show(self, named: str) -> Doubt:
        """One batch, by its number or by the id of one of its messages. Raises BadInput if there is none."""
        views = self._smsq.runtime.views
        number = named.partition(".")[0]
        batch = views.batch(int(number)) if number.isdecimal() else None
        if batch is None:
            raise BadInput(f"there is no batch {named}; `smsq doubts list` shows what is in doubt")
        return in_doubt(self._smsq.runtime, [batch])[0]

    def decide(self, doubt: Doubt, decision: str, reason: str) -> Doubt:
        """Decide about the messages without a verdict: `settle` (they were accepted), `resend` (may double) or `drop`.

        The decision holds for the batch as `doubt` shows it. Raises BadInput without a `reason`, Conflict if the
        batch has changed since.
        """
        if decision not in DECISIONS:
            raise BadInput(f"a decision is one of {', '.join(DECISIONS)}, not {decision!r}")
        if not reason.strip():
            raise BadInput("a decision needs a reason, for those who look at it later")
        ref, fence = doubt.batch.ref, doubt.batch.fence
        word = self._smsq.runtime.ledger.resolve(ref, fence, DECISIONS[decision], reason)
        if word not in ("settled", "ready"):
            now = self.show(doubt.id)
            raise Conflict(f"batch {doubt.id} has changed: it is {now.state} now; look again before you decide")
        if word == "ready":
            self._smsq.runtime.hints.batches(doubt.batch.lane, [ref])
        return self.show(doubt.id)
