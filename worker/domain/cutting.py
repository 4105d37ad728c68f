"""A part of a batch: some of its messages, with all that goes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from smsq.worker.domain.batch import Packed, pack, unpack_recipients, unpack_rows, unpack_texts
from smsq.worker.domain.row_words import pack_words, unpack_words


def part_of(batch: Packed, places: Sequence[int], count: Callable[[str], int], *, first_row: int | None) -> Packed:
    """The batch of the messages at these places; `count` counts the parts of a text.

    `first_row` is the row by which journals know it, None for that of its first message.
    """
    recipients = unpack_recipients(batch.recipients)
    rows = unpack_rows(batch.rows, batch.first_row, batch.count)
    said = unpack_texts(batch.texts) if batch.texts else None
    texts = [said[place] for place in places] if said is not None else None
    parts = batch.parts // batch.count * len(places) if texts is None else sum(map(count, texts))
    made = pack(
        [recipients[place] for place in places], texts, [rows[place] for place in places], parts, first_row=first_row
    )
    words = unpack_words(batch.words, batch.count) if batch.words else []
    return replace(
        batch,
        count=made.count,
        recipients=made.recipients,
        texts=made.texts,
        rows=made.rows,
        first_row=made.first_row,
        parts=made.parts,
        words=pack_words([words[place] for place in places]) if words else b"",
    )
