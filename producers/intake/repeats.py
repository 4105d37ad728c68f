"""Rows that were sent already: before enrolment, a draft is compared with messages that were sent lately.

A corrected file has another digest, so its rows must be compared one by one: phone, text and sender of each message
with those of all kept campaigns that left, may have left or wait to leave.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from smsq.producers.intake.drafts import Draft
from smsq.producers.moments import when
from smsq.worker.domain.batch import Packed, unpack_recipients, unpack_rows, unpack_texts
from smsq.worker.domain.campaign import LeftOut, Range
from smsq.worker.domain.errors import BadInput, Conflict, SmsqError
from smsq.worker.domain.recipient import Recipient
from smsq.worker.domain.text import words
from smsq.worker.gateway.channels import channel
from smsq.worker.ledger.campaigns.lately import WAYS, Earlier, Lately, Printer, Said, Way
from smsq.worker.ledger.views import CampaignView
from smsq.worker.runtime import Runtime
from smsq.worker.sealing import ID_BYTES, Key

MOST_NAMED = 3  # campaigns that a sentence names
WAYS_OUT = "--only-new leaves them out, --again sends them again (in Python `only_new=True`, `again=True`)"


@dataclass(frozen=True, slots=True)
class Sent:
    """Rows of a draft whose messages an earlier campaign has sent, or is to send."""

    earlier: Earlier
    rows: Sequence[int] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Repeats:
    """The result of a comparison: rows that were sent already, and rows of which that cannot be told here."""

    sent: Sequence[Sent] = ()
    unknown: Sequence[Sent] = ()

    def __str__(self) -> str:
        return f"{_rows_of(self.sent)} with the same text and sender: {_campaigns_of(self.sent)}"

    @property
    def rows(self) -> int:
        """How many rows were sent already."""
        return sum(len(each.rows) for each in self.sent)

    @property
    def unknown_said(self) -> str:
        """Why it cannot be told of some rows whether they were sent already, and what to do about it."""
        many = sum(len(each.rows) for each in self.unknown)
        return (
            f"{'1 phone was' if many == 1 else f'{many} phones were'} already sent a text, and this host cannot tell "
            f"whether it was the same: {_campaigns_of(self.unknown)}. Those texts are no longer kept, and their "
            "fingerprints were made with another secret key: set SMSQ_SECRET_KEY to that of the hosts with workers, "
            "or add --again to send in any case (in Python `again=True`)"
        )


class Comparison:
    """Takes a draft's ranges, then compares them with what left lately.

    `besides` is the draft's own unfinished campaign, of which the rows up to `after_row` are in. Campaigns in `known`
    are not compared with, since somebody decided about them.
    """

    def __init__(
        self,
        runtime: Runtime,
        draft: Draft,
        *,
        besides: str = "",
        after_row: int = 0,
        known: Collection[str] = (),
    ) -> None:
        self._runtime = runtime
        self._way: Way = draft.options.sender, draft.options.channel
        self._ways: dict[Way, int] = {self._way: 0}  # sender and channel, each with its number
        self._own_ways = array("H") if not WAYS.isdisjoint(draft.said) else None  # that of each row, if they differ
        self._text = (
            words(channel(draft.options.channel).read(draft.template.render(())))
            if draft.template.is_constant
            else None
        )
        self._after_row = after_row
        self._lately = Lately(runtime.ledger)
        self._numbers, self._rows, self._texts = array("Q"), array("I"), array("q")
        self._keys: dict[bytes, Key] = {}  # those held here, by name
        self._printers: dict[tuple[bytes, str | None], Printer] = {}  # of a key and a sender
        # For each row a hash of its fingerprint, by key: as the text of a campaign of that sender, or as its own text.
        self._prints_of_one: dict[tuple[bytes, str | None], array[int]] = {}
        self._prints: dict[bytes, array[int]] = {}
        earlier = [
            each
            for each in self._lately.campaigns(*self._way, is_mixed=self._own_ways is not None)
            if each.id != besides and each.id not in known and (each.rows or _takes_rows(each))
        ]
        if any(each.has_prints for each in earlier):
            self._prepare_printers(earlier)
        self._earlier = [each for each in earlier if self._may_match(each)]

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self._earlier)

    @property
    def kept(self) -> str:
        """Which campaigns there were at the comparison."""
        return self._lately.kept

    @property
    def against(self) -> frozenset[tuple[str, int]]:
        """What is compared with: campaigns, each with how many rows it has."""
        return frozenset((each.id, each.rows) for each in self._earlier)

    def add(self, part: Range) -> None:
        """Take in a range of the draft's messages."""
        if not self._earlier or not part.batches:
            return
        for batch in part.batches:
            self._add(batch)

    def _way_of(self, batch: Packed) -> Way:
        if self._own_ways is None or batch.options is None:
            return self._way
        return batch.options.sender, batch.options.channel

    def _add(self, batch: Packed) -> None:
        rows = unpack_rows(batch.rows, batch.first_row, batch.count)
        if rows[-1] <= self._after_row:  # a batch lies within one range: all of it is in
            return
        recipients = unpack_recipients(batch.recipients)
        self._numbers.extend(map(number_of, recipients))
        self._rows.extend(rows)
        way = self._way_of(batch)
        if self._own_ways is not None:
            self._own_ways.extend([self._ways.setdefault(way, len(self._ways))] * len(rows))
        if self._text is None:
            texts = [words(text) for text in unpack_texts(batch.texts)]
            self._texts.extend(map(hash, texts))
            for (name, sender), one in self._prints_of_one.items():
                printer = self._printer(name, sender)
                one.extend([hash(printer.one(text)) for text in texts])
            for name, each in self._prints.items():
                printer = self._printer(name, way[0])
                pairs = zip(recipients, texts, strict=True)
                each.extend([hash(printer.each(recipient, text)) for recipient, text in pairs])

    def repeats(self) -> Repeats:
        """Compare what was taken in; each row is put down to the newest campaign that has sent it."""
        if not self._earlier or not self._numbers:
            return Repeats()
        order = sorted(range(len(self._numbers)), key=self._numbers.__getitem__)
        self._order = array("I", order)
        self._sorted = array("Q", [self._numbers[place] for place in order])
        del order
        taken = bytearray(len(self._numbers))
        sent: list[Sent] = []
        unknown: list[tuple[Earlier, list[int]]] = []
        for earlier in self._earlier:
            if not self._may_occur(earlier):
                continue
            rows, unsure = array("I"), list[int]()
            for place, recipient, said in self._lately.sent(earlier, self._wanted):
                same = self._is_same(place, recipient, said, earlier)
                if same is None:
                    unsure.append(place)
                elif same and not taken[place]:
                    taken[place] = 1
                    rows.append(self._rows[place])
            if rows:
                sent.append(Sent(earlier, rows))
            if unsure:
                unknown.append((earlier, unsure))
        not_told = []
        for earlier, places in unknown:
            if left := [self._rows[place] for place in places if not taken[place]]:
                not_told.append(Sent(earlier, left))
        return Repeats(sent, not_told)

    # Recipients -----------------------------------------------------------------------------------------------------

    def _wanted(self, recipients: Sequence[Recipient], way: Way) -> list[tuple[int, int]]:
        """Which of these recipients the draft sends to by this way: their places, and the draft's place of each."""
        held, order, end = self._sorted, self._order, len(self._sorted)
        found: list[tuple[int, int]] = []
        number_of_way, own_ways = self._ways.get(way), self._own_ways
        if number_of_way is None:
            return found
        for at, number in enumerate(map(number_of, recipients)):
            place = bisect_left(held, number)
            is_there = place < end and held[place] == number
            if is_there and (own_ways is None or own_ways[order[place]] == number_of_way):
                found.append((at, order[place]))
        return found

    # Texts ----------------------------------------------------------------------------------------------------------

    def _prepare_printers(self, earlier: Sequence[Earlier]) -> None:
        """Make fingerprints with every key that is held here; without any there is nothing but texts to compare."""
        try:
            sealer = self._runtime.sealer
            self._keys = {key.name: key for key in (sealer.key(name) for name in sealer.names)}
        except SmsqError:
            return
        for name in self._keys:
            for sender in {each.way[0] for each in earlier if isinstance(each.said, bytes)}:
                self._prints_of_one[name, sender] = array("q")
            if any(each.said is None and each.has_prints for each in earlier):
                self._prints[name] = array("q")

    def _printer(self, name: bytes, sender: str | None) -> Printer:
        """What makes fingerprints with one of the keys held here."""
        if (name, sender) not in self._printers:
            self._printers[name, sender] = Printer(self._keys[name], sender)
        return self._printers[name, sender]

    def _may_match(self, earlier: Earlier) -> bool:
        """Whether a message of this campaign can be one of the draft's, as far as its text tells at once."""
        if self._text is None or earlier.said is None:
            return True
        return self._is_text(earlier.said, 0, earlier.way[0]) is not False

    def _may_occur(self, earlier: Earlier) -> bool:
        """The same of a draft whose rows have texts of their own: whether some row has that of the whole campaign."""
        if self._text is not None or earlier.said is None:
            return True
        if isinstance(earlier.said, str):
            return hash(earlier.said) in self._texts
        prints = self._prints_of_one.get((earlier.said[:ID_BYTES], earlier.way[0]))
        return prints is None or hash(earlier.said[ID_BYTES:]) in prints

    def _is_same(self, place: int, recipient: Recipient, said: Said, earlier: Earlier) -> bool | None:
        """Whether the message at this place of the draft says the same, None if that cannot be told."""
        sender = earlier.way[0]
        if self._text is not None:
            return self._is_text(said, *((recipient, self._sender_at(place)) if earlier.said is None else (0, sender)))
        if isinstance(said, str):
            return self._texts[place] == hash(said)
        name = said[:ID_BYTES]
        prints = self._prints.get(name) if earlier.said is None else self._prints_of_one.get((name, sender))
        return prints[place] == hash(said[ID_BYTES:]) if prints is not None else None

    def _sender_at(self, place: int) -> str | None:
        """The sender of the draft's row at this place."""
        if self._own_ways is None:
            return self._way[0]
        return next(way for way, number in self._ways.items() if number == self._own_ways[place])[0]

    def _is_text(self, said: Said, recipient: Recipient, sender: str | None) -> bool | None:
        """The same for the one text of a draft; `recipient` 0 for what was said to all."""
        text = self._text or ""
        if isinstance(said, str):
            return said == text
        if said[:ID_BYTES] not in self._keys:
            return None
        printer = self._printer(said[:ID_BYTES], sender)
        return said[ID_BYTES:] == (printer.each(recipient, text) if recipient else printer.one(text))


