"""The messages of a campaign that the ledger keeps, as rows of another campaign: a retry, a copy, an occurrence.

Nothing needs the file: recipients, texts, options and row numbers lie in the batches. Rows keep their numbers. The same
campaign, selection and batch size always give the same ranges, so that an interrupted enrolment goes on at its next
range. Batches are read a few hundred at a time, whatever the size of the campaign.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from smsq.worker.domain import simulated
from smsq.worker.domain.batch import Options, Packed, Ref, pack, unpack_rows, unpack_texts
from smsq.worker.domain.campaign import LeftOut, Range, Reject
from smsq.worker.domain.errors import Conflict
from smsq.worker.domain.receipt import SIZE
from smsq.worker.domain.recipient import FORGOTTEN, Recipient
from smsq.worker.domain.row_words import RowWords, pack_words, unpack_words
from smsq.worker.domain.status import BatchState, Status
from smsq.worker.ledger.campaigns.view import CampaignView
from smsq.worker.ledger.layout import OF_ROWS
from smsq.worker.ledger.row_order import in_row_order
from smsq.worker.ledger.store import Store, translated
from smsq.worker.ledger.values import BatchView

BATCHES_AT_ONCE = 200  # read in one round trip
RANGE_ROWS = 1000  # at least so many messages go into the ledger at once
RANGE_BATCHES = 10  # and at least so many batches
FAILED = frozenset({Status.EXPIRED, Status.UNDELIVERABLE, Status.REFUSED})
_NEVER_SENT = frozenset({Status.LATE, Status.CAPPED})
_MAY_BE_WANTED = FAILED | _NEVER_SENT | {Status.CANCELLED}
_OPTIONS = msgspec.json.Decoder(Options)

ERASED = "its recipient was erased (smsq forget)"
NOTHING_CHANGED: Mapping[str, Any] = MappingProxyType({})

# Counts the parts of a text with these options.
CountParts = Callable[[str, Options], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages of a campaign another one takes; `reasons` are codes, or names of statuses, of the failed."""

    failed: bool = False
    unsent: bool = False
    parked: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def written(self) -> str:
        """The same in one line, in one order, as a part of a campaign's identity."""
        kinds = [name for name in ("failed", "unsent", "parked") if getattr(self, name)]
        return " ".join((*kinds, *sorted(self.reasons)))

    def takes(self, batch: BatchView, index: int, is_given_up: bool) -> bool:
        """Whether the message at this place is wanted; `is_given_up` if an operator dropped its batch."""
        status = batch.receipts[index * SIZE] if batch.receipts else 0
        if status in FAILED:
            return self.failed and self._is_reason(batch, index, status)
        if status == Status.CANCELLED:
            return self.parked if is_given_up and batch.ids else self.unsent
        return status in _NEVER_SENT and self.unsent

    def _is_reason(self, batch: BatchView, index: int, status: int) -> bool:
        if not self.reasons:
            return True
        code = batch.odd_errors.get(index, batch.receipts[index * SIZE + 1])
        return Status(status).name.lower() in self.reasons or str(code) in self.reasons


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of a campaign: a bit for each row number."""

    marks: bytearray = field(default_factory=bytearray, repr=False)

    def add(self, row: int) -> None:
        """Take this row in."""
        place = row >> 3
        if place >= len(self.marks):
            self.marks.extend(bytes(max(place + 1 - len(self.marks), len(self.marks))))
        self.marks[place] |= 1 << (row & 7)

    def remove(self, row: int) -> None:
        """Leave this row out."""
        if row >> 3 < len(self.marks):
            self.marks[row >> 3] &= ~(1 << (row & 7))

    def holds(self, row: int) -> bool:
        """Whether this row is among them."""
        return row >> 3 < len(self.marks) and bool(self.marks[row >> 3] & 1 << (row & 7))

    def __len__(self) -> int:
        return int.from_bytes(self.marks, "little").bit_count()

    def first(self, many: int) -> Selection:
        """The first rows of them, so many."""
        found = Selection()
        for row in islice(self.rows(), many):
            found.add(row)
        return found

    def rows(self) -> Iterator[int]:
        """Their numbers, in order."""
        for place, bits in enumerate(self.marks):
            if bits:
                yield from (place * 8 + bit for bit in range(8) if bits & 1 << bit)

    def without(self, other: Selection) -> Selection:
        """Those that the other does not have."""
        mine, theirs = int.from_bytes(self.marks, "little"), int.from_bytes(other.marks, "little")
        return Selection(bytearray((mine & ~theirs).to_bytes(len(self.marks), "little")))

    def written(self) -> bytes:
        """The same as the ledger keeps it."""
        return zlib.compress(self.marks, 6)

    @classmethod
    def read(cls, written: bytes) -> Selection:
        """What `written` wrote."""
        return cls(bytearray(zlib.decompress(written)))


class Kept(NamedTuple):
    """One message of a campaign; `text` None for the campaign's own, `options` None likewise.

    `apart` tells those apart that may not share a request: their zone, their moment, a simulated batch.
    """

    row: int
    recipient: Recipient
    text: str | None
    options: Options | None
    words: RowWords
    apart: tuple[int | None, float | None, int]


class Beside(NamedTuple):
    """What lies beside a batch: texts, words of its rows, the place of its zone."""

    texts: list[str] | None
    words: list[RowWords]
    zone: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The result of choosing: which rows, how many messages, and how many had a recipient who is `erased`.

    Of a whole campaign the erased are among the rows, and rejects in its ranges, which so stay the same.
    """

    rows: Selection
    messages: int
    erased: int = 0


