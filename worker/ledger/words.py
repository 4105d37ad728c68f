"""The words of rows (`domain/row_words.py`) beside the messages of their batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smsq.worker.domain.row_words import unpack_words
from smsq.worker.ledger.store import Store, translated
from smsq.worker.ledger.values import BatchView


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
