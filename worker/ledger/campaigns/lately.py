"""Messages that were sent lately: the rows of a new campaign are compared with their recipients and texts.

While a campaign's texts are kept, they are compared. When upkeep removes them it leaves fingerprints: for the one text
of a campaign a keyed hash of text and sender, for texts of single rows six bytes of a keyed hash of recipient, text and
sender. Hosts with workers make them with the installation's secret key; a host without that key can compare only
texts.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from smsq.worker.domain.batch import PLAIN_CHANNEL, Options, Ref, unpack_recipients, unpack_texts
from smsq.worker.domain.errors import SmsqError
from smsq.worker.domain.receipt import SIZE as RECEIPT
from smsq.worker.domain.recipient import Recipient, key_of
from smsq.worker.domain.status import BatchState, IdState, Status
from smsq.worker.domain.text import words
from smsq.worker.ledger.batches.enrolment import Enrolment
from smsq.worker.ledger.layout import OF_ROWS
from smsq.worker.ledger.store import translated
from smsq.worker.ledger.values import BatchView
from smsq.worker.sealing import ID_BYTES, Key

log = logging.getLogger(__name__)

USE = "sent"
PRINT = 6  # bytes: among thirty million comparisons, one goes wrong with a chance of one in nine million
ONE_PRINT = 16  # bytes, for a text that a whole campaign shares
BATCHES_AT_ONCE = 200  # read in one round trip
# Statuses of messages that no phone got or will get.
NEVER_LEFT = frozenset[int](
    (Status.REFUSED, Status.CANCELLED, Status.LATE, Status.OPTOUT, Status.BLOCKED, Status.CAPPED)
)

Way = tuple[str | None, str]  # the sender and the channel of a message
Wanted = Callable[[Sequence[Recipient], Way], Sequence[tuple[int, int]]]
WAYS = frozenset({"sender", "channel"})  # words of a campaign whose rows have senders or channels of their own
Said = str | bytes  # a text in the form of `words`, or its fingerprint behind the name of its key
Each = tuple[int, Recipient, Said]  # a token, who a message is for, what it says
_OPTIONS = msgspec.json.Decoder(Options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier campaign to compare with; `at` is when it was first sent, or begun, in Unix seconds.

    `said` is its text in the form of `words`, or the text's fingerprint; None if each row has a text of its own. Some
    of those may be fingerprints already (`has_prints`). `way` is its sender and channel; if it is `mixed`, rows have
    their own.
    """

    id: str
    name: str
    at: float
    rows: int
    is_cancelled: bool
    is_all_in: bool
    way: Way
    is_mixed: bool
    said: Said | None = field(repr=False)
    has_prints: bool


class Printer:
    """Makes fingerprints with one key, for texts under one sender. Not thread-safe."""

    def __init__(self, key: Key, sender: str | None) -> None:
        self.name = key.name
        head = (sender or "").encode() + b"\0"
        self._one = key.hasher(f"{USE}/one", ONE_PRINT)
        self._one.update(head)
        self._each = key.hasher(f"{USE}/each", PRINT)
        self._each.update(head)

    def one(self, text: str) -> bytes:
        """The fingerprint of a text that a whole campaign shares."""
        hasher = self._one.copy()
        hasher.update(words(text).encode("utf-8", "surrogatepass"))
        return hasher.digest()

    def each(self, recipient: Recipient, text: str) -> bytes:
        """The fingerprint of one recipient's text."""
        hasher = self._each.copy()
        hasher.update(b"%b\0%b" % (key_of(recipient), words(text).encode("utf-8", "surrogatepass")))
        return hasher.digest()


