"""Forget a recipient: erase what the ledger holds of it, and keep its opt-outs as keyed hashes.

Only what is over is erased: a message that may still be sent or asked about needs its recipient. Receipts and totals
stay, without saying whose they are. A text is erased with the recipient, the row's own words too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from smsq.worker.domain.batch import MessageId, Ref, pack_recipients, pack_texts, unpack_recipients, unpack_texts
from smsq.worker.domain.errors import BadInput, SmsqError
from smsq.worker.domain.optout import OptOut, plain_key
from smsq.worker.domain.recipient import EVERY_KIND, FORGOTTEN, Recipient, answered, parse
from smsq.worker.domain.row_words import NO_WORDS, pack_words, unpack_words
from smsq.worker.ledger.batches.names import NAMES_DAYS
from smsq.worker.ledger.campaigns.lately import PRINT
from smsq.worker.ledger.keys import SHARD
from smsq.worker.ledger.layout import BESIDE_SIZE
from smsq.worker.ledger.ledger import Ledger
from smsq.worker.ledger.scripts import Argument
from smsq.worker.ledger.store import translated
from smsq.worker.sealing import ID_BYTES

REASON = "forgotten"  # of an entry whose recipient was erased
WAITS: Mapping[str, str] = {
    "queued": "it waits to be sent",
    "sending": "it is being sent",
    "doubtful": "nobody knows yet whether it was accepted",
    "parked": "it is parked, and waits for a decision (`smsq doubts list`)",
    "accepted": "its final status is not known yet",
    "asked": "its cost or its result is still asked for",
    "watched": "an attempt that was taken for absent is watched for 72 h",
}


@dataclass(kw_only=True)
class Forgotten:
    """What was erased: messages, rows that were no messages, opt-outs that are hashes now; and what could not be."""

    messages: int = 0
    rows: int = 0
    optouts: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)  # message ids, each with the reason

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left."""
        return not self.left


