"""The read side: receipts, campaigns and reports. Nothing here changes anything."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from smsq.worker.domain.batch import MessageId, Ref, unpack_rows
from smsq.worker.domain.receipt import MAX_IDS, Receipt, Stored, status_name, unpack
from smsq.worker.domain.status import REPORT_STATUSES, BatchState, IdState, Status
from smsq.worker.ledger.depth import Standing
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.store import COST_UNITS, is_single, translated
from smsq.worker.ledger.values import POLICIES, BatchView, KnownId

RESENT = {
    "": "",
    "operator": "sent again by an operator, may be double",
    "sender": "sent again as its sender wished (on doubt: resend), may be double",
}
BATCHES_AT_ONCE = 200  # read in one round trip by a report


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignView:
    """A campaign as a person sees it; `statuses` adds up to `rows`."""

    id: str
    name: str
    state: str
    rows: int
    invalid: int
    statuses: Mapping[str, int]
    doubles: int
    cost: Decimal
    parts: int
    batches: int
    fed: int
    closed: bool
    created_at: float
    first_sent_at: float
    done_at: float
    start_at: float
    template: str
    budget: Decimal
    window: str
    why: str
    rate: float = 0.0
    on_doubt: str = "ask"
    doubts: int = 0  # requests of unknown outcome that have found their end
    doubt_seconds: float = 0.0  # until then, on average
    doubt_longest_seconds: float = 0.0

    @property
    def is_over(self) -> bool:
        """Nothing will move any more."""
        return self.state == "done" or (
            self.state == "cancelled"
            and not any(self.statuses.get(s) for s in ("queued", "sending", "doubtful", "accepted"))
        )


# An error code in words; True where the gateway refused the request, False where delivery failed.
Explain = Callable[[int, bool], str]


class Views(Standing):
    """Questions to a ledger; `explain` puts the gateway's numbers into words."""

    def __init__(self, ledger: Ledger, explain: Explain = lambda code, _: f"error {code}") -> None:
        super().__init__(ledger)
        self.explain = explain

    # Messages ------------------------------------------------------------------------------------------------------

    def receipt(self, message_id: MessageId) -> Receipt | None:
        """What is known of one message, None where there is none of this id."""
        ref = self._ref(message_id.batch)
        if ref is None:
            return None
        batch = self.ledger.read([ref])[0]
        if batch is None or not 0 <= message_id.place < batch.count:
            return None
        row = unpack_rows(batch.rows, batch.first_row, batch.count)[message_id.place] if ref.campaign else None
        return self._receipt(batch, message_id.place, row)

    def _ref(self, number: int) -> Ref | None:
        """The reference of a batch: a single's own, or the campaign that lists this number."""
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
        stored = unpack(batch.receipts, index)
        tried = _id_of(batch, index, stored.id_index if stored.status else 0)
        is_ours = stored.status in (Status.UNDECIDED, Status.CANCELLED, Status.LATE, Status.OPTOUT)
        return Receipt(
            id=str(MessageId(batch.ref.number, index)),
            phone=f"+{batch.phones[index]}",
            status=status_name(stored.status, BatchState(batch.state)),
            gateway_id=tried.gateway_id
            if tried is not None and (not is_ours or stored.status is Status.UNDECIDED)
            else None,
            error_code=stored.error_code,
            error=self._error(stored, tried),
            parts=stored.parts or (batch.parts if batch.count == 1 else 0),
            cost=stored.cost,
            attempts=sum(1 for i in batch.ids if i.holds(index)),
            submitted_at=int(tried.claimed_at) if tried is not None else 0,
            status_at=stored.at,
            row=row,
            campaign=batch.ref.campaign,
            why=_why(batch, stored),
            may_double=batch.resent_by != "",
        )

    def _error(self, stored: Stored, tried: KnownId | None) -> str:
        if not stored.error_code:
            return ""
        at_the_door = tried is not None and tried.state == IdState.ABSENT and stored.status is Status.REFUSED
        return self.explain(stored.error_code, at_the_door)

    # Campaigns -----------------------------------------------------------------------------------------------------

    def _campaign_ids(self, which: str = "campaigns") -> list[str]:
        with translated():
            return [raw.decode() for raw in self.redis.zrevrange(self.key(which), 0, -1)]

    def campaigns(self, *, live_only: bool = False) -> list[CampaignView]:
        """Every campaign that is kept, or that was not over when upkeep last looked; newest first."""
        ids = self._campaign_ids("live" if live_only else "campaigns")
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for campaign_id in ids:
                pipe.hgetall(self.ledger.keys.campaign(campaign_id))
            rows = pipe.execute() if ids else []
        return [view for campaign_id, raw in zip(ids, rows, strict=True) if (view := _kept(campaign_id, raw))]

    def campaign(self, campaign_id: str) -> CampaignView | None:
        """One campaign's totals and state; one round trip whatever its size."""
        with translated():
            raw = self.redis.hgetall(self.ledger.keys.campaign(campaign_id))
        return _kept(campaign_id, raw)

    def running(self) -> list[tuple[str, str]]:
        """Campaigns that may have something to hand out, oldest first: their ids and sending hours."""
        ids = list(reversed(self._campaign_ids("live")))
        if not ids:
            return []
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for campaign_id in ids:
                pipe.hmget(self.ledger.keys.campaign(campaign_id), ["state", "fed", "batches", "window"])
            rows = pipe.execute()
        return [
            (campaign_id, (window or b"").decode())
            for campaign_id, (state, fed, batches, window) in zip(ids, rows, strict=True)
            if state in (b"running", b"enrolling") and int(fed or 0) < int(batches or 0)
        ]

    def report(self, campaign_id: str) -> Iterator[Receipt]:
        """Every row of a campaign in the file's order, rejected ones included.

        Reads a few hundred batches at a time; a million rows need no key each.
        """
        with translated():
            numbers = self.redis.get(self.ledger.keys.campaign(campaign_id, "b")) or b""
        rejects = self._rejects(campaign_id)
        next_reject = next(rejects, None)
        for row, found in self._messages(campaign_id, numbers):
            while next_reject is not None and (next_reject.row or 0) < row:
                yield next_reject
                next_reject = next(rejects, None)
            yield found
        while next_reject is not None:
            yield next_reject
            next_reject = next(rejects, None)

    def _messages(self, campaign_id: str, numbers: bytes) -> Iterator[tuple[int, Receipt]]:
        refs = [Ref(number, campaign_id) for (number,) in struct.iter_unpack(">I", numbers)]
        for start in range(0, len(refs), BATCHES_AT_ONCE):
            for batch in self.ledger.read(refs[start : start + BATCHES_AT_ONCE]):
                if batch is None:
                    continue
                for index, row in enumerate(unpack_rows(batch.rows, batch.first_row, batch.count)):
                    yield row, self._receipt(batch, index, row)

    def _rejects(self, campaign_id: str) -> Iterator[Receipt]:
        with translated():
            raw = self.redis.hgetall(self.ledger.keys.campaign(campaign_id, "x"))
        for row, record in sorted((int(row), record.decode()) for row, record in raw.items()):
            status, value, reason = record.split("\0", 2)
            yield Receipt(id="", phone=value, status=status, error=reason, row=row, campaign=campaign_id)

    def batch_refs(self, campaign_id: str) -> list[Ref]:
        """Every batch of a campaign in row order."""
        with translated():
            numbers = self.redis.get(self.ledger.keys.campaign(campaign_id, "b")) or b""
        return [Ref(number, campaign_id) for (number,) in struct.iter_unpack(">I", numbers)]

    # Batches ---------------------------------------------------------------------------------------------------------

    def undecided(self, which: str) -> list[BatchView]:
        """Batches that are `parked` and wait for an operator, oldest first, or that are in `doubt`."""
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

    def batch(self, number: int) -> BatchView | None:
        """One batch by its number, None where there is none."""
        ref = self._ref(number)
        return self.ledger.read([ref])[0] if ref is not None else None

    def decisions(self, ref: Ref) -> list[tuple[float, str, str]]:
        """What operators decided about a batch: when (Unix seconds), what, and why."""
        with translated():
            raw = self.redis.hget(self.ledger.keys.shard(ref.number), f"{ref.number}o") or b""
        lines = [line.split("\t", 2) for line in raw.decode().splitlines()]
        return [(int(at) / 1000, decision, reason) for at, decision, reason in lines]


