"""What of a doubtful batch is still to be asked about, and whether a second copy of it may leave."""

from __future__ import annotations

from collections.abc import Iterable

from smsq.worker.actors.status import Pair
from smsq.worker.domain.guard import POISON_DEATHS
from smsq.worker.domain.status import IdState
from smsq.worker.ledger.values import BatchView


def may_be_sent_again(batch: BatchView, now: float) -> bool:
    """Whether its sender accepts a second copy that did not leave yet; when it may leave, `probe.lua` says."""
    return (
        batch.on_doubt == "resend"
        and not batch.resent_by
        and now < batch.deadline
        and batch.deaths < POISON_DEATHS
        and sum(known.state == IdState.OPEN for known in batch.ids) == 1
    )


def by_id(batch: BatchView, absent: Iterable[Pair]) -> dict[int, list[int]]:
    """Absent messages as the ledger takes them: by gateway id, their places in the batch."""
    grouped: dict[int, list[int]] = {}
    places = {phone: index for index, phone in enumerate(batch.phones)}
    for gateway_id, phone in absent:
        grouped.setdefault(gateway_id, []).append(places[phone])
    return grouped


def unproved_pairs(batch: BatchView) -> list[Pair]:
    """Those of `doubtful_pairs` of which it is not known yet that they did not arrive."""
    places = {phone: index for index, phone in enumerate(batch.phones)}
    lacking = {
        (known.gateway_id, phone)
        for known in batch.ids
        if known.absents
        for phone, index in places.items()
        if known.lacks(index)
    }
    return [pair for pair in doubtful_pairs(batch) if pair not in lacking]


def doubtful_pairs(batch: BatchView) -> list[Pair]:
    """Every undecided phone under every open id that carried it, the newest id first."""
    return [
        (known.gateway_id, phone)
        for known in reversed(batch.ids)
        if known.state == IdState.OPEN
        for index, phone in enumerate(batch.phones)
        if batch.status(index) == 0 and known.holds(index)
    ]
