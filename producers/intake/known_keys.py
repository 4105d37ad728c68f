"""Keys of rows that are in earlier campaigns: a row with such a key is not sent again.

All campaigns that are kept count, whatever their texts, senders and channels, if the message left, may have left or
waits to leave. A key is compared by 64 bits of a hash.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from smsq.producers.intake.drafts import Draft
from smsq.worker.domain.batch import Ref, unpack_rows
from smsq.worker.domain.campaign import OVER, Range
from smsq.worker.domain.row_words import unpack_keys
from smsq.worker.ledger.campaigns.lately import BATCHES_AT_ONCE, left
from smsq.worker.ledger.views import CampaignView
from smsq.worker.ledger.words import with_words
from smsq.worker.runtime import Runtime

KEY = "key"


def has_keys(draft: Draft) -> bool:
    """Whether rows of a draft have keys."""
    return draft.zoning is not None and draft.zoning.columns.has(KEY)


class KnownKeys:
    """Takes a draft's ranges, then looks up their keys; `besides` are its own campaign and the one it replaces."""

    def __init__(self, runtime: Runtime, *besides: str) -> None:
        self._runtime = runtime
        self._earlier = [view for view in runtime.views.campaigns() if KEY in view.words and view.id not in besides]
        self._hashes, self._rows = array("q"), array("I")

    @property
    def against(self) -> frozenset[tuple[str, int]]:
        """The campaigns with which keys are compared, each with how many rows it has."""
        return frozenset((view.id, view.rows) for view in self._earlier)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Those of them whose producers may enrol more rows, with any keys.

        An occurrence has the keys of its origin, which are compared, and no producer that could compare its rows.
        """
        return tuple(
            view.id for view in self._earlier if not view.closed and view.state not in OVER and view.kin != "every"
        )

    def add(self, part: Range) -> None:
        """Take in the keys of a range."""
        for batch in part.batches if self._earlier else ():
            rows = unpack_rows(batch.rows, batch.first_row, batch.count)
            for row, key in zip(rows, unpack_keys(batch.words), strict=False):
                if key:
                    self._hashes.append(hash(key))
                    self._rows.append(row)

    def sent(self) -> list[tuple[CampaignView, Sequence[int]]]:
        """Earlier campaigns, each with the rows of the draft whose keys it has; the newest first, a row once."""
        order = sorted(range(len(self._hashes)), key=self._hashes.__getitem__)
        hashes = [self._hashes[at] for at in order]
        taken: set[int] = set()
        found: list[tuple[CampaignView, Sequence[int]]] = []
        for view in self._earlier if hashes else ():
            rows = []
            for key in self._keys_of(view):
                at = bisect_left(hashes, hash(key))
                if at < len(hashes) and hashes[at] == hash(key) and (row := self._rows[order[at]]) not in taken:
                    taken.add(row)
                    rows.append(row)
            if rows:
                found.append((view, rows))
        return found

    def _keys_of(self, view: CampaignView) -> Iterator[str]:
        """The keys of a campaign's messages that left, may have left, or wait to leave."""
        ledger, refs = self._runtime.ledger, self._runtime.views.batch_refs(view.id)
        for start in range(0, len(refs), BATCHES_AT_ONCE):
            part: Sequence[Ref] = refs[start : start + BATCHES_AT_ONCE]
            read = [batch for batch in ledger.read(part) if batch is not None]
            for batch in with_words(ledger, read):
                keyed = [(place, place) for place in range(batch.count) if batch.words_of(place).key]
                for place, _ in left(batch, keyed, view.state == "cancelled"):
                    yield batch.words_of(place).key