def _why(batch: BatchView, stored: Stored) -> str:
    if batch.state in (BatchState.DOUBTFUL, BatchState.PARKED) and stored.status is Status.UNDECIDED:
        return batch.why
    return RESENT[batch.resent_by]


def _kept(campaign_id: str, raw: Mapping[bytes, bytes]) -> CampaignView | None:
    if b"name" not in raw:
        return None
    return _campaign(campaign_id, {field.decode(): value.decode() for field, value in raw.items()})


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


def _campaign(campaign_id: str, raw: Mapping[str, str]) -> CampaignView:
    statuses = {name: int(raw.get(f"s:{name}", "0")) for name in REPORT_STATUSES}
    return CampaignView(
        id=campaign_id,
        name=raw["name"],
        state=raw["state"],
        rows=int(raw["rows"]),
        invalid=statuses["invalid"] + statuses["duplicate"],
        statuses={name: many for name, many in statuses.items() if many},
        doubles=int(raw.get("doubles", "0")),
        cost=Decimal(raw["cost"]) / COST_UNITS,
        parts=int(raw["parts"]),
        batches=int(raw["batches"]),
        fed=int(raw["fed"]),
        closed=raw.get("closed") == "1",
        created_at=int(raw["created_at"]) / 1000,
        first_sent_at=int(raw.get("first_sent_at", "0")) / 1000,
        done_at=int(raw.get("done_at", "0")) / 1000,
        start_at=int(raw.get("start_at", "0")) / 1000,
        template=raw.get("template", ""),
        budget=Decimal(raw.get("budget", "0")) / COST_UNITS,
        window=raw.get("window", ""),
        why=raw.get("why", ""),
        doubts=int(raw.get("doubts", "0")),
        doubt_seconds=int(raw.get("doubt_ms", "0")) / max(1, int(raw.get("doubts", "0"))) / 1000,
        doubt_longest_seconds=int(raw.get("doubt_longest", "0")) / 1000,
        rate=float(raw.get("rate", "0")),
        on_doubt=next((name for name, number in POLICIES.items() if str(number) == raw.get("policy")), "ask"),
    )


def _id_of(batch: BatchView, index: int, place: int) -> KnownId | None:
    if place and place <= len(batch.ids) and place < MAX_IDS:
        return batch.ids[place - 1]
    if place == MAX_IDS:  # the receipt's nibble is full: the newest that carried it and was not absent
        carried = [i for i in batch.ids[MAX_IDS - 1 :] if i.holds(index) and i.state != IdState.ABSENT]
        return carried[-1] if carried else None
    carried = [i for i in batch.ids if i.holds(index)]
    return carried[-1] if carried else None
