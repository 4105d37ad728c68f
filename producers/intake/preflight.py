"""A look at a whole campaign before anything is enrolled: rows, rejects, parts, alphabet, price.

Everything is counted; only the price may be an estimate: a large campaign is priced by at most three
requests of a hundred messages each, spread over the countries it goes to, and then says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from smsq.producers.intake.prepare import prepare
from smsq.producers.intake.reach import reachable
from smsq.producers.intake.row_options import RowOptions
from smsq.producers.intake.rows import MISSING, Row
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
from smsq.worker.gateway.options import counter

REQUESTS = 3  # price requests for one campaign, whatever its size
PER_REQUEST = 100  # messages in one of them
REJECTS_KEPT = 1000  # named one by one; all are counted

# What word processors put in, and what costs no more.
PLAIN: dict[str, str] = {
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„«»″", '"'),
    **dict.fromkeys("–—−‐‑", "-"),
    "…": "...",
    **dict.fromkeys("\u00a0\u202f\u2009\t", " "),
    **dict.fromkeys(
        "\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ""
    ),
    "№": "No",
    "•": "-",
    "₽": "rub.",
}
_PLAINLY = str.maketrans(PLAIN)
_UNSEEN = str.maketrans({char: "" for char, instead in PLAIN.items() if not instead})
_DEAR_IN = re.compile(f"[{re.escape(''.join(PLAIN))}]").findall
_IN_WORDS = {" ": "a plain space", "": "nothing"}

_PLAIN = Options()
Message = tuple[Recipient, str]
# Asks the gateway for the price of some messages: all together, and their parts.
AskPrice = Callable[[dict[str, Any]], tuple[Decimal, int]]


@dataclass
class Stratum:
    """The messages to one country: how many, their parts, and a fair sample of them."""

    messages: int = 0
    parts: int = 0
    sample: list[Message] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a campaign will cost, in the account's currency; `is_exact` False if it was estimated."""

    cost: Decimal
    is_exact: bool

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
    empty: Counter[str] = field(default_factory=Counter)  # field of the text -> rows in which it is empty
    first: str = ""  # the first text as it will leave
    beyond_ascii: tuple[int, str] = (0, "")  # number and values of the first row that an encoding makes a difference to
    dear: Counter[str] = field(default_factory=Counter)  # character -> texts that are cheaper without it and its like
    kinds: Counter[Kind] = field(default_factory=Counter)  # of the phones that something would be sent to
    strata: dict[str, Stratum] = field(default_factory=dict, repr=False)
    zone_ways: Counter[str] = field(default_factory=Counter)  # how the time zone is known (`zoning.WAYS`) -> rows
    simulated: list[int] = field(default_factory=list, repr=False)  # rows with simulated numbers
    simulated_parts: int = 0  # of them, which cost nothing
    own: Options | None = field(default=None, repr=False)  # of the first row that has options of its own

    @property
    def invalid(self) -> int:
        """Rows that cannot be sent, duplicates left out."""
        return sum(many for (status, _), many in self.reasons.items() if status == "invalid")

    @property
    def duplicates(self) -> int:
        """Rows whose phone is in an earlier row, or whose message was sent already."""
        return sum(many for (status, _), many in self.reasons.items() if status == "duplicate")

    @property
    def opted_out(self) -> int:
        """Rows whose recipients have opted out."""
        return sum(many for (status, _), many in self.reasons.items() if status == "optout")

    def replaceable(self) -> list[tuple[str, str, int]]:
        """Characters that make texts dear and have a cheap stand-in: (character, stand-in in words, texts)."""
        return [(char, _IN_WORDS.get(PLAIN[char], PLAIN[char]), many) for char, many in self.dear.most_common()]


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
    random = Random(1)  # the same file is priced by the same sample
    constant = channel(options.channel).read(template.render(())) if template.is_constant else None
    rows = _watched(rows, template, found)
    per_range = max(1, 1000 // batch_size)
    for part in prepare(
        rows,
        template,
        batch_size,
        per_range,
        region=region,
        left_out=left_out,
        options=options,
        per_row=per_row,
        zoning=zoning,
    ):
        part = screened(reachable(part, options, guests), screen, options)
        _count(found, part)
        if part.behind is not None and left_out is not None:
            _count_behind(found, part.behind, left_out)
        heard(part)
        for batch in part.batches:
            said = unpack_texts(batch.texts) if batch.texts else None
            own = batch.options or options
            found.own = found.own or batch.options
            if batch.is_simulated:  # nobody is asked what they cost
                found.simulated += [*unpack_rows(batch.rows, batch.first_row, batch.count)]
                found.simulated_parts += batch.parts
            else:
                _sample(found, batch, said, constant, random, own)
            if said is not None:
                _look_at(found, said, own)
        seen(found.rows)
    if zoning is not None:
        found.zone_ways = zoning.ways
    if constant is not None and found.messages:
        found.first = constant
        _look_at(found, [constant], options)
        found.unicode_texts *= found.messages
        found.dear = Counter(dict.fromkeys(found.dear, found.messages))
    return found


def _watched(rows: Iterable[Row | Reject], template: Template, found: Preflight) -> Iterator[Row | Reject]:
    """The same rows; those are counted in which a field of the text is empty."""
    fields = dict(zip(template.fields, dict.fromkeys(template.places), strict=True))
    for row in rows:
        if not isinstance(row, Reject):
            if not found.beyond_ascii[0] and not all(map(str.isascii, row[2])):
                found.beyond_ascii = row[0], ", ".join(row[2])
            for name, place in fields.items():
                if not row[2][place].strip() and row[2][place] is not MISSING:
                    found.empty[name] += 1
        yield row


def _count(found: Preflight, part: Range) -> None:
    found.rows += part.rows
    for batch in part.batches:
        found.messages += batch.count
        found.parts += batch.parts
    for reject in part.rejects:
        found.reasons[reject.status, without_numbers(reject.reason)] += 1
    found.rejects += part.rejects[: max(0, REJECTS_KEPT - len(found.rejects))]


def _count_behind(found: Preflight, behind: Packed, left_out: LeftOut) -> None:
    recipients = unpack_recipients(behind.recipients)
    for recipient, row in zip(recipients, unpack_rows(behind.rows, behind.first_row, behind.count), strict=True):
        reject = Reject(row, "duplicate", left_out.reason(row), written(recipient))
        found.reasons[reject.status, reject.reason] += 1
        if len(found.rejects) < REJECTS_KEPT:
            found.rejects.append(reject)


def _sample(
    found: Preflight, batch: Packed, said: list[str] | None, constant: str | None, random: Random, options: Options
) -> None:
    """Count each message in its country's stratum, and keep a fair few of each."""
    most, strata, count = REQUESTS * PER_REQUEST, found.strata, counter(options)
    same_parts = batch.parts // batch.count
    for index, recipient in enumerate(unpack_recipients(batch.recipients)):
        text = constant if said is None else said[index]
        stratum = strata.setdefault(country(recipient), Stratum())
        if isinstance(recipient, int):
            found.kinds[kind(recipient)] += 1
        stratum.messages += 1
        stratum.parts += same_parts if said is None else count(text or "")
        if len(stratum.sample) < most:
            stratum.sample.append((recipient, text or ""))
        elif (place := int(random.random() * stratum.messages)) < most:
            stratum.sample[place] = (recipient, text or "")


def country(recipient: Recipient) -> str:
    """The beginning of a phone that tells prices apart: 7 and 1 alone, else two digits; `@` for an address.

    >>> country(79991234567), country(4915112345678), country("anna@example.ru")
    ('7', '49', '@')
    """
    if isinstance(recipient, str):
        return "@"
    head = str(recipient)[:2]
    return head[0] if head[0] in "17" else head


def _look_at(found: Preflight, said: Sequence[str], options: Options) -> None:
    found.first = found.first or next(iter(said), "")
    count, is_short = counter(options), not options.translit and channel(options.channel).parts is texts.parts
    for text in said:
        parts = count(text)
        found.longest = max(found.longest, parts)
        if is_short and texts.alphabet(text) == "ucs2":
            found.unicode_texts += 1
            if parts > 1:
                found.dear.update(_dear(text, parts))


def _dear(text: str, parts: int) -> Iterable[str]:
    """The characters of a text, each once, whose stand-ins alone make it cheaper than these parts.

    If a letter of another alphabet is in it too, no quote or dash makes a difference, only what can be left out.
    """
    if not (dear := dict.fromkeys(_DEAR_IN(text))):
        return ()
    if texts.parts(text.translate(_PLAINLY)) < parts and texts.alphabet(text.translate(_PLAINLY)) == "gsm":
        return list(dear)
    if texts.parts(text.translate(_UNSEEN)) < parts:
        return [char for char in dear if not PLAIN[char]]
    return ()


def price(found: Preflight, template: Template, options: Options, ask: AskPrice) -> Price:
    """What it costs, by at most three requests; whatever `ask` raises goes through.

    Rows with options of their own are priced by those of the first one, as many parts as they have.
    """
    if not found.messages:
        return Price(cost=Decimal(0), is_exact=True)
    if found.own is not None:
        options = msgspec.structs.replace(found.own, comment=None)
    constant = channel(options.channel).read(template.render(())) if template.is_constant else None
    if found.messages <= REQUESTS * PER_REQUEST:
        everything = [message for stratum in found.strata.values() for message in stratum.sample]
        cost, parts = _ask_for(everything, constant, options, ask)
        if found.own is not None:
            return Price(cost=cost / max(1, parts) * (found.parts - found.simulated_parts), is_exact=False)
        return Price(cost=cost, is_exact=True)
    total = Decimal(0)
    for strata, requests in shares(found):
        sample = [message for stratum in strata for message in _few(stratum, strata, requests * PER_REQUEST)]
        cost, parts = _ask_for(sample[: requests * PER_REQUEST], constant, options, ask)
        total += cost / max(1, parts) * sum(stratum.parts for stratum in strata)
    return Price(cost=total, is_exact=False)


def shares(found: Preflight) -> Iterator[tuple[list[Stratum], int]]:
    """Which countries are priced together, and by how many requests: the largest alone, the smallest together."""
    by_size = sorted(found.strata.values(), key=lambda stratum: -stratum.messages)
    groups = [*([each] for each in by_size[: REQUESTS - 1]), by_size[REQUESTS - 1 :]]
    groups = [group for group in groups if group]
    for place, group in enumerate(groups):
        yield group, 1 + (REQUESTS - len(groups) if place == 0 else 0)


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
