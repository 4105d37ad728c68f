"""The gateway's own names of messages: over SMPP a receipt knows no other.

A name is noted when its message is settled, in a hash of the day, and forgotten once the message is final. A receipt
may come before that: it is kept, and merged by the process that settles the message. If that process dies in between,
history shows what the receipt said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from smsq.worker.domain.fact import Fact
from smsq.worker.domain.money import of_units
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.status import STATUS_TABLE, Status
from smsq.worker.ledger.batches.asking import Asking
from smsq.worker.ledger.batches.enrolment import cost_units
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.values import Named

NAMES_DAYS = 4  # a message lives for a day, and for another the gateway keeps what it could not deliver (PROTOCOL H.1)
EARLY_S = 2 * 86400.0
DELIVERIES = frozenset((Status.DELIVERED, Status.READ, Status.CLICKED))
MOST_EARLY = 100_000  # in a day: other programs of the account have receipts too


class _Place(NamedTuple):
    """Where a name was found, and what it stands for."""

    key: str
    gateway_id: int
    recipient: Recipient
    parts: int


class Names(Asking):
    """The verbs of receipts that know our messages by the gateway's names only."""

    def advance_named(self, receipts: Sequence[Named], next_ask_s: float = 60.0) -> int:
        """Merge what receipts say, or keep those whose names are not known yet; return how many messages changed.

        Once this returns, each receipt is stored for good.
        """
        places = self._places([each.name for each in receipts])
        strangers = [each for each, place in zip(receipts, places, strict=True) if place is None]
        kept = iter(self._keep(strangers))
        known: list[tuple[Named, _Place]] = []
        for receipt, place in zip(receipts, places, strict=True):
            found = place if place is not None else next(kept)
            if found is not None:
                known.append((receipt, found))
        return self._merge(known, next_ask_s)

    def advance_early(self, early: Sequence[Named], next_ask_s: float = 60.0) -> int:
        """Merge receipts that came before their messages were settled, and forget that they came."""
        changed = self.advance_named(early, next_ask_s)
        today = int(self.time_here() // 86400)
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for day in (today + 1, today, today - 1):
                pipe.hdel(self.key(f"early:{day}"), *[each.name for each in early])
            pipe.execute()
        return changed

    def _places(self, names: Sequence[str]) -> list[_Place | None]:
        if not names:
            return []
        keys = self.keys.names(self.time_here(), NAMES_DAYS)
        with translated(), self.redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hmget(key, names)
            rows = pipe.execute()
        return [
            next((_place(key, row[at]) for key, row in zip(keys, rows, strict=True) if row[at] is not None), None)
            for at in range(len(names))
        ]

    def _keep(self, receipts: Sequence[Named]) -> list[_Place | None]:
        """Keep receipts of unknown names; the place of each name that has become known meanwhile."""
        if not receipts:
            return []
        now = self.time_here()
        keys = self.keys.names(now, NAMES_DAYS)
        arguments: list[Argument] = [int(EARLY_S * 1000), MOST_EARLY]
        for each in receipts:
            arguments += [each.name, _packed(each.fact)]
        replies = self.call("keep_early", [self.key(f"early:{int(now // 86400)}"), *keys], *arguments)
        if full := replies.count(b"full"):
            with translated():
                self.redis.hincrby(self.key("totals"), "alarm:stranger-id", full)
        return [_place(keys[0], reply) if reply not in (b"", b"full") else None for reply in replies]

    def _merge(self, known: Sequence[tuple[Named, _Place]], next_ask_s: float) -> int:
        facts, over = [], list[tuple[str, str]]()
        for receipt, place in known:
            fact = replace(receipt.fact, gateway_id=place.gateway_id, recipient=place.recipient)
            if fact.status in DELIVERIES and max(1, fact.parts) < place.parts and not self._is_last(receipt, place):
                continue  # other parts of this message are still under way
            facts.append(replace(fact, parts=max(fact.parts, place.parts)))
            if STATUS_TABLE[fact.status].is_final:
                over.append((place.key, receipt.name))
        changed = self.advance(facts, next_ask_s)
        if over:
            with translated(), self.redis.pipeline(transaction=False) as pipe:
                for key in {key for key, _ in over}:
                    pipe.hdel(key, *[name for each, name in over if each == key])
                pipe.execute()
        return changed

    def _is_last(self, receipt: Named, place: _Place) -> bool:
        """Count a part's receipt, which says nothing of other parts; whether all of them have come."""
        message = f"{place.gateway_id} {place.recipient}"
        with translated():
            if self.redis.hsetnx(place.key, f"{message} {receipt.name}", "1"):
                return int(self.redis.hincrby(place.key, message, 1)) >= place.parts
            return int(self.redis.hget(place.key, message) or 0) >= place.parts


def _place(key: str, written: bytes) -> _Place:
    words = written.decode().split(" ")
    recipient = int(words[1]) if words[1].isdigit() else words[1]
    return _Place(key, int(words[0]), recipient, int(words[2]) if len(words) > 2 else 1)


def _packed(fact: Fact) -> bytes:
    what = fact.recipient, int(fact.status), fact.error_code, fact.parts, cost_units(fact.cost), fact.at
    return msgspec.msgpack.encode((*what, fact.result, fact.network, fact.has_error))


def unpacked(name: bytes, packed: bytes) -> Named:
    """An early receipt, as the ledger kept it."""
    recipient, status, error_code, parts, cost, at, result, network, has_error = msgspec.msgpack.decode(packed)
    return Named(
        name.decode(),
        Fact(
            gateway_id=0,
            recipient=recipient,
            status=Status(status),
            error_code=error_code,
            parts=parts,
            cost=of_units(cost) if cost >= 0 else None,
            at=at,
            result=result,
            network=network,
            has_error=has_error,
        ),
    )