def _has_any(batch: BatchView, rows: Selection) -> bool:
    if not batch.rows:
        return any(map(rows.holds, range(batch.first_row, batch.first_row + batch.count)))
    return any(map(rows.holds, unpack_rows(batch.rows, batch.first_row, batch.count)))


class Copying:
    """Reads one campaign for another; `count` counts parts."""

    def __init__(self, store: Store, origin: CampaignView, count: CountParts) -> None:
        self._store = store
        self._origin = origin
        self.count = count
        with translated():
            raw = store.redis.hmget(store.keys.campaign(origin.id), ["text", "personal", "texts_gone", "texts_to"])
            self._numbers: bytes = store.redis.get(store.keys.campaign(origin.id, "b")) or b""
            moments = store.redis.zrange(store.keys.campaign(origin.id, "m"), 0, -1, withscores=True)
        self._moments = {int(each.partition(b"/")[0]): score / 1000 for each, score in moments}  # that are to come
        text, personal, gone, going = raw
        self._is_personal = personal == b"1"
        self.text = None if self._is_personal else (text or b"").decode()
        self.has_texts = not gone and not going

    def choose(self, wanted: Wanted | None) -> Chosen:
        """The rows that are wanted, all of them for None."""
        rows, messages, erased = Selection(), 0, 0
        for batches in self._batches():
            given_up = self._given_up(batches) if wanted is not None else frozenset[Ref]()
            for batch in batches:
                if wanted is None:
                    places: Sequence[int] = range(batch.count)
                elif _MAY_BE_WANTED.isdisjoint(batch.receipts[::SIZE]):
                    continue
                else:
                    dropped = batch.ref in given_up
                    places = [index for index in range(batch.count) if wanted.takes(batch, index, dropped)]
                gone = [index for index in places if batch.recipients[index] == FORGOTTEN]
                erased += len(gone)
                if gone and wanted is not None:
                    places = [index for index in places if index not in gone]
                if places:
                    numbers = unpack_rows(batch.rows, batch.first_row, batch.count)
                    for index in places:
                        rows.add(numbers[index])
                    messages += len(places) if wanted is not None else len(places) - len(gone)
        return Chosen(rows=rows, messages=messages, erased=erased)

    def ranges(
        self,
        rows: Selection,
        batch_size: int,
        *,
        text: str | None = None,
        changed: Mapping[str, Any] = NOTHING_CHANGED,
        left_out: LeftOut | None = None,
    ) -> Iterator[Range]:
        """These rows, cut into ranges from 1, with another `text` for all or some options `changed`, if that is said.

        Raises Conflict if a text is no longer kept.
        """
        plan = msgspec.structs.replace(self._origin.options, **changed)
        said = text if text is not None else self.text
        size = batch_size * max(RANGE_BATCHES, -(-RANGE_ROWS // batch_size))
        messages, n = self.messages(rows, is_read=text is None), 0
        while portion := list(islice(messages, size)):
            n += 1
            yield self._range(n, portion, batch_size, plan, said, changed, left_out)

    def messages(self, rows: Selection, *, is_read: bool = True) -> Iterator[Kept]:
        """These messages in the order of their rows; without texts if they are not to be read."""
        beside: dict[Ref, Beside] = {}
        to_come: dict[Ref, int] = {}  # messages of a batch that are not read yet; then what is beside it can go

        def read() -> Iterator[BatchView]:
            for batches in self._batches():
                wanted = [batch for batch in batches if _has_any(batch, rows)]
                beside.update(self._beside(wanted, is_read and self._is_personal))
                to_come.update({batch.ref: batch.count for batch in wanted})
                yield from wanted

        for row, index, batch in in_row_order(read()):
            here = beside[batch.ref]
            to_come[batch.ref] -= 1
            if not to_come[batch.ref]:
                del beside[batch.ref], to_come[batch.ref]
            if rows.holds(row):
                own = _OPTIONS.decode(batch.options[len(OF_ROWS) :]) if batch.options else None
                said = here.texts[index] if here.texts is not None else None
                number = batch.ref.number
                alone = number if batch.channel == simulated.CHANNEL else 0
                apart = here.zone, self._moments.get(number), alone
                yield Kept(row, batch.recipients[index], said, own, here.words[index], apart)

    def _range(
        self,
        n: int,
        portion: Sequence[Kept],
        size: int,
        plan: Options,
        constant: str | None,
        changed: Mapping[str, Any],
        left_out: LeftOut | None,
    ) -> Range:
        groups: dict[tuple[bytes, object], list[Kept]] = {}
        erased = tuple(Reject(each.row, "invalid", ERASED, "") for each in portion if each.recipient == FORGOTTEN)
        for each in portion:
            if each.recipient == FORGOTTEN:
                continue
            own_options = each.options.written() if each.options is not None else b""
            groups.setdefault((own_options, each.apart), []).append(each)
        cut = [members[at : at + size] for members in groups.values() for at in range(0, len(members), size)]
        batches: list[Packed] = []
        stayed: list[Kept] = []
        for members in sorted(cut, key=lambda each: each[0].row):
            first, own = members[0].row, members[0].options
            if left_out is not None:
                stayed += [each for each in members if left_out.holds(each.row)]
                members = [each for each in members if not left_out.holds(each.row)]
                if not members:
                    continue
            said = [each.text for each in members if each.text is not None]
            own = msgspec.structs.replace(own, **changed) if own is not None else None
            if constant is None:
                parts = sum(self.count(text, own or plan) for text in said)
            else:
                parts = self.count(constant, own or plan) * len(members)
            who, where = [each.recipient for each in members], [each.row for each in members]
            zone, moment, alone = members[0].apart
            made = pack(who, said or None, where, parts, first_row=first)
            words = pack_words([each.words for each in members])
            batches.append(replace(made, options=own, words=words, zone=zone, moment=moment, is_simulated=alone != 0))
        stayed.sort(key=lambda each: each.row)
        behind = pack([each.recipient for each in stayed], None, [each.row for each in stayed], 0) if stayed else None
        return Range(
            n=n, batches=tuple(batches), rejects=erased, rows=len(portion), behind=behind, zones=self._origin.zones
        )

    def _batches(self) -> Iterator[list[BatchView]]:
        refs = [
            Ref(int.from_bytes(self._numbers[at : at + 4], "big"), self._origin.id)
            for at in range(0, len(self._numbers), 4)
        ]
        for start in range(0, len(refs), BATCHES_AT_ONCE):
            found = self._store.read(refs[start : start + BATCHES_AT_ONCE])
            if any(batch is None for batch in found):
                raise Conflict(f"campaign {self._origin.id} is no longer kept: its rows are being removed")
            yield [batch for batch in found if batch is not None]

    def _beside(self, batches: Sequence[BatchView], has_texts: bool) -> dict[Ref, Beside]:
        """What lies beside these batches, texts only if they have some; one round trip."""
        if not batches:
            return {}
        with translated(), self._store.redis.pipeline(transaction=False) as pipe:
            for batch in batches:
                n = batch.ref.number
                pipe.hmget(self._store.keys.shard(n), [f"{n}t" if has_texts else f"{n}z", f"{n}l", f"{n}z"])
            held = pipe.execute()
        found: dict[Ref, Beside] = {}
        for batch, (texts, words, zone) in zip(batches, held, strict=True):
            is_erased = all(recipient == FORGOTTEN for recipient in batch.recipients)
            if has_texts and texts is None and not is_erased:
                raise Conflict(f"texts of campaign {self._origin.id} are no longer kept (SMSQ_KEEP_TEXTS)")
            place = int(zone) if zone is not None else None
            read = None if not has_texts or is_erased else unpack_texts(texts)
            found[batch.ref] = Beside(read, unpack_words(words or b"", batch.count), place)
        return found

    def _given_up(self, batches: Sequence[BatchView]) -> frozenset[Ref]:
        """Those of these batches that an operator dropped: what they had may have been accepted."""
        near = [batch.ref for batch in batches if batch.ids and batch.state == BatchState.SETTLED]
        if not near:
            return frozenset()
        with translated(), self._store.redis.pipeline(transaction=False) as pipe:
            for ref in near:
                pipe.hget(self._store.keys.shard(ref.number), f"{ref.number}o")
            said = pipe.execute()
        dropped = ((ref, raw) for ref, raw in zip(near, said, strict=True) if raw)
        return frozenset(ref for ref, raw in dropped if any(b"\tdrop\t" in line for line in raw.splitlines()))
