"""The messages of a campaign in the order of its rows.

Batches follow one another in that order, and so do their rows. Only where rows have options of their own do batches
overlap: rows that alternate between two subjects make two batches of one stretch of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smsq.worker.domain.batch import unpack_rows
from smsq.worker.ledger.values import BatchView

Placed = tuple[int, int, BatchView]  # row, index in its batch, the batch


def in_row_order(batches: Iterable[BatchView]) -> Iterator[Placed]:
    """Every message of these batches, which begin in the order of their first rows."""
    waiting: list[Placed] = []
    until = 0  # the last row that waits
    for batch in batches:
        if waiting and batch.first_row > until:
            yield from _sorted(waiting)
            waiting = []
        rows = unpack_rows(batch.rows, batch.first_row, batch.count)
        waiting += [(row, index, batch) for index, row in enumerate(rows)]
        until = max(until, rows[-1])
    yield from _sorted(waiting)


def _sorted(waiting: list[Placed]) -> list[Placed]:
    return sorted(waiting, key=lambda placed: placed[0])
