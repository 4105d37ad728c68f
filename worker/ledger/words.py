"""The words of rows (`domain/row_words.py`) beside the messages of their batches, and their senders and channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from smsq.worker.domain.batch import Options
from smsq.worker.domain.receipt import Receipt
from smsq.worker.domain.row_words import unpack_words
from smsq.worker.ledger.campaigns.lately import WAYS
from smsq.worker.ledger.layout import OF_ROWS
from smsq.worker.ledger.store import Store, translated
from smsq.worker.ledger.values import BatchView

_OPTIONS = msgspec.json.Decoder(Options)
_MOST_KNOWN = 1000  # options of batches at once


def with_words(store: Store, batches: Sequence[BatchView]) -> list[BatchView]:
    """These batches with the words of their rows; one round trip for all."""
    if not batches:
        return []
    with translated(), store.redis.pipeline(transaction=False) as pipe:
        for batch in batches:
            pipe.hget(store.keys.shard(batch.ref.number), f"{batch.ref.number}l")
        packed = pipe.execute()
    return [
        replace(batch, words=unpack_words(each, batch.count)) if each is not None else batch
        for batch, each in zip(batches, packed, strict=True)
    ]


class OwnWays:
    """Tells the sender and the channel of each message of a campaign whose rows have their own; else nothing."""

    def __init__(self, words: str, options: bytes | None) -> None:
        self._are_told = not WAYS.isdisjoint(words.split("\n"))
        self._known = {"": _OPTIONS.decode(options or b"{}")}

    def beside(self, receipt: Receipt, batch: BatchView) -> Receipt:
        """The receipt of a message of this batch, with its sender and its channel."""
        if not self._are_told:
            return receipt
        options = self._known.get(batch.options)
        if options is None:
            if len(self._known) > _MOST_KNOWN:
                self._known = {"": self._known[""]}
            options = self._known[batch.options] = _OPTIONS.decode(batch.options.removeprefix(OF_ROWS))
        return replace(receipt, sender=options.sender or "", channel=options.channel)