class Lately:
    """Reads what was sent lately, and replaces texts by fingerprints."""

    def __init__(self, ledger: Enrolment) -> None:
        self._ledger = ledger
        self.kept = ""  # which campaigns there were when `campaigns` read them: how many, and the newest

    def campaigns(self, sender: str | None, channel: str = PLAIN_CHANNEL, *, is_mixed: bool = False) -> list[Earlier]:
        """Campaigns under this sender by this channel that rows can be compared with, newest first.

        Those whose rows have senders or channels of their own are among them; all are if `is_mixed`. One round trip.
        """
        ledger = self._ledger
        fields = ["name", "state", "created_at", "first_sent_at", "rows", "closed", "personal", "text", "options"]
        fields += ["print", "texts_gone", "texts_to", "words"]
        with translated():
            ids = [raw.decode() for raw in ledger.redis.zrevrange(ledger.key("campaigns"), 0, -1)]
            self.kept = f"{len(ids)} {ids[0] if ids else ''}"
            with ledger.redis.pipeline(transaction=False) as pipe:
                for campaign_id in ids:
                    pipe.hmget(ledger.keys.campaign(campaign_id), fields)
                rows = pipe.execute() if ids else []
        found = (_earlier(campaign_id, raw) for campaign_id, raw in zip(ids, rows, strict=True))
        way = sender, channel
        return [each for each in found if each is not None and (is_mixed or each.is_mixed or each.way == way)]

    def sent(self, earlier: Earlier, wanted: Wanted) -> Iterator[Each]:
        """Messages of a campaign that left, may have left or wait to leave: token, recipient, and text or fingerprint.

        `wanted` is called with the recipients of a batch, their sender and their channel, and returns the places to
        look at, each with a token.
        """
        ledger = self._ledger
        with translated():
            numbers = ledger.redis.get(ledger.keys.campaign(earlier.id, "b")) or b""
        refs = [Ref(int.from_bytes(numbers[at : at + 4], "big"), earlier.id) for at in range(0, len(numbers), 4)]
        for start in range(0, len(refs), BATCHES_AT_ONCE):
            near: list[tuple[BatchView, list[tuple[int, int]]]] = []
            for batch in ledger.read(refs[start : start + BATCHES_AT_ONCE]):
                if batch is None:
                    continue
                way = _way_of(batch.options) if batch.options else earlier.way
                if places := left(batch, wanted(batch.recipients, way), earlier.is_cancelled):
                    near.append((batch, places))
            if earlier.said is not None:
                for batch, places in near:
                    recipients = batch.recipients
                    for place, token in places:
                        yield token, recipients[place], earlier.said
            elif near:
                yield from self._own_words(near)

    def _own_words(self, near: Sequence[tuple[BatchView, list[tuple[int, int]]]]) -> Iterator[Each]:
        """The same if each message has its own text; texts that an earlier version removed are left out."""
        ledger = self._ledger
        with translated(), ledger.redis.pipeline(transaction=False) as pipe:
            for batch, _ in near:
                number = batch.ref.number
                pipe.hmget(ledger.keys.shard(number), [f"{number}t", f"{number}h"])
            held = pipe.execute()
        for (batch, places), (texts, prints) in zip(near, held, strict=True):
            if texts is not None:
                said = unpack_texts(texts)
                yield from ((token, batch.recipients[place], words(said[place])) for place, token in places)
            elif prints is not None:
                name = prints[:ID_BYTES]
                for place, token in places:
                    at = ID_BYTES + place * PRINT
                    yield token, batch.recipients[place], name + prints[at : at + PRINT]

    def leave_prints(self, campaign_id: str, refs: Sequence[Ref]) -> None:
        """Replace the texts of these batches of a campaign by fingerprints."""
        ledger = self._ledger
        campaign = ledger.keys.campaign(campaign_id)
        with translated():
            own = _own_sender(*ledger.redis.hmget(campaign, ["options"]))
            with ledger.redis.pipeline(transaction=False) as pipe:
                for ref in refs:
                    pipe.hmget(ledger.keys.shard(ref.number), [f"{ref.number}p", f"{ref.number}t"])
                held = pipe.execute() if refs else []
            senders = {batch.ref: _way_of(batch.options)[0] for batch in ledger.read(refs) if batch and batch.options}
            printers = {sender: self._printer(sender) for sender in {own, *senders.values()}}
            with ledger.redis.pipeline(transaction=False) as pipe:
                for ref, (recipients, texts) in zip(refs, held, strict=True):
                    shard, printer = ledger.keys.shard(ref.number), printers[senders.get(ref, own)]
                    if printer is not None and recipients is not None and texts is not None:
                        pairs = zip(unpack_recipients(recipients), unpack_texts(texts), strict=True)
                        prints = b"".join([printer.each(recipient, text) for recipient, text in pairs])
                        pipe.hset(shard, f"{ref.number}h", printer.name + prints)
                    pipe.hdel(shard, f"{ref.number}t")
                pipe.execute()

    def leave_print(self, campaign_id: str) -> None:
        """Replace a campaign's own text by its fingerprint, and remove the template."""
        ledger = self._ledger
        campaign = ledger.keys.campaign(campaign_id)
        with translated():
            text, options, personal = ledger.redis.hmget(campaign, ["text", "options", "personal"])
            kept: dict[str, str | int] = {"text": "", "template": "", "texts_gone": 1}
            if text and personal != b"1" and (printer := self._printer(_own_sender(options))) is not None:
                kept["print"] = (printer.name + printer.one(text.decode())).hex()
            ledger.redis.hset(campaign, mapping=kept)

    def _printer(self, sender: str | None) -> Printer | None:
        """What makes fingerprints; None without a key, since a text is removed in time, with or without one."""
        try:
            return Printer(self._ledger.sealing().key(), sender)
        except SmsqError as error:
            log.warning("texts leave no fingerprints: %s", error.sentence)
            return None


def left(batch: BatchView, places: Sequence[tuple[int, int]], is_cancelled: bool) -> list[tuple[int, int]]:
    """The places, of these, whose messages left, may have left, or wait to leave."""
    if not places:
        return []
    statuses = batch.receipts[::RECEIPT]
    if batch.state == BatchState.READY and is_cancelled:
        may_live = [each for each in batch.ids if each.state == IdState.OPEN]
        waits = {place for place, _ in places if any(each.holds(place) for each in may_live)}
    else:
        waits = set() if batch.state == BatchState.SETTLED else {place for place, _ in places}
    if not statuses:
        return [each for each in places if each[0] in waits]
    return [each for each in places if (statuses[each[0]] not in NEVER_LEFT if statuses[each[0]] else each[0] in waits)]


def _own_sender(options: bytes | None) -> str | None:
    """The sender of a campaign with these options."""
    return _way_of((options or b"{}").decode())[0]


@functools.lru_cache(maxsize=1024)  # batches of few ways
def _way_of(options: str) -> Way:
    """The sender and the channel among options as they are kept with a campaign or a batch."""
    known = _OPTIONS.decode(options.removeprefix(OF_ROWS))
    return known.sender, known.channel


def _earlier(campaign_id: str, raw: Sequence[bytes | None]) -> Earlier | None:
    name, state, created, first, rows, closed, personal, text, options, printed, gone, some, own = raw
    if name is None:
        return None
    said: Said | None = None
    if personal != b"1":
        said = words(text.decode()) if text else bytes.fromhex((printed or b"").decode())
        if not said:
            return None  # an earlier version removed it
    return Earlier(
        id=campaign_id,
        name=name.decode(),
        at=int(first or created or 0) / 1000,
        rows=int(rows or 0),
        is_cancelled=state == b"cancelled",
        is_all_in=closed == b"1",
        way=_way_of((options or b"{}").decode()),
        is_mixed=not WAYS.isdisjoint((own or b"").decode().split("\n")),
        said=said,
        has_prints=bool(gone or some),
    )