class Forgetting:
    """Finds and erases one recipient in a ledger, however often it is asked to."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def forget(self, recipient: Recipient) -> Forgotten:
        """Erase this recipient wherever it is over; its opt-outs become hashes once nothing is left.

        Raises WrongKey without the secret key of the hashes.
        """
        hashed = self._ledger.forgotten_keys(recipient)[0]
        done = Forgotten()
        for ref, campaign in self._batches():
            self._erase_in(ref, campaign, recipient, done)
        for campaign in self._campaigns():
            done.rows += self._erase_rows(campaign, recipient)
        self._erase_names(recipient)
        self._ledger.forget_counts(recipient)
        if done.is_whole:
            done.optouts = self._hash_entries(recipient, hashed)
        return done

    def _campaigns(self) -> list[str]:
        with translated():
            return [raw.decode() for raw in self._ledger.redis.zrange(self._ledger.key("campaigns"), 0, -1)]

    def _batches(self) -> Iterator[tuple[Ref, str]]:
        """Every batch that there may be: those of campaigns, and every number that is none of theirs."""
        ledger, of_campaigns = self._ledger, set[int]()
        for campaign in self._campaigns():
            with translated():
                packed = ledger.redis.get(ledger.keys.campaign(campaign, "b")) or b""
            for at in range(0, len(packed), 4):
                number = int.from_bytes(packed[at : at + 4], "big")
                of_campaigns.add(number)
                yield Ref(number, campaign), campaign
        with translated():
            last = int(ledger.redis.get(ledger.key("n:batch")) or 0)
        for number in range(1, last + 1):
            if number not in of_campaigns:
                yield Ref(number), ""

    def _erase_in(self, ref: Ref, campaign: str, recipient: Recipient, done: Forgotten) -> None:
        packed = self._recipients_of(ref)
        if packed is None:
            return
        before = list(unpack_recipients(packed))
        if recipient not in before:
            return
        place = before.index(recipient)
        after = pack_recipients([FORGOTTEN if each == recipient else each for each in before])
        changes: list[Argument] = []
        for letter, value in self._fields_without(ref, place, len(before)).items():
            changes += (letter, value)
        reply = self._ledger.call_on("erase", ref, packed, after, *changes)
        if reply[0] == b"erased":
            done.messages += 1
        elif reply[0] == b"moves":
            done.left.append((str(MessageId(ref.number, place)), WAITS[reply[1].decode()]))
        elif reply[0] == b"changed":
            done.left.append(
                (str(MessageId(ref.number, place)), "it has changed meanwhile: run the same command again")
            )

    _shard: tuple[int, dict[int, bytes]] = (-1, {})

    def _recipients_of(self, ref: Ref) -> bytes | None:
        """The recipients of a batch; those of its whole shard are read together."""
        shard = ref.number // SHARD
        if self._shard[0] != shard:
            numbers = range(shard * SHARD, (shard + 1) * SHARD)
            with translated():
                found = self._ledger.redis.hmget(self._ledger.keys.shard(ref.number), [f"{n}p" for n in numbers])
            self._shard = shard, {n: raw for n, raw in zip(numbers, found, strict=True) if raw is not None}
        return self._shard[1].get(ref.number)

    def _fields_without(self, ref: Ref, place: int, count: int) -> dict[str, bytes]:
        """The other fields of a batch, each without what it says of this message."""
        ledger, n = self._ledger, ref.number
        beside = f"x{place // BESIDE_SIZE}"
        letters = ("t", "h", "l", "s", beside)
        with translated():
            held = ledger.redis.hmget(ledger.keys.shard(n), [f"{n}{letter}" for letter in letters])
        texts, prints, words, spoken, results = held
        changes: dict[str, bytes] = {}
        if texts is not None:
            changes["t"] = b"" if count == 1 else _texts_without(texts, place)
        if prints is not None:
            at = ID_BYTES + place * PRINT
            changes["h"] = prints[:at] + bytes(PRINT) + prints[at + PRINT :]
        if words is not None:
            said = unpack_words(words, count)
            said[place] = NO_WORDS
            changes["l"] = pack_words(said)
        if spoken is not None:
            changes["s"] = b""
        if results is not None:
            changes[beside] = _results_without(results, place)
        return changes

    def _erase_rows(self, campaign: str, recipient: Recipient) -> int:
        """Erase the recipient in rows that were no messages: what stood in the cell, and rows that stayed behind."""
        key, redis = self._ledger.keys.campaign(campaign, "x"), self._ledger.redis
        with translated():
            rows = redis.hgetall(key)
        erased = 0
        for name, record in rows.items():
            new = _behind_without(record, recipient) if name.startswith(b"+") else _reject_without(record, recipient)
            if new is not None:
                erased += 1
                with translated():
                    redis.hset(key, name, new)
        return erased

    def _erase_names(self, recipient: Recipient) -> None:
        """Erase it among the names that the gateway gave lately, which lead from a receipt to its message."""
        ledger = self._ledger
        wanted = plain_key(recipient).encode()
        for key in ledger.keys.names(ledger.time(), NAMES_DAYS):
            cursor: int | str = "0"
            while cursor != 0:
                with translated():
                    cursor, found = ledger.redis.hscan(key, cursor=cursor, count=1000)
                    gone = [name for name, value in found.items() if value.split(b" ")[1:2] == [wanted]]
                    if gone:
                        ledger.redis.hdel(key, *gone)

    def _hash_entries(self, recipient: Recipient, hashed: str) -> int:
        """Replace the recipient's entries by hashes: first they are added, so that it is on the list all the time."""
        entries = self._ledger.entries_of([plain_key(recipient)])
        self._ledger.opt_out(OptOut(key=hashed, scope=each.scope, reason=REASON, at=each.at) for each in entries)
        return self._ledger.opt_in(entries)


def _texts_without(packed: bytes, place: int) -> bytes:
    try:
        texts = unpack_texts(packed)
    except Exception:  # sealed with a key that is not ours: nobody reads it here
        raise BadInput("its text is sealed with a secret key that this host does not have") from None
    texts[place] = ""
    return pack_texts(texts)


def _results_without(packed: bytes, place: int) -> bytes:
    records = [record for record in msgspec.msgpack.decode(packed) if record[0] != place]
    return msgspec.msgpack.encode(records) if records else b""


def _behind_without(record: bytes, recipient: Recipient) -> bytes | None:
    """Packed rows that stayed behind, without the recipient; None if it is not among them."""
    kept = list(msgspec.msgpack.decode(record))
    recipients: Sequence[Recipient] = list(unpack_recipients(kept[2]))
    if recipient not in recipients:
        return None
    kept[2] = pack_recipients([FORGOTTEN if each == recipient else each for each in recipients])
    return msgspec.msgpack.encode(kept)


def _reject_without(record: bytes, recipient: Recipient) -> bytes | None:
    """A rejected row without its cell, if that is the recipient."""
    status, value, reason = record.decode().split("\0", 2)
    if not value or _read(value) != recipient:
        return None
    return f"{status}\0\0{reason}".encode()


def _read(value: str) -> Recipient | None:
    try:
        return parse(value, EVERY_KIND)
    except SmsqError:
        return answered(value)
