"""What the gateway makes of a send, by whichever wire it came: price it, judge it, take or refuse it.

The order of checks is the gateway's: the duplicate guard, then text and sender, then recipients, then money. A refused
send uses up an id all the same (gateway manual, answer of a send).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.http.server.send import COMMENT, Each, SendRequest, without_comment
from smsq.worker.sandbox.handset import recipients_of
from smsq.worker.sandbox.lookups import Lookups
from smsq.worker.sandbox.parts import parts_of
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.state import Account, File, Prices, Record, money

# What a refused id shows later, and with which delivery error (gateway manual, statuses; assumed, P.L.3).
REFUSED_STATUS = {3: (24, 0), 6: (23, 253), 7: (22, 249), 8: (25, 248)}
DUPLICATE = 9
MAGIC_WORD = "code"  # of a call: the gateway makes up a code and rings from a number that ends in it

Message = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a send: its record, and the error that refused it (0: none). The guard keeps no record."""

    code: int
    record: Record | None = None


class Sends:
    """The rule for all sends; prices may be changed while it runs."""

    def __init__(self, profile: Profile, lookups: Lookups) -> None:
        self.prices = Prices(profile.prices, profile.channel_prices)
        self._profile = profile
        self._lookups = lookups
        self.guarded = 0
        self.on_accept: Callable[[Record, bool], None] = lambda record, is_early: None

    def measure(self, request: SendRequest) -> tuple[int, int]:
        """Parts and price, in units, of all messages together."""
        messages, _ = _once(request.messages)
        return self._measure(request, messages, _most_parts(request))

    def take(
        self, account: Account, request: SendRequest, now: float, *, mirror: int, hidden_s: float = 0.0,
        is_early: bool = False, gateway_id: int | None = None, starts_s: float = 0.0, is_pushed: bool = True,
    ) -> Verdict:  # fmt: skip
        """Accept a send or refuse it; `gateway_id` in place of the request's own.

        `is_pushed` is False if its statuses are told in another way than to the handler URL.
        """
        content = content_of(request)
        if account.limits.guard.has(content, now):
            self.guarded += 1
            return Verdict(DUPLICATE)
        messages, repeats = _once(request.messages)
        code, refused = self._judge(request, messages) or (0, messages)
        most = _most_parts(request)
        parts, cost = (0, 0) if code else self._measure(request, messages, most)
        if not code and cost > account.balance:
            code = 3
        if not code:
            account.limits.guard.note(content, now)
            account.charge(cost)
        kept, comments = _apart(refused)
        record = Record(
            id=gateway_id or (request.id if request.id is not None else account.draw_id()),
            at=now,
            messages=kept,
            first_int_id=account.take_int_ids(len(kept)),
            parts=0 if code else parts,
            cost=0 if code else cost,
            sender=request.sender or "",
            mirror=mirror,
            prices=self.prices,
            channel=kind_of(request),
            translit=request.translit,
            most_parts=most,
            repeats=[] if code else _apart(repeats)[0],
            comments=comments,
            files=_files(request),
            extra=request.extra,
            starts_s=starts_s,
            hidden_s=hidden_s,
            code=REFUSED_STATUS[code][0] if code else 0,
        )
        account.add(record)
        if not code and is_pushed:
            self.on_accept(record, is_early)
        return Verdict(code, record)

    def refuse(
        self, account: Account, request: SendRequest, code: int, now: float, *, mirror: int, hidden_s: float
    ) -> Record:
        """Refuse a whole send, on purpose."""
        kept, comments = _apart(request.messages)
        record = Record(
            id=request.id if request.id is not None else account.draw_id(),
            at=now,
            messages=kept,
            comments=comments,
            first_int_id=account.take_int_ids(len(request.messages)),
            parts=0,
            cost=0,
            sender=request.sender or "",
            mirror=mirror,
            prices=self.prices,
            channel=kind_of(request),
            hidden_s=hidden_s,
            code=REFUSED_STATUS[code][0],
        )
        account.add(record)
        return record

    def each(self, record: Record) -> list[Each]:
        """What became of each recipient of an accepted send."""
        told, fits = [], recipients_of(record.channel)
        for place, (recipient, _) in enumerate(record.messages):
            failed = None if fits(recipient) else REFUSED_STATUS[7]
            whose = self._lookups.operator(recipient)
            told.append(
                Each(
                    phone=recipient,
                    mccmnc=whose.mcc + whose.mnc if recipient.isdigit() else "",
                    cost=money(record.cost_at(place)),
                    status=failed[0] if failed else None,
                    error=failed[1] if failed else None,
                )
            )
        return told

    def _measure(self, request: SendRequest, messages: list[Message], most: int) -> tuple[int, int]:
        total = cost = 0
        channel, translit, part = kind_of(request), request.translit, self.prices.part
        known: dict[str, int] = {}
        for recipient, text in messages:
            parts = known.get(text)
            if parts is None:
                parts = known[text] = parts_of(text, channel, translit, most)
            total += parts
            cost += parts * part(recipient, channel)
        return total, cost

    def _judge(self, request: SendRequest, messages: list[Message]) -> tuple[int, list[Message]] | None:
        """The error that refuses this send and the messages it is about; None if it may go."""
        profile = self._profile
        if profile.senders and request.sender and request.sender not in profile.senders:
            return 6, messages
        if profile.denied_text:
            denied = [message for message in messages if profile.denied_text in message[1]]
            if denied:
                return 6, denied
        fits = recipients_of(kind_of(request))
        wrong = [message for message in messages if not fits(message[0])]
        if wrong and (profile.is_strict or len(wrong) == len(messages)):
            return 7, wrong
        if profile.dead_prefixes:
            dead = [message for message in messages if message[0].startswith(profile.dead_prefixes)]
            if dead and (profile.is_strict or len(dead) == len(messages)):
                return 8, dead
        return None


