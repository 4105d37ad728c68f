"""From rows to ranges: normalise, drop duplicates, render, check, count parts, pack, by the rules of their channel.

The same rows, template and sizes always give the same ranges, so that an interrupted campaign goes on at the next
range. Of several rows with one recipient the first good one counts. Rows that are left out since they were sent already
leave a gap in their batch, whose place in the file does not change: journals know a batch by that place.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from smsq.producers.intake.row_options import RowOptions
from smsq.producers.intake.rows import MISSING, Row, shown
from smsq.producers.intake.templates import Template
from smsq.producers.intake.zoning import Zoning
from smsq.worker.domain import recipient as recipients
from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import PLAIN_CHANNEL, Options, Packed, pack
from smsq.worker.domain.campaign import LeftOut, Range, Reject
from smsq.worker.domain.errors import BadInput, BadPhone, BadText
from smsq.worker.domain.phone import parse as parse_phone
from smsq.worker.domain.recipient import PHONES_ONLY, Recipient
from smsq.worker.domain.row_words import NO_WORDS, RowWords, pack_words
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import check_message, check_own_texts, counter, parts_of

COLLECT_AFTER = 50_000  # objects, not 700: rows are many, and none of them is part of a cycle

_PLAIN = Options()
Group = tuple[tuple[str, ...], int | None, float | None]  # cells of options, place of the zone, moment
Member = tuple[Recipient, int, str, int, RowWords]  # recipient, row, text, parts, words


def collect_seldom() -> None:
    """Have Python look for cycles of objects less often, in a process of ours that reads files of rows."""
    gc.set_threshold(COLLECT_AFTER)


def prepare(
    rows: Iterable[Row | Reject],
    template: Template,
    batch_size: int,
    batches_per_range: int,
    *,
    region: str = "RU",
    left_out: LeftOut | None = None,
    options: Options = _PLAIN,
    per_row: RowOptions | None = None,
    zoning: Zoning | None = None,
) -> Iterator[Range]:
    """Ranges from 1, each over `batch_size * batches_per_range` rows (the last over what is left).

    Raises BadText if a constant text may not be sent; texts of single rows become rejects.
    """
    slices = Slices(template, batch_size, region, left_out, options, per_row, zoning)
    source, size = iter(rows), batch_size * batches_per_range
    n = 0
    while portion := list(islice(source, size)):
        n += 1
        yield slices.range(n, portion)


class Slices:
    """Makes ranges one after another; remembers every recipient it has seen."""

    def __init__(
        self,
        template: Template,
        batch_size: int,
        region: str,
        left_out: LeftOut | None = None,
        options: Options = _PLAIN,
        per_row: RowOptions | None = None,
        zoning: Zoning | None = None,
    ) -> None:
        self._template = template
        self._batch_size = batch_size
        self._region = region
        self._left_out = left_out
        self._row, self._options = channel(options.channel), options
        self._parse = self._recipient if self._row.recipients != PHONES_ONLY else parse_phone
        self._behind: list[tuple[Recipient, int]] = []  # recipients and rows of this range that stay behind
        self._seen: set[Recipient] = set()
        self._keys: set[str] = set()
        self._per_row, self._zoning = per_row, zoning
        self._zones: dict[str, int] = {}  # the table of zones: each with its place
        self._constant = ""
        self._constant_parts = 0
        if template.is_constant:
            self._constant = self._row.read(template.render(()))
            check_message(self._constant, options, has_files=per_row is not None)  # then each row is checked
            self._constant_parts = parts_of(self._constant, options)

    def range(self, n: int, portion: list[Row | Reject]) -> Range:
        """The n-th range, from these rows."""
        rejects: list[Reject] = []
        make = self._same_text if self._template.is_constant else self._own_texts
        if self._per_row is not None or self._zoning is not None:
            make = self._grouped
        batches = tuple(make(portion, rejects))
        behind, self._behind = sorted(self._behind, key=lambda each: each[1]), []
        left = pack([who for who, _ in behind], None, [row for _, row in behind], 0) if behind else None
        return Range(
            n=n,
            batches=batches,
            rejects=tuple(rejects),
            rows=len(portion),
            behind=left,
            zones=tuple(self._zones),
        )

    def _recipient(self, written: str, region: str) -> Recipient:
        return recipients.parse(written, self._row.recipients, region)

    def _same_text(self, portion: list[Row | Reject], rejects: list[Reject]) -> Iterator[Packed]:
        seen, region, size, parse = self._seen, self._region, self._batch_size, self._parse
        found: list[Recipient] = []
        numbers: list[int] = []
        for row in portion:
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            try:
                recipient = parse(row[1], region)
            except BadPhone as error:
                rejects.append(_invalid(row, self._why(row[1], error)))
                continue
            if recipient in seen:
                rejects.append(_duplicate(row, recipient))
                continue
            seen.add(recipient)
            found.append(recipient)
            numbers.append(row[0])
        for at in range(0, len(found), size):
            first = numbers[at]
            batch, here = found[at : at + size], numbers[at : at + size]
            if self._left_out is not None:
                kept = self._kept(here, batch)
                batch, here = [batch[place] for place in kept], [here[place] for place in kept]
                if not kept:
                    continue
            yield pack(batch, None, here, self._constant_parts * len(batch), first_row=first)

    def _own_texts(self, portion: list[Row | Reject], rejects: list[Reject]) -> Iterator[Packed]:
        seen, region, size, render = self._seen, self._region, self._batch_size, self._template.render
        parse, check, count = self._parse, self._row.check, counter(self._options)
        if self._row.files:
            check = partial(check_message, options=self._options)
        if self._row.read is not channel(PLAIN_CHANNEL).read:
            render = self._read
        found: list[Recipient] = []
        numbers: list[int] = []
        written: list[str] = []
        parts: list[int] = []
        for row in portion:
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            try:
                recipient = parse(row[1], region)
                if recipient in seen:
                    rejects.append(_duplicate(row, recipient))
                    continue
                if row[2][-1] is MISSING:
                    self._template.require(row[2])
                text = render(row[2])
                check(text)
                if "\\n" in text:
                    texts.check_list(text)
            except BadPhone as error:
                rejects.append(_invalid(row, self._why(row[1], error)))
                continue
            except BadText as error:
                rejects.append(_invalid(row, error.sentence))
                continue
            seen.add(recipient)
            found.append(recipient)
            numbers.append(row[0])
            written.append(text)
            parts.append(count(text))
        for at in range(0, len(found), size):
            end, first = at + size, numbers[at]
            batch, here, said, many = found[at:end], numbers[at:end], written[at:end], parts[at:end]
            if self._left_out is not None:
                kept = self._kept(here, batch)
                batch, here = [batch[place] for place in kept], [here[place] for place in kept]
                said, many = [said[place] for place in kept], [many[place] for place in kept]
                if not kept:
                    continue
            yield pack(batch, said, here, sum(many), first_row=first)

    def _grouped(self, portion: list[Row | Reject], rejects: list[Reject]) -> Iterator[Packed]:
        """Rows that differ in options, zone or moment go in different batches, each where its first row stands."""
        groups: dict[Group, list[Member]] = {}
        per_row, zoning, is_constant = self._per_row, self._zoning, self._template.is_constant
        options, cells, words = self._options, tuple[str, ...](), NO_WORDS
        place: tuple[int | None, float | None] = None, None
        is_checked = is_constant and per_row is None  # then all have the same text, and its number of parts
        for row in portion:
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            try:
                recipient = self._parse(row[1], self._region)
                if recipient in self._seen:
                    rejects.append(_duplicate(row, recipient))
                    continue
                if zoning is not None:
                    words = zoning.columns.words(row[2])
                    if words.key and words.key in self._keys:
                        rejects.append(_known_key(row, words.key))
                        continue
                    place = self._place(zoning, row[2], recipient)
                if per_row is not None:
                    cells = per_row.cells(row[2])
                    options = per_row.read(cells)
                text = self._constant
                if not is_constant:
                    self._template.require(row[2])
                    text = self._read(row[2])
                    texts.check_list(text)
                    check_own_texts(options)
                if not is_checked:
                    check_message(text, options)
            except BadPhone as error:
                rejects.append(_invalid(row, self._why(row[1], error)))
                continue
            except BadInput as error:
                rejects.append(_invalid(row, error.sentence))
                continue
            self._seen.add(recipient)
            if words.key:
                self._keys.add(words.key)
            many_parts = self._constant_parts if is_checked else parts_of(text, options)
            groups.setdefault((cells, *place), []).append((recipient, row[0], text, many_parts, words))
        batches = [
            (members[at][1], group, members[at : at + self._batch_size])
            for group, members in groups.items()
            for at in range(0, len(members), self._batch_size)
        ]
        for first, (cells, zone, moment), members in sorted(batches, key=lambda each: each[0]):
            if self._left_out is not None:
                kept = self._kept([each[1] for each in members], [each[0] for each in members])
                members = [members[place] for place in kept]
                if not kept:
                    continue
            many, here, said, parts, own_words = zip(*members, strict=True)
            if per_row is not None:
                options = per_row.read(cells)
            yield replace(
                pack(many, None if is_constant else said, here, sum(parts), first_row=first),
                options=options if options != self._options else None,
                words=pack_words(own_words),
                zone=zone,
                moment=moment,
            )

    def _place(self, zoning: Zoning, values: Sequence[str], recipient: Recipient) -> tuple[int | None, float | None]:
        """The place of a row's zone in the table, and its moment. Raises BadInput."""
        if not zoning.cuts:
            return None, None
        zone, moment = zoning.place(values, recipient)
        return self._zones.setdefault(zone, len(self._zones)), moment

    def _read(self, values: Sequence[str]) -> str:
        return self._row.read(self._template.render(values))

    def _why(self, written: str, error: BadPhone) -> str:
        """Why this is no recipient; a phone's own sentence does not know addresses and groups."""
        if self._row.recipients == PHONES_ONLY:
            try:
                recipients.parse(written, PHONES_ONLY, self._region)
            except BadPhone as better:
                return better.sentence
        return error.sentence

    def _kept(self, rows: list[int], batch: list[Recipient]) -> list[int]:
        """Which places of a batch are to be sent; the others stay behind."""
        left_out = self._left_out
        assert left_out is not None
        kept = []
        for place, row in enumerate(rows):
            if left_out.holds(row):
                self._behind.append((batch[place], row))
            else:
                kept.append(place)
        return kept


def _invalid(row: Row, reason: str) -> Reject:
    return Reject(row[0], "invalid", reason, shown(row[1]))


def _known_key(row: Row, key: str) -> Reject:
    return Reject(row[0], "duplicate", f"its key {shown(key)} is in an earlier row", shown(row[1]))


def _duplicate(row: Row, recipient: Recipient) -> Reject:
    what = "phone" if isinstance(recipient, int) else "address"
    return Reject(row[0], "duplicate", f"this {what} is in an earlier row", shown(row[1]))
