"""From rows to ranges: normalise, drop duplicates, render, check, count parts, pack.

The same rows, template and sizes always give the same ranges, so that a campaign that was
interrupted goes on at the range where it stood. Of several rows with one phone the first good one counts. Rows
that are left out since they were sent already leave a gap in their batch, whose place in the file stays what it is:
journals know a batch by that place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from smsq.producers.intake.rows import MISSING, Row, shown
from smsq.producers.intake.templates import Template
from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import Packed, pack
from smsq.worker.domain.campaign import LeftOut, Range, Reject
from smsq.worker.domain.errors import BadPhone, BadText
from smsq.worker.domain.phone import parse


def prepare(
    rows: Iterable[Row | Reject],
    template: Template,
    batch_size: int,
    batches_per_range: int,
    *,
    region: str = "RU",
    left_out: LeftOut | None = None,
) -> Iterator[Range]:
    """Ranges from 1, each over `batch_size * batches_per_range` rows (the last over what is left).

    Raises BadText if a constant text may not be sent; texts of single rows become rejects.
    """
    slices = Slices(template, batch_size, region, left_out)
    source, size = iter(rows), batch_size * batches_per_range
    n = 0
    while portion := list(islice(source, size)):
        n += 1
        yield slices.range(n, portion)


class Slices:
    """Makes ranges one after another; remembers every phone it has seen."""

    def __init__(self, template: Template, batch_size: int, region: str, left_out: LeftOut | None = None) -> None:
        self._template = template
        self._batch_size = batch_size
        self._region = region
        self._left_out = left_out
        self._behind: list[tuple[int, int]] = []  # phones and rows of this range that stay behind
        self._seen: set[int] = set()
        self._constant_parts = 0
        if template.is_constant:
            text = template.render(())
            texts.check(text)
            self._constant_parts = texts.parts(text)

    def range(self, n: int, portion: list[Row | Reject]) -> Range:
        """The n-th range, from these rows."""
        rejects: list[Reject] = []
        make = self._same_text if self._template.is_constant else self._own_texts
        batches = tuple(make(portion, rejects))
        behind, self._behind = self._behind, []
        left = pack([phone for phone, _ in behind], None, [row for _, row in behind], 0) if behind else None
        return Range(n=n, batches=batches, rejects=tuple(rejects), rows=len(portion), behind=left)

    def _same_text(self, portion: list[Row | Reject], rejects: list[Reject]) -> Iterator[Packed]:
        seen, region, size = self._seen, self._region, self._batch_size
        phones: list[int] = []
        numbers: list[int] = []
        for row in portion:
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            try:
                phone = parse(row[1], region)
            except BadPhone as error:
                rejects.append(_invalid(row, error.sentence))
                continue
            if phone in seen:
                rejects.append(_duplicate(row))
                continue
            seen.add(phone)
            phones.append(phone)
            numbers.append(row[0])
        for at in range(0, len(phones), size):
            first = numbers[at]
            batch, here = phones[at : at + size], numbers[at : at + size]
            if self._left_out is not None:
                kept = self._kept(here, batch)
                batch, here = [batch[place] for place in kept], [here[place] for place in kept]
                if not kept:
                    continue
            yield pack(batch, None, here, self._constant_parts * len(batch), first_row=first)

    def _own_texts(self, portion: list[Row | Reject], rejects: list[Reject]) -> Iterator[Packed]:
        seen, region, size, render = self._seen, self._region, self._batch_size, self._template.render
        check, count = texts.check, texts.parts
        phones: list[int] = []
        numbers: list[int] = []
        written: list[str] = []
        parts: list[int] = []
        for row in portion:
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            try:
                phone = parse(row[1], region)
                if phone in seen:
                    rejects.append(_duplicate(row))
                    continue
                if row[2][-1] is MISSING:
                    self._template.require(row[2])
                text = render(row[2])
                check(text)
                if "\\n" in text:
                    texts.check_list(text)
            except (BadPhone, BadText) as error:
                rejects.append(_invalid(row, error.sentence))
                continue
            seen.add(phone)
            phones.append(phone)
            numbers.append(row[0])
            written.append(text)
            parts.append(count(text))
        for at in range(0, len(phones), size):
            end, first = at + size, numbers[at]
            batch, here, said, many = phones[at:end], numbers[at:end], written[at:end], parts[at:end]
            if self._left_out is not None:
                kept = self._kept(here, batch)
                batch, here = [batch[place] for place in kept], [here[place] for place in kept]
                said, many = [said[place] for place in kept], [many[place] for place in kept]
                if not kept:
                    continue
            yield pack(batch, said, here, sum(many), first_row=first)

    def _kept(self, rows: list[int], phones: list[int]) -> list[int]:
        """Which places of a batch are to be sent; the others stay behind."""
        left_out = self._left_out
        assert left_out is not None
        kept = []
        for place, row in enumerate(rows):
            if left_out.holds(row):
                self._behind.append((phones[place], row))
            else:
                kept.append(place)
        return kept


def _invalid(row: Row, reason: str) -> Reject:
    return Reject(row[0], "invalid", reason, shown(row[1]))


def _duplicate(row: Row) -> Reject:
    return Reject(row[0], "duplicate", "this phone is in an earlier row", shown(row[1]))
