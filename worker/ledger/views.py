"""Read the ledger: receipts, campaigns and reports. Nothing here writes."""

from __future__ import annotations

import struct
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge

import msgspec

from smsq.worker.domain.batch import MessageId, Ref, unpack_recipients, unpack_rows
from smsq.worker.domain.campaign import GOING
from smsq.worker.domain.receipt import MAX_IDS, SIZE, Receipt, Stored, status_name, unpack
from smsq.worker.domain.recipient import written
from smsq.worker.domain.status import BatchState, IdState, Status
from smsq.worker.ledger.beside import spoken, with_beside
from smsq.worker.ledger.campaigns.log import Entry
from smsq.worker.ledger.campaigns.view import CampaignView as CampaignView
from smsq.worker.ledger.campaigns.view import campaign_view
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.row_order import in_row_order
from smsq.worker.ledger.standing import Standing
from smsq.worker.ledger.store import is_single, translated
from smsq.worker.ledger.values import NOTHING, BatchView, KnownId, Running
from smsq.worker.ledger.words import OwnWays, with_words

RESENT = {
    "": "",
    "operator": "sent again by an operator, may be double",
    "sender": "sent again as its sender wished (on doubt: resend), may be double",
}
Behind = tuple[int, int, bytes, bytes]  # rows of a range that were left out: first row, how many, recipients, row gaps
_BEHIND = msgspec.msgpack.Decoder(Behind)
REJECTS_AT_ONCE = 1000
BATCHES_AT_ONCE = 200  # that a report reads in one round trip
_OF_RUNNING = (
    "state",
    "fed",
    "batches",
    "window",
    "zones",
    "zone_left",
    "moment",
    "opened",
    "weight",
    "parts",
    "every",
)
FAILED = frozenset({Status.EXPIRED, Status.UNDELIVERABLE, Status.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One reason for which messages of a campaign failed: the status, the reason and how many."""

    status: str
    error_code: int
    error: str
    messages: int


# An error code in words; called with True if the gateway refused the request, False if delivery failed.
Explain = Callable[[int, bool], str]


class Views(Standing):
    """Reads a ledger; `explain` puts the gateway's codes into words. Raises LedgerTrouble if Redis does not answer."""

    def __init__(self, ledger: Ledger, explain: Explain = lambda code, _: f"error {code}") -> None:
        super().__init__(ledger)
        self.explain = explain

    # Messages ------------------------------------------------------------------------------------------------------

    def receipt(self, message_id: MessageId) -> Receipt | None:
        """The receipt of one message, None if there is none with this id."""
        ref = self._ref(message_id.batch)
        if ref is None:
            return None
        batch = self.ledger.read([ref])[0]
        if batch is None or not 0 <= message_id.place < batch.count:
            return None
        (batch,) = with_words(self.ledger, with_beside(self.ledger, [batch]))
        row = unpack_rows(batch.rows, batch.first_row, batch.count)[message_id.place] if ref.campaign else None
        receipt = self._receipt(batch, message_id.place, row)
        code = spoken(self.ledger, batch)
        return replace(receipt, result={**receipt.result, **code}) if code else receipt

    def _ref(self, number: int) -> Ref | None:
        """The reference of a batch by its number: a single message, or of the campaign that lists it."""
        if number < 1:
            return None
        with translated():
            meta = self.redis.hget(self.ledger.keys.shard(number), f"{number}m")
            if meta is None:
                return None
            if is_single(meta):
                return Ref(number)
            packed = struct.pack(">I", number)
            for campaign_id in self._campaign_ids():
                numbers = self.redis.get(self.ledger.keys.campaign(campaign_id, "b")) or b""
                if _in_order(numbers, packed):
                    return Ref(number, campaign_id)
        return None

    def _receipt(self, batch: BatchView, index: int, row: int | None) -> Receipt:
        stored, found = unpack(batch.receipts, index), batch.beside.get(index, NOTHING)
        words = batch.words_of(index)
        tried = _id_of(batch, index, stored.id_index if stored.status else 0)
        is_ours = stored.status in (
            Status.UNDECIDED,
            Status.CANCELLED,
            Status.LATE,
            Status.OPTOUT,
            Status.BLOCKED,
            Status.CAPPED,
        )
        return Receipt(
            id=str(MessageId(batch.ref.number, index)),
            phone=written(batch.recipients[index]),
            status=status_name(stored.status, BatchState(batch.state)),
            gateway_id=tried.gateway_id
            if tried is not None and (not is_ours or stored.status is Status.UNDECIDED)
            else None,
            error_code=batch.odd_errors.get(index, stored.error_code),
            error=self._error(batch.odd_errors.get(index, stored.error_code), stored.status, tried),
            parts=found.parts or stored.parts or (batch.parts if batch.count == 1 else 0),
            cost=stored.cost,
            attempts=sum(1 for i in batch.ids if i.holds(index)),
            submitted_at=int(tried.claimed_at) if tried is not None else 0,
            status_at=stored.at,
            row=row,
            campaign=batch.ref.campaign,
            why=_why(batch, stored),
            may_double=batch.resent_by != "",
            reference=words.reference,
            tags=words.tags,
            key=words.key,
            result=found.result,
        )

    def _error(self, code: int, status: Status, tried: KnownId | None) -> str:
        if not code:
            return ""
        at_the_door = tried is not None and tried.state == IdState.ABSENT and status is Status.REFUSED
        return self.explain(code, at_the_door)

    # Campaigns -----------------------------------------------------------------------------------------------------

    def _campaign_ids(self, which: str = "campaigns") -> list[str]:
        with translated():
            return [raw.decode() for raw in self.redis.zrevrange(self.key(which), 0, -1)]

    def campaigns(self, *, live_only: bool = False) -> list[CampaignView]:
        """Every campaign that is kept, newest first; with `live_only`, those not over when upkeep last looked."""
        ids = self._campaign_ids("live" if live_only else "campaigns")
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for campaign_id in ids:
                pipe.hgetall(self.ledger.keys.campaign(campaign_id))
            rows = pipe.execute() if ids else []
        now = self.ledger.time() if ids else 0.0
        return [view for each, raw in zip(ids, rows, strict=True) if (view := campaign_view(each, raw, now))]

    def campaign(self, campaign_id: str) -> CampaignView | None:
        """One campaign's totals and state; one round trip whatever its size."""
        with translated():
            raw = self.redis.hgetall(self.ledger.keys.campaign(campaign_id))
        return campaign_view(campaign_id, raw, self.ledger.time() if raw.get(b"start_at", b"0") != b"0" else 0.0)

    def log(self, campaign_id: str) -> list[Entry]:
        """What was done to a campaign, oldest first."""
        with translated():
            return [Entry.read(raw) for raw in self.redis.lrange(self.ledger.keys.campaign(campaign_id, "a"), 0, -1)]

    def campaign_of(self, digest: str) -> CampaignView | None:
        """The campaign with this digest of rows, text and options; None if there is none any more."""
        with translated():
            known = self.redis.get(self.ledger.key(f"digest:{digest}"))
        return self.campaign(known.decode()) if known is not None else None

    def cancelled(self) -> list[str]:
        """Cancelled campaigns that still hold messages that never left, oldest first."""
        ids = list(reversed(self._campaign_ids("live")))
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for campaign_id in ids:
                pipe.hmget(self.ledger.keys.campaign(campaign_id), ["state", "s:queued"])
            rows = pipe.execute() if ids else []
        return [
            each for each, (state, queued) in zip(ids, rows, strict=True) if state == b"cancelled" and int(queued or 0)
        ]

    def failures(self, view: CampaignView) -> list[Failure]:
        """Why its messages failed, the most frequent reason first; reads its receipts if there is any."""
        if not any(view.statuses.get(status.name.lower()) for status in FAILED):
            return []
        found: Counter[tuple[int, int, str]] = Counter()
        for batches in self._batches(view.id):
            for batch in batches:
                for index in _failed(batch):
                    stored = unpack(batch.receipts, index)
                    code = batch.odd_errors.get(index, stored.error_code)
                    words = self._error(code, stored.status, _id_of(batch, index, stored.id_index))
                    found[stored.status, code, words] += 1
        return [
            Failure(status=Status(status).name.lower(), error_code=code, error=words, messages=many)
            for (status, code, words), many in found.most_common()
        ]

    def running(self) -> list[Running]:
        """Campaigns that are being sent, oldest first; single messages that were paced are one too."""
        ids = list(reversed(self._campaign_ids("live")))
        keys = self.ledger.keys
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            pipe.scard(keys.campaign("", "h"))
            for campaign_id in ids:
                pipe.hmget(keys.campaign(campaign_id), _OF_RUNNING)
                pipe.scard(keys.campaign(campaign_id, "h"))
            paced, *rows = pipe.execute()
        found = [Running(id="", window="", is_fed=False, has_back=True)] if paced else []
        for each, raw, back in zip(ids, rows[::2], rows[1::2], strict=True):
            if (raw[0] or b"").decode() in GOING and not raw[10]:  # the occurrences of one that recurs are sent
                found.append(_running(each, raw, back))
        return found

    def report(self, campaign_id: str) -> Iterator[Receipt]:
        """Every row of a campaign in the file's order, rejected ones included.

        Reads a few hundred batches at a time; a million rows need no key each.
        """
        rejects = self._rejects(campaign_id)
        next_reject = next(rejects, None)
        for row, found in self._messages(campaign_id):
            while next_reject is not None and (next_reject.row or 0) < row:
                yield next_reject
                next_reject = next(rejects, None)
            yield found
        while next_reject is not None:
            yield next_reject
            next_reject = next(rejects, None)

    def _messages(self, campaign_id: str) -> Iterator[tuple[int, Receipt]]:
        with translated():
            words, options = self.redis.hmget(self.ledger.keys.campaign(campaign_id), ["words", "options"])
        has_words, own = words is not None, OwnWays((words or b"").decode(), options)
        read = (with_beside(self.ledger, some) for some in self._batches(campaign_id))
        batches = (batch for some in read for batch in (with_words(self.ledger, some) if has_words else some))
        for row, index, batch in in_row_order(batches):
            yield row, own.beside(self._receipt(batch, index, row), batch)

    def _batches(self, campaign_id: str) -> Iterator[list[BatchView]]:
        refs = self.batch_refs(campaign_id)
        for start in range(0, len(refs), BATCHES_AT_ONCE):
            yield [batch for batch in self.ledger.read(refs[start : start + BATCHES_AT_ONCE]) if batch is not None]

    def _rejects(self, campaign_id: str) -> Iterator[Receipt]:
        """Rows that were rejected and rows that were left out since they were sent already, in order."""
        rows, behind = self._rejected_rows(campaign_id)
        stayed = self._behind(campaign_id, sorted(behind)) if behind else iter(())
        yield from merge(self._bad(campaign_id, rows), stayed, key=lambda receipt: receipt.row or 0)

    def _rejected_rows(self, campaign_id: str) -> tuple[array[int], list[Behind]]:
        """The numbers of rejected rows in order, and rows that were left out; no reply is long, be they a million."""
        rows, behind, cursor = array("I"), [], -1
        while cursor != 0:
            with translated():
                cursor, some = self.redis.hscan(
                    self.ledger.keys.campaign(campaign_id, "x"), max(0, cursor), count=REJECTS_AT_ONCE
                )
            behind += [_BEHIND.decode(packed) for name, packed in some.items() if name.startswith(b"+")]
            rows.extend(int(name) for name in some if not name.startswith(b"+"))
        return array("I", sorted(rows)), behind

    def _bad(self, campaign_id: str, rows: array[int]) -> Iterator[Receipt]:
        last = 0
        for start in range(0, len(rows), REJECTS_AT_ONCE):
            some = rows[start : start + REJECTS_AT_ONCE]
            with translated():
                records = self.redis.hmget(self.ledger.keys.campaign(campaign_id, "x"), list(map(str, some)))
            for row, record in zip(some, records, strict=True):
                if record is not None and row > last:  # a table that grows meanwhile is told of twice
                    last = row
                    yield _rejected(campaign_id, row, record.decode())

    def _behind(self, campaign_id: str, packed: list[Behind]) -> Iterator[Receipt]:
        left_out = self.ledger.left_out(campaign_id)
        for first, count, recipients, rows in packed:
            for recipient, row in zip(unpack_recipients(recipients), unpack_rows(rows, first, count), strict=True):
                reason = left_out.reason(row) if left_out is not None else ""
                yield _rejected(campaign_id, row, f"duplicate\0{written(recipient)}\0{reason}")

    def batch_refs(self, campaign_id: str) -> list[Ref]:
        """Every batch of a campaign in row order."""
        with translated():
            numbers = self.redis.get(self.ledger.keys.campaign(campaign_id, "b")) or b""
        return [Ref(number, campaign_id) for (number,) in struct.iter_unpack(">I", numbers)]

    # Batches ---------------------------------------------------------------------------------------------------------

    def undecided(self, which: str) -> list[BatchView]:
        """Batches that are `parked` and wait for an operator, oldest first, or those in `doubt`."""
        with translated():
            found = self.redis.zrange(self.key(which), 0, -1)
            if which == "doubt":
                found = [*self.redis.zrange(self.key("doubt:urgent"), 0, -1), *found]
        refs = [Ref.parse(raw) for raw in dict.fromkeys(found)]
        return [batch for batch in self.ledger.read(refs) if batch is not None]

    def next_asks(self) -> dict[Ref, float]:
        """When each doubtful batch is asked about next, in Unix seconds."""
        with translated():
            found = [
                entry
                for which in ("doubt:urgent", "doubt")
                for entry in self.redis.zrange(self.key(which), 0, -1, withscores=True)
            ]
        return {Ref.parse(raw): score / 1000 for raw, score in found}

    def in_doubt(self, campaign_id: str) -> list[BatchView]:
        """The doubtful batches of one campaign."""
        refs = [ref for ref in self.next_asks() if ref.campaign == campaign_id]
        return [batch for batch in self.ledger.read(refs) if batch is not None]

    def ready_at(self, ref: Ref, lane: str) -> float | None:
        """When a batch that waits for a worker is due, or hinted again, in Unix seconds; None if it does not wait."""
        return self._due(f"ready:{lane}", ref)

    def asked_at(self, ref: Ref) -> float | None:
        """When the gateway is asked about a batch next, in Unix seconds; None if it is not."""
        return self._due("asks", ref) or self._due("asks:urgent", ref)

    def _due(self, name: str, ref: Ref) -> float | None:
        with translated():
            score = self.redis.zscore(self.key(name), str(ref))
        return score / 1000 if score is not None else None

    def is_back(self, ref: Ref) -> bool:
        """Whether a batch came back, since its campaign is paused or it was paced."""
        with translated():
            return bool(self.redis.sismember(self.ledger.keys.campaign(ref.campaign, "h"), str(ref)))

    def batch(self, number: int) -> BatchView | None:
        """One batch by its number, None if there is none."""
        ref = self._ref(number)
        return self.ledger.read([ref])[0] if ref is not None else None

    def decisions(self, ref: Ref) -> list[tuple[float, str, str]]:
        """What operators decided about a batch: when (Unix seconds), what, and why."""
        with translated():
            raw = self.redis.hget(self.ledger.keys.shard(ref.number), f"{ref.number}o") or b""
        lines = [line.split("\t", 2) for line in raw.decode().splitlines()]
        return [(int(at) / 1000, decision, reason) for at, decision, reason in lines]


def _running(campaign_id: str, raw: Sequence[bytes | None], back: int) -> Running:
    _, fed, batches, window, zones, left, moment, opened, weight, parts, _ = raw
    waiting = tuple(many for (many,) in struct.iter_unpack(">I", left or b""))
    # With zones their lists say what is to come: a scheduler of an earlier version moves the cursor alone.
    is_all_out = not any(waiting) and not moment if zones else int(fed or 0) >= int(batches or 0)
    return Running(
        id=campaign_id,
        window=(window or b"").decode(),
        is_fed=is_all_out and not back,
        has_back=back > 0,
        weight=float(weight or 1),
        parts=max(1.0, int(parts or 0) / max(1, int(batches or 0))),
        zones=tuple(zones.decode().split("\n")) if zones else (),
        waiting=waiting,
        moment=int(moment) / 1000 if moment else None,
        opened=(opened or b"").decode(),
    )


def _why(batch: BatchView, stored: Stored) -> str:
    if batch.state in (BatchState.DOUBTFUL, BatchState.PARKED) and stored.status is Status.UNDECIDED:
        return batch.why
    return RESENT[batch.resent_by]


def _failed(batch: BatchView) -> Iterator[int]:
    """Places of messages that ended as failed."""
    return (index for index, status in enumerate(batch.receipts[::SIZE]) if status in FAILED)


def _rejected(campaign_id: str, row: int, record: str) -> Receipt:
    status, value, reason = record.split("\0", 2)
    return Receipt(id="", phone=value, status=status, error=reason, row=row, campaign=campaign_id)


def _in_order(numbers: bytes, wanted: bytes) -> bool:
    """Whether a campaign's ascending batch numbers hold this one."""
    low, high = 0, len(numbers) // 4
    while low < high:
        middle = (low + high) // 2
        here = numbers[middle * 4 : middle * 4 + 4]
        if here == wanted:
            return True
        low, high = (middle + 1, high) if here < wanted else (low, middle)
    return False


def _id_of(batch: BatchView, index: int, place: int) -> KnownId | None:
    if place and place <= len(batch.ids) and place < MAX_IDS:
        return batch.ids[place - 1]
    if place == MAX_IDS:  # the nibble is full: it means the newest id that carried the message and was not absent
        carried = [i for i in batch.ids[MAX_IDS - 1 :] if i.holds(index) and i.state != IdState.ABSENT]
        return carried[-1] if carried else None
    carried = [i for i in batch.ids if i.holds(index)]
    return carried[-1] if carried else None
