"""What the gateway knows: accounts, their money, and every message it accepted or refused.

One record per request, since a campaign's requests carry hundreds of messages each; what concerns a single
message is worked out when it is asked for. Records are only ever added. Mirrors share all of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from smsq.worker.domain.money import UNITS, of_units
from smsq.worker.sandbox.limits import Limits
from smsq.worker.sandbox.parts import parts_of
from smsq.worker.sandbox.profile import Profile

FIRST_OWN_ID = 1  # ids that the gateway draws itself are small and sequential
FIRST_JOB = 1_000_001  # ids of mailings have about seven digits (gateway manual, mailings)


@dataclass(slots=True, kw_only=True)
class Record:
    """One send: its messages and what the gateway did with them.

    `code` 0 means accepted; else it is the status of a refused message (22, 23, 24, 25), which was never sent. A
    recipient that stands twice in a request gets one message; what it would have got besides is in `repeats`. Texts are
    without their `comments`, which belong to their places. `extra` are the request's other fields.
    """

    id: int | str
    at: float
    messages: list[tuple[str, str]] = field(repr=False)
    first_int_id: int
    parts: int
    cost: int
    sender: str
    mirror: int
    prices: Prices
    channel: str = "sms"
    translit: int = 0
    most_parts: int = 0
    repeats: Sequence[tuple[str, str]] = field(default=(), repr=False)
    comments: Mapping[int, str] = field(default_factory=dict, repr=False)
    files: Sequence[File] = ()
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    starts_s: float = 0.0  # after it was accepted; a mailing may wait
    is_stopped: bool = False  # before it started
    hidden_s: float = 0.0
    code: int = 0
    places: dict[str, int] | None = None
    deleted: set[int] | None = None  # places

    def parts_at(self, place: int) -> int:
        """How many parts one of its messages has."""
        return parts_of(self.messages[place][1], self.channel, self.translit, self.most_parts)

    def cost_at(self, place: int) -> int:
        """What one of its messages cost, in units; nothing, if it was refused."""
        return 0 if self.code else self.parts_at(place) * self.prices.part(self.messages[place][0], self.channel)

    def place(self, phone: str) -> int | None:
        """The place of the recipient in this request."""
        if len(self.messages) == 1:
            return 0 if self.messages[0][0] == phone else None
        if self.places is None:
            self.places = {number: place for place, (number, _) in enumerate(self.messages)}
        return self.places.get(phone)


@dataclass(frozen=True, slots=True)
class File:
    """A file that came with a send; its bytes are not kept."""

    name: str
    size: int
    digest: str


class Prices:
    """The price of one part, in units: by the channel's longest prefix of the phone, else by that of an SMS.

    `by_channel` has `viber` for all phones and `viber:77` for some. Never changed: `replaced` gives another.
    """

    def __init__(self, prices: Mapping[str, Decimal], by_channel: Mapping[str, Decimal]) -> None:
        self._told = {f"sms:{prefix}": price for prefix, price in prices.items()}
        self._told |= {key if ":" in key else f"{key}:": price for key, price in by_channel.items()}
        self._units: dict[str, dict[str, int]] = {}
        for key, price in self._told.items():
            channel, _, prefix = key.partition(":")
            self._units.setdefault(channel, {})[prefix] = int(price * UNITS)
        self._longest = max((len(key.partition(":")[2]) for key in self._told), default=0)
        self._known: dict[str, dict[str, int]] = {}

    def replaced(self, channel: str, prefix: str, price: Decimal) -> Prices:
        """The same with another price."""
        return Prices({}, {**self._told, f"{channel}:{prefix}": price})

    def told(self) -> dict[str, str]:
        """All prices, by `channel:prefix`."""
        return {key: str(price) for key, price in sorted(self._told.items())}

    def part(self, phone: str, channel: str = "sms") -> int:
        """What one part to this phone costs."""
        known = self._known.get(channel)
        if known is None:
            known = self._known[channel] = {}
        head = phone[: self._longest]
        units = known.get(head)
        if units is None:
            units = self._look_up(channel, head)
            if len(known) < 10_000:
                known[head] = units
        return units

    def _look_up(self, channel: str, head: str) -> int:
        for units in (self._units.get(channel, {}), self._units.get("sms", {})):
            for length in range(len(head), -1, -1):
                if head[:length] in units:
                    return units[head[:length]]
        return 0


@dataclass(frozen=True, slots=True)
class Job:
    """A mailing: a name for a send that may start later."""

    id: int
    name: str
    record: Record


class Account:
    """One log-in: its password, money, limits and messages."""

    def __init__(self, login: str, password: str, profile: Profile, broken: dict[str, int]) -> None:
        self.login = login
        self.password = password
        self.apikey = profile.apikey
        self.balance = int(profile.balance * UNITS)
        self.spent = 0
        self.limits = Limits(profile, broken)
        self.records: list[Record] = []
        self._by_id: dict[int | str, Record | list[Record]] = {}
        self.jobs: dict[int, Job] = {}
        self._next_id = FIRST_OWN_ID
        self._next_job = FIRST_JOB
        self._next_int_id = 1

    def draw_id(self) -> int:
        """An id for a message that came without one."""
        drawn = self._next_id
        self._next_id += 1
        return drawn

    def draw_job(self) -> int:
        """An id for a mailing."""
        drawn = self._next_job
        self._next_job += 1
        return drawn

    def add(self, record: Record) -> None:
        """Keep a send; of messages with one id and phone, the last is the one that statuses show."""
        self.records.append(record)
        known = self._by_id.get(record.id)
        if known is None:
            self._by_id[record.id] = record
        elif isinstance(known, list):
            known.append(record)
        else:
            self._by_id[record.id] = [known, record]

    def take_int_ids(self, count: int) -> int:
        """The first of `count` global ids, one for each message."""
        first = self._next_int_id
        self._next_int_id += count
        return first

    def charge(self, units: int) -> None:
        """Take the price of an accepted send."""
        self.balance -= units
        self.spent += units

    def find(self, message_id: int | str, phone: str) -> Iterator[tuple[Record, int]]:
        """The sends of this id that hold the phone, the last first, with the phone's place."""
        known = self._by_id.get(message_id)
        if known is None:
            return
        for record in reversed(known) if isinstance(known, list) else (known,):
            place = record.place(phone)
            if place is not None and not (record.deleted and place in record.deleted):
                yield record, place

    def delete(self, message_id: int | str, phone: str) -> bool:
        """Show a message no more; False if there is none to be seen."""
        for record, place in self.find(message_id, phone):
            record.deleted = {place} | (record.deleted or set())
            return True
        return False

    def behind(self, prev_id: int, newest_first: bool, since: float, until: float) -> Iterator[tuple[Record, int]]:
        """The messages behind the one with this global id (0: from the start), accepted from `since` to `until`."""
        at = bisect_right(self.records, prev_id, key=lambda record: record.first_int_id) - 1
        if newest_first:
            for index in range(at if prev_id else len(self.records) - 1, -1, -1):
                record = self.records[index]
                last = len(record.messages) if not prev_id else min(len(record.messages), prev_id - record.first_int_id)
                if since <= record.at < until:
                    yield from ((record, place) for place in range(last - 1, -1, -1))
            return
        for index in range(max(at, 0), len(self.records)):
            record = self.records[index]
            first = max(0, prev_id + 1 - record.first_int_id)
            if since <= record.at < until:
                yield from ((record, place) for place in range(first, len(record.messages)))


def money(units: int) -> Decimal:
    """Units as the gateway prints them: at least one decimal, no needless zeros."""
    amount = of_units(units)
    return amount.quantize(Decimal("0.1")) if units % (UNITS // 10) == 0 else amount.normalize()
