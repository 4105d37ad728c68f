"""A look at a whole campaign before anything is enrolled: rows, rejects, parts, alphabet, price.

Everything is counted; only the price may be an estimate: a large campaign is priced by at most three
requests of a hundred messages each, spread over the countries it goes to, and then says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from smsq.producers.intake.prepare import prepare
from smsq.producers.intake.row_options import RowOptions
from smsq.producers.intake.rows import Row
from smsq.producers.intake.samples import Characters, PlainTally, Samples
from smsq.producers.intake.screening import Screen, screened
from smsq.producers.intake.templates import Template
from smsq.producers.intake.zoning import Zoning
from smsq.worker.domain import text as texts
from smsq.worker.domain.batch import Options, Packed, unpack_recipients, unpack_rows, unpack_texts
from smsq.worker.domain.campaign import LeftOut, Range, Reject
from smsq.worker.domain.errors import BadInput, Conflict
from smsq.worker.domain.guests import EVERYBODY, Guests
from smsq.worker.domain.phone import without_numbers
from smsq.worker.domain.phone_kind import Kind, kind
from smsq.worker.domain.recipient import Recipient, written
from smsq.worker.gateway.channels import channel
from smsq.worker.gateway.options import counter, parts_of
from smsq.worker.ledger.campaigns.reach import reachable

REQUESTS = 3  # price requests for one campaign, whatever its size
PER_REQUEST = 100  # messages in one of them
REJECTS_KEPT = 1000  # named one by one; all are counted
REASONS_KEPT = 1000  # told apart
_MOST_SAMPLED = REQUESTS * PER_REQUEST  # messages of a country

_PLAIN = Options()
Message = tuple[Recipient, str]
# Asks the gateway for the price of some messages: all together, and their parts.
AskPrice = Callable[[dict[str, Any]], tuple[Decimal, int]]


@dataclass
class Stratum:
    """The messages to one country by one channel: how many, their parts, and a fair sample of them."""

    messages: int = 0
    parts: int = 0
    channel: str = ""
    sample: list[Message] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a campaign will cost, in the account's currency; `is_exact` False if it was estimated.

    The gateway was asked about `asked` of its messages.
    """

    cost: Decimal
    is_exact: bool
    asked: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{'' if self.is_exact else '≈ '}{self.cost.quantize(Decimal('0.01'))}"


@dataclass
class Preflight:
    """What a file would become."""

    rows: int = 0
    messages: int = 0
    parts: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (status, reason) -> rows
    rejects: list[Reject] = field(default_factory=list, repr=False)  # the first thousand
    unicode_texts: int = 0  # texts that need two bytes per character
    longest: int = 0  # parts of the longest text
    parts_of: Counter[int] = field(default_factory=Counter)  # parts of a text -> messages
    empty: Counter[str] = field(default_factory=Counter)  # field of the text -> rows in which it is empty
    defaults: Counter[str] = field(default_factory=Counter)  # place of the text -> rows in which its default stands
    omitted: Counter[str] = field(default_factory=Counter)  # optional part -> rows without it
    first: str = ""  # the first text as it will leave
    beyond_ascii: tuple[int, str] = (0, "")  # number and values of the first row that an encoding makes a difference to
    characters: Characters = field(default_factory=Characters)  # that make texts dear
    plain: PlainTally = field(default_factory=PlainTally)  # what plain characters have saved, if they were wished
    samples: Samples = field(default_factory=Samples, repr=False)
    kinds: Counter[Kind] = field(default_factory=Counter)  # of the phones that something would be sent to
    strata: dict[tuple[str, str], Stratum] = field(default_factory=dict, repr=False)  # by country and channel
    continues: str = ""  # the unfinished campaign that these rows are already
    by_zone: Counter[str] = field(default_factory=Counter)  # time zone -> parts, if batches have one
    zone_ways: Counter[str] = field(default_factory=Counter)  # how the time zone is known (`zoning.WAYS`) -> rows
    simulated: list[int] = field(default_factory=list, repr=False)  # rows with simulated numbers
    simulated_parts: int = 0  # of them, which cost nothing
    own: dict[str, Options] = field(default_factory=dict, repr=False)  # by channel: of the first row with its own
    by_sender: Counter[str] = field(default_factory=Counter)  # '' is the account's own -> messages
    by_channel: Counter[str] = field(default_factory=Counter)

    @property
    def invalid(self) -> int:
        """Rows that cannot be sent, duplicates left out."""
        return self._with("invalid")

    @property
    def duplicates(self) -> int:
        """Rows whose phone is in an earlier row, or whose message was sent already."""
        return self._with("duplicate")

    @property
    def blocked(self) -> int:
        """Rows to countries that a rule blocks."""
        return sum(many for (status, _), many in self.reasons.items() if status == "blocked")

    @property
    def opted_out(self) -> int:
        """Rows whose recipients have opted out."""
        return self._with("optout")

    @property
    def capped(self) -> int:
        """Rows whose recipients got as many messages lately as they may."""
        return self._with("capped")

    def _with(self, word: str) -> int:
        return sum(many for (status, _), many in self.reasons.items() if status == word)