def content_of(request: SendRequest) -> int:
    """What makes two requests the same one: recipients, texts, sender, channel and files, whatever the id (P.L.1)."""
    files = tuple([(upload.name, upload.content) for upload in request.uploads])
    subject = request.extra.get("subj")
    return hash((tuple(request.messages), request.is_list, request.sender, kind_of(request), subject, files))


def kind_of(request: SendRequest) -> str:
    """The kind of message, by one name whichever way it was written."""
    return CHANNELS[request.channel].same_as or request.channel


def code_of(record: Record) -> str:
    """The code that a call makes up, '' if it has a text of its own."""
    if record.channel != "call" or record.messages[0][1].strip().casefold() != MAGIC_WORD:
        return ""
    return f"{crc32(record.messages[0][0].encode()) % 10**6:06d}"


def _once(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """The first message of each recipient, and the others: one phone is charged once per request."""
    if len(dict(messages)) == len(messages):
        return messages, []
    known: dict[str, Message] = {}
    for message in messages:
        known.setdefault(message[0], message)
    first = set(map(id, known.values()))
    return list(known.values()), [message for message in messages if id(message) not in first]


def _apart(messages: list[Message]) -> tuple[list[Message], dict[int, str]]:
    """The messages without their comments, and the comments by place."""
    if not any(COMMENT in text for text in {text for _, text in messages}):
        return messages, {}
    said = [without_comment(text) for _, text in messages]
    kept = [(recipient, text) for (recipient, _), (text, _) in zip(messages, said, strict=True)]
    return kept, {place: comment for place, (_, comment) in enumerate(said) if comment}


def _most_parts(request: SendRequest) -> int:
    """At how many parts a text is cut; 0 for never."""
    written = request.extra.get("maxsms", "")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 4 else 0


def _files(request: SendRequest) -> list[File]:
    return [
        File(upload.name, upload.size, hashlib.sha256(upload.content).hexdigest()[:16]) for upload in request.uploads
    ]