def number_of(recipient: Recipient) -> int:
    """A recipient as a number of 64 bits: a phone itself, for an address a hash that is larger than any phone."""
    if isinstance(recipient, int):
        return recipient
    return int.from_bytes(hashlib.blake2b(recipient.encode(), digest_size=8).digest(), "big") | 1 << 63


def decided(
    draft: Draft, found: Repeats, before: CampaignView | None, of: int, *, again: bool, only_new: bool
) -> Draft:
    """The draft as it is enrolled: with every row, or without those that were sent already.

    `before` is its own unfinished campaign, which goes on as it was begun; `of` is how many rows there are. Raises
    Conflict if rows were sent already and neither `again` nor `only_new` is set.
    """
    again = again or (before is not None and before.repeats == "again" and not only_new)
    only_new = only_new or (before is not None and before.repeats == "only_new" and not again)
    if not again:
        if found.unknown:
            raise Conflict(found.unknown_said)
        if found.sent and not only_new:
            raise Conflict(f"{_of(found, of)}. {WAYS_OUT}")
    choice = replace(
        draft.choice,
        word="again" if again else "only_new" if only_new else "",
        continues=before.id if before is not None else "",
    )
    if only_new and found.sent:
        sent = [(each.earlier.id, each.earlier.at, each.rows) for each in found.sent]
        choice = replace(
            choice,
            left_out=LeftOut.of(sent, choice.left_out),
            overtakes=(*choice.overtakes, *(each.earlier.id for each in found.sent if _takes_rows(each.earlier))),
        )
    return replace(draft, choice=choice)


def check_flags(*, again: bool, only_new: bool) -> None:
    """Raise BadInput for both at once."""
    if again and only_new:
        raise BadInput(
            "--only-new leaves out rows that were already sent, --again sends them again: choose one of them"
        )


def _takes_rows(earlier: Earlier) -> bool:
    return not earlier.is_all_in and not earlier.is_cancelled


def _of(found: Repeats, of: int) -> str:
    return str(found).replace(" rows ", f" of {of} rows ", 1) if of != found.rows else str(found)


def _rows_of(sent: Sequence[Sent]) -> str:
    many = sum(len(each.rows) for each in sent)
    return "1 row was sent already" if many == 1 else f"{many} rows were sent already"


def _campaigns_of(sent: Sequence[Sent]) -> str:
    said = [
        f"{len(each.rows)} by campaign {each.earlier.id} ({each.earlier.name}) on {when(each.earlier.at)}"
        + (f", of which only {each.earlier.rows} rows are in" if _takes_rows(each.earlier) else "")
        for each in sent[:MOST_NAMED]
    ]
    others = sum(len(each.rows) for each in sent[MOST_NAMED:])
    return ", ".join(said) + (f", {others} by {len(sent) - MOST_NAMED} others" if others else "")