def look(
    rows: Iterable[Row | Reject],
    template: Template,
    *,
    region: str = "RU",
    batch_size: int = 100,
    seen: Callable[[int], None] = lambda rows: None,
    left_out: LeftOut | None = None,
    screen: Screen = lambda recipients, sender: {},
    heard: Callable[[Range], None] = lambda part: None,
    options: Options = _PLAIN,
    per_row: RowOptions | None = None,
    zoning: Zoning | None = None,
    guests: Guests = EVERYBODY,
) -> Preflight:
    """Read everything once; raises BadInput if the file or a constant text is spoiled.

    `seen` is called with the progress, `heard` with each range; `left_out` are rows that are not sent,
    `screen` tells which recipients may not be sent to. Nobody but `guests` is reached.
    """
    found = Preflight()
    found.plain.is_on = (counting := template.finished_by(found.plain.plain)) is not template
    template = counting
    constant = channel(options.channel).read(template.render(())) if template.is_constant else None
    rows = _watched(rows, template, found)
    per_range = max(1, 1000 // batch_size)
    parts = prepare(
        rows,
        template,
        batch_size,
        per_range,
        region=region,
        left_out=left_out,
        options=options,
        per_row=per_row,
        zoning=zoning,
    )
    parts = (screened(reachable(part, options, parts_of, guests), screen, options) for part in parts)
    look_at(parts, constant, options, found=found, seen=seen, left_out=left_out, heard=heard)
    if zoning is not None:
        found.zone_ways = zoning.ways
    return found


def look_at(
    parts: Iterable[Range],
    constant: str | None,
    options: Options,
    *,
    found: Preflight | None = None,
    seen: Callable[[int], None] = lambda rows: None,
    left_out: LeftOut | None = None,
    heard: Callable[[Range], None] = lambda part: None,
) -> Preflight:
    """The same for ranges, whatever they are made of; `constant` is the text of all messages if they have one."""
    found = found or Preflight()
    random = Random(1)  # the same file is priced by the same sample
    for part in parts:
        _count(found, part)
        if part.behind is not None and left_out is not None:
            _count_behind(found, part.behind, left_out)
        heard(part)
        for batch in part.batches:
            own = batch.options or options
            if batch.options is not None:
                found.own.setdefault(own.channel, own)
            if batch.zone is not None:
                found.by_zone[part.zones[batch.zone]] += batch.parts
            found.by_sender[own.sender or ""] += batch.count
            found.by_channel[own.channel] += batch.count
            if batch.is_simulated:
                found.simulated += [*unpack_rows(batch.rows, batch.first_row, batch.count)]
                found.simulated_parts += batch.parts
            if constant is None:
                _take_texts(found, batch, random, own)
            else:
                _take_constant(found, batch, constant, random, own.channel)
        seen(found.rows)
    if constant is not None and found.messages:
        _look_at_constant(found, constant, options)
    return found


def _watched(rows: Iterable[Row | Reject], template: Template, found: Preflight) -> Iterator[Row | Reject]:
    """The same rows; those are counted in which the text has a gap."""
    gaps = template.gap_finder()
    counters = {"empty": found.empty, "default": found.defaults, "part": found.omitted}
    for row in rows:
        if not isinstance(row, Reject):
            if not found.beyond_ascii[0] and not all(map(str.isascii, row[2])):
                found.beyond_ascii = row[0], ", ".join(row[2])
            for what, name in gaps(row[2]):
                counters[what][name] += 1
        yield row


def _count(found: Preflight, part: Range) -> None:
    found.rows += part.rows
    for batch in part.batches:
        found.messages += batch.count
        found.parts += batch.parts
    for reject in part.rejects:
        _note_reason(found, reject.status, without_numbers(reject.reason))
    found.rejects += part.rejects[: max(0, REJECTS_KEPT - len(found.rejects))]


def _note_reason(found: Preflight, status: str, reason: str) -> None:
    """Count a reason; those of a spoiled file that has another one in each row are counted together."""
    if (status, reason) not in found.reasons and len(found.reasons) >= REASONS_KEPT:
        reason = "other reasons, which the rejects file has"
    found.reasons[status, reason] += 1


def _count_behind(found: Preflight, behind: Packed, left_out: LeftOut) -> None:
    recipients = unpack_recipients(behind.recipients)
    for recipient, row in zip(recipients, unpack_rows(behind.rows, behind.first_row, behind.count), strict=True):
        reject = Reject(row, "duplicate", left_out.reason(row), written(recipient))
        found.reasons[reject.status, reject.reason] += 1
        if len(found.rejects) < REJECTS_KEPT:
            found.rejects.append(reject)


def _take_texts(found: Preflight, batch: Packed, random: Random, options: Options) -> None:
    """Take in a batch whose messages have texts of their own."""
    count, is_short = counter(options), _is_short(options)
    samples, characters, parts_of = found.samples, found.characters, found.parts_of
    rows = unpack_rows(batch.rows, batch.first_row, batch.count)
    said = unpack_texts(batch.texts)
    for row, recipient, text in zip(rows, unpack_recipients(batch.recipients), said, strict=True):
        parts = count(text)
        parts_of[parts] += 1
        samples.add(row, recipient, text, parts, random)
        if not batch.is_simulated:  # nobody is asked what those cost
            _sample(found, recipient, text, parts, random, options.channel)
        if is_short and texts.alphabet(text) == "ucs2":
            found.unicode_texts += 1
            characters.look_at(row, text, parts)
    found.first = found.first or said[0]
    found.longest = max(parts_of)


def _take_constant(found: Preflight, batch: Packed, constant: str, random: Random, way: str) -> None:
    """Take in a batch of one text; its parts depend on options that rows may have of their own."""
    parts = batch.parts // batch.count
    found.parts_of[parts] += batch.count
    rows = unpack_rows(batch.rows, batch.first_row, batch.count)
    recipients = unpack_recipients(batch.recipients)
    if found.samples.first is None:
        found.samples.add(rows[0], recipients[0], constant, parts, random)
    for recipient in () if batch.is_simulated else recipients:
        _sample(found, recipient, constant, parts, random, way)


def _look_at_constant(found: Preflight, constant: str, options: Options) -> None:
    found.first, found.longest = constant, counter(options)(constant)
    if tally := found.plain.texts:  # it was rendered more than once
        found.plain.texts, found.plain.parts = found.messages, found.plain.parts // tally * found.messages
    if _is_short(options) and texts.alphabet(constant) == "ucs2":
        found.unicode_texts = found.messages
        first = found.samples.first
        found.characters.look_at(first.row if first is not None else 1, constant, found.longest, found.messages)


def _is_short(options: Options) -> bool:
    """Whether parts are counted by the alphabet of a text."""
    return not options.translit and channel(options.channel).parts is texts.parts


def _sample(found: Preflight, recipient: Recipient, text: str, parts: int, random: Random, way: str) -> None:
    """Count a message in the stratum of its country and channel, and keep a fair few of each."""
    key = country(recipient), way
    stratum = found.strata.get(key)
    if stratum is None:
        stratum = found.strata[key] = Stratum(channel=way)
    if isinstance(recipient, int):
        found.kinds[kind(recipient)] += 1
    stratum.messages += 1
    stratum.parts += parts
    if len(stratum.sample) < _MOST_SAMPLED:
        stratum.sample.append((recipient, text))
    elif (place := int(random.random() * stratum.messages)) < _MOST_SAMPLED:
        stratum.sample[place] = (recipient, text)


def country(recipient: Recipient) -> str:
    """The beginning of a phone that tells prices apart: 7 and 1 alone, else two digits; `@` for an address.

    >>> country(79991234567), country(4915112345678), country("anna@example.ru")
    ('7', '49', '@')
    """
    if isinstance(recipient, str):
        return "@"
    head = str(recipient)[:2]
    return head[0] if head[0] in "17" else head


def price(found: Preflight, template: Template, options: Options, ask: AskPrice) -> Price:
    """What it costs, by at most three requests, or one for each channel; whatever `ask` raises goes through.

    Rows with options of their own are priced by those of the first one of their channel, as many parts as they have.
    """
    by_channel: dict[str, list[Stratum]] = {}
    for stratum in found.strata.values():
        by_channel.setdefault(stratum.channel, []).append(stratum)
    requests = max(1, REQUESTS // max(1, len(by_channel)))
    prices = []
    for way, strata in by_channel.items():
        own = found.own.get(way)
        by = options if own is None else msgspec.structs.replace(own, comment=None)
        constant = channel(by.channel).read(template.render(())) if template.is_constant else None
        prices.append(_price(strata, constant, by, ask, requests=requests, is_own=own is not None))
    return Price(
        cost=sum((each.cost for each in prices), Decimal(0)),
        is_exact=all(each.is_exact for each in prices),
        asked=sum(each.asked for each in prices),
    )


def _price(
    strata: Sequence[Stratum], constant: str | None, options: Options, ask: AskPrice, *, requests: int, is_own: bool
) -> Price:
    """What the messages of one channel cost; `is_own` if some of them have other options."""
    left = sum(stratum.parts for stratum in strata)
    if sum(stratum.messages for stratum in strata) <= requests * PER_REQUEST:
        everything = [message for stratum in strata for message in stratum.sample]
        cost, parts = _ask_for(everything, constant, options, ask)
        cost = cost / max(1, parts) * left if is_own else cost
        return Price(cost=cost, is_exact=not is_own, asked=len(everything))
    total, asked = Decimal(0), 0
    for some, many in shares(strata, requests):
        sample = [message for stratum in some for message in _few(stratum, some, many * PER_REQUEST)]
        sample = sample[: many * PER_REQUEST]
        cost, parts = _ask_for(sample, constant, options, ask)
        asked += len(sample)
        total += cost / max(1, parts) * sum(stratum.parts for stratum in some)
    return Price(cost=total, is_exact=False, asked=asked)


def shares(strata: Sequence[Stratum], requests: int = REQUESTS) -> Iterator[tuple[list[Stratum], int]]:
    """Which countries are priced together, and by how many requests: the largest alone, the smallest together."""
    by_size = sorted(strata, key=lambda stratum: -stratum.messages)
    groups = [*([each] for each in by_size[: requests - 1]), by_size[requests - 1 :]]
    groups = [group for group in groups if group]
    for place, group in enumerate(groups):
        yield group, 1 + (requests - len(groups) if place == 0 else 0)


def _few(stratum: Stratum, group: Sequence[Stratum], room: int) -> list[Message]:
    """One country's part of a sample, by its share of the group's messages, at least one."""
    share = room * stratum.messages // sum(each.messages for each in group)
    return stratum.sample[: max(1, share)]


def _ask_for(messages: Sequence[Message], constant: str | None, options: Options, ask: AskPrice) -> tuple[Decimal, int]:
    """Cost and parts of these messages together, a hundred at a time."""
    cost, parts = Decimal(0), 0
    for start in range(0, len(messages), PER_REQUEST):
        few = messages[start : start + PER_REQUEST]
        payload: dict[str, Any] = {"options": options}
        if constant is not None:
            payload |= {"recipients": [recipient for recipient, _ in few], "text": constant}
        else:
            payload["messages"] = few
        some_cost, some_parts = ask(payload)
        cost, parts = cost + some_cost, parts + some_parts
    return cost, parts


def require_some(found: Preflight) -> None:
    """Raise BadInput if not a single row can be sent; Conflict if what could be was sent already."""
    if not found.messages:
        (_, reason), many = found.reasons.most_common(1)[0]
        kind = Conflict if found.duplicates else BadInput  # in a file by itself the first of two rows counts
        raise kind(f"no row can be sent; {many} of {found.rows} because: {reason} (`smsq campaign check` lists them)")
