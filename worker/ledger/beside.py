"""What lies beside receipts: what probes found out, counts of parts above fifteen, and codes that calls said.

The records of sixteen messages are one field of their batch's hash, which exists only if one of them has something
(`lua/include/beside.lua` writes them). They are kept as long as receipts. A code is sealed, and removed when texts are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import SmsqError
from smsq.worker.domain.result import CODE, of_values
from smsq.worker.ledger.layout import BESIDE_SIZE, BesidePlace
from smsq.worker.ledger.store import Store, translated
from smsq.worker.ledger.values import BatchView, Beside

_RECORDS = msgspec.msgpack.Decoder(list[list[int | str]])


def with_beside(store: Store, batches: Sequence[BatchView]) -> list[BatchView]:
    """These batches with what lies beside their receipts; one round trip for all that have something."""
    having = [batch for batch in batches if batch.has_beside]
    if not having:
        return list(batches)
    with translated(), store.redis.pipeline(transaction=False) as pipe:
        for batch in having:
            n = batch.ref.number
            pipe.hmget(store.keys.shard(n), [f"{n}x{chunk}" for chunk in range(-(-batch.count // BESIDE_SIZE))])
        rows = pipe.execute()
    found = {batch.ref: _records(row) for batch, row in zip(having, rows, strict=True)}
    return [replace(batch, beside=found[batch.ref]) if batch.ref in found else batch for batch in batches]


def spoken(store: Store, batch: BatchView) -> Mapping[str, str]:
    """The code that a call said, as a result; empty if there is none, or if we have not the key to open it."""
    if not batch.sealed_code:
        return {}
    try:
        return {CODE: store.sealing().open(batch.sealed_code, code_of(batch.ref)).decode()}
    except SmsqError:
        return {}


def code_of(ref: Ref) -> str:
    """The associated data of a call's sealed code: it opens for this batch only."""
    return f"code/{ref.number}"


def _records(fields: Sequence[bytes | None]) -> dict[int, Beside]:
    records = [record for packed in fields if packed is not None for record in _RECORDS.decode(packed)]
    return {
        int(record[BesidePlace.INDEX]): Beside(
            parts=int(record[BesidePlace.COUNT]),
            result=of_values([str(value) for value in record[BesidePlace.VALUES :]]),
        )
        for record in records
    }
