"""Which pairs (gateway id, recipient) of a batch are to be asked about."""

from __future__ import annotations

from collections.abc import Iterable

from smsq.worker.domain.receipt import MAX_IDS, unpack
from smsq.worker.domain.status import STATUS_TABLE, IdState, Status
from smsq.worker.ledger.values import BatchView
from smsq.worker.questions import Pair


def open_pairs(batch: BatchView) -> list[Pair]:
    """The pairs of a batch that are accepted, not final, and can be asked about by our ids."""
    pairs = []
    for index, recipient in enumerate(batch.recipients):
        status = Status(batch.status(index))
        if not STATUS_TABLE[status].is_final:
            gateway_id = _carrier(batch, index)
            if gateway_id:
                pairs.append((gateway_id, recipient))
    return pairs


def _carrier(batch: BatchView, index: int) -> int:
    """The id to ask about a message: the one its receipt names.

    0 if none of its ids can still be accepted, or if the gateway does not know it by our id: receipts and pages of
    history tell of such a message.
    """
    live = [i for i in batch.ids if i.holds(index) and i.state != IdState.ABSENT]
    if not live:
        return 0
    place = unpack(batch.receipts, index).id_index
    # The place is a nibble: from the fifteenth id on it means the newest that carried the message.
    carrier = batch.ids[place - 1] if 0 < place < MAX_IDS else live[-1]
    return 0 if carrier.is_by_comment else carrier.gateway_id


def unpaid_pairs(batch: BatchView) -> list[Pair]:
    """The pairs of final messages whose cost the gateway has not told yet."""
    if "1" not in batch.untold:
        return []
    return [
        (gateway_id, recipient)
        for index, recipient in enumerate(batch.recipients)
        if batch.is_untold(index)
        and STATUS_TABLE[Status(batch.status(index))].is_final
        and (gateway_id := _carrier(batch, index))
    ]


def is_said(batch: BatchView, pair: Pair) -> bool:
    """Whether the gateway knows this message by our id in its comment only."""
    return any(known.is_by_comment for known in batch.ids if known.gateway_id == pair[0])


def by_id(batch: BatchView, absent: Iterable[Pair]) -> dict[int, list[int]]:
    """Absent messages in the form of the ledger: by gateway id, their places in the batch."""
    grouped: dict[int, list[int]] = {}
    places = {recipient: index for index, recipient in enumerate(batch.recipients)}
    for gateway_id, recipient in absent:
        grouped.setdefault(gateway_id, []).append(places[recipient])
    return grouped


def unproved_pairs(batch: BatchView) -> list[Pair]:
    """Those of `doubtful_pairs` that are not known to be absent yet."""
    places = {recipient: index for index, recipient in enumerate(batch.recipients)}
    lacking = {
        (known.gateway_id, recipient)
        for known in batch.ids
        if known.absents
        for recipient, index in places.items()
        if known.lacks(index)
    }
    return [pair for pair in doubtful_pairs(batch) if pair not in lacking]


def doubtful_pairs(batch: BatchView) -> list[Pair]:
    """The pairs of every undecided recipient with every open id that carried it, the newest id first."""
    return [
        (known.gateway_id, recipient)
        for known in reversed(batch.ids)
        if known.state == IdState.OPEN
        for index, recipient in enumerate(batch.recipients)
        if batch.status(index) == 0 and known.holds(index)
    ]
