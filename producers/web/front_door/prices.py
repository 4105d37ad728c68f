"""What messages cost and what is left, as far as it is known: an answer must not wait for the gateway each time.

A part's price is kept by channel and by the digits of a phone in front of its last seven, which is a country with an
operator. One that is not known is asked of the gateway once, by a worker and within the gateway's limits, for all
callers together; an answer waits a moment for it. What the gateway charged then corrects it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from smsq.worker.domain import simulated
from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import SmsqError
from smsq.worker.domain.job import BalanceJob, Job, PriceJob
from smsq.worker.domain.recipient import Recipient
from smsq.worker.ledger.front_door.requests import Asked

KEPT_S = 86_400.0  # a price is asked for again after a day, while the old one is used
BALANCE_KEPT_S = 60.0
QUOTE_KEPT_S = 60.0  # the gateway answers five equal price requests a minute
PATIENCE_S = 3.0  # that an answer waits
AGAIN_S = 10.0  # after a question without an answer
AT_ONCE = 4  # questions to the chores lane
MOST_OF_ONE = 8  # questions that one request begins
NUMBERS_IN_A_PREFIX = 10_000_000
BALANCE = "balance"

log = logging.getLogger(__name__)

Place = tuple[str, int]  # channel, prefix


class Prices:
    """Prices and the balance of one process. Belongs to one loop.

    `ask` puts a job to the chores lane; `known_balance` reads the last balance and its moment from the ledger. Both are
    called in threads. `assumed` is the price of a part while no price of its channel is known.
    """

    def __init__(
        self,
        ask: Callable[[Job], dict[str, Any]],
        known_balance: Callable[[], tuple[Decimal, float] | None],
        now: Callable[[], float],
        assumed: Decimal,
    ) -> None:
        self._ask = ask
        self._assumed = assumed
        self._known_balance = known_balance
        self._now = now
        self._parts: dict[Place, tuple[Decimal, float]] = {}
        self._balance: tuple[Decimal, float] | None = None
        self._spent = Decimal(0)
        self.currency = ""
        self._under_way: dict[object, tuple[asyncio.Task[None], float]] = {}
        self._quotes: dict[bytes, tuple[Decimal, float]] = {}  # of whole requests
        self._failed_at: dict[object, float] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, "price")

    async def of(self, messages: Sequence[Asked], options: Options) -> Decimal | None:
        """What these cost together; None if the price of one is not known in time."""
        self._ask_for(messages, options)
        if self._sum(messages, options) is None:
            await self._a_while(self._places(messages, options))
        return self._sum(messages, options)

    async def each(self, messages: Sequence[Asked], options: Options) -> list[Decimal]:
        """What each costs; one whose price is not known in time is taken for as dear as any of its channel.

        A message that is accepted has to be told a price, and 0 would be a wrong one.
        """
        await self.of(messages, options)
        known = [self._parts.get(place) for place in self._places(messages, options)]
        guess = self._dearest(options.channel) if None in known else Decimal(0)
        return [(part[0] if part else guess) * message.parts for part, message in zip(known, messages, strict=True)]

    def _dearest(self, channel: str) -> Decimal:
        """The highest price of a part that is known of this channel."""
        known = self._parts.copy()  # statuses are answered in threads, and tell prices
        parts = [part for (name, _), (part, _) in known.items() if name == channel]
        return max(parts, default=self._assumed)

    async def quote(self, messages: Sequence[Asked], options: Options) -> Decimal | None:
        """The same for who asks for the price alone: what is not known is asked of the gateway for all of them."""
        total = self._sum(messages, options)
        if total is not None or len(messages) == 1:
            return total if total is not None else await self.of(messages, options)
        pairs = tuple((message.recipient, message.text) for message in messages)
        what = hashlib.sha256(msgspec.msgpack.encode((options.written(), pairs))).digest()
        self._quotes = {name: kept for name, kept in self._quotes.items() if self._now() - kept[1] < QUOTE_KEPT_S}
        if what not in self._quotes:
            self._start(what, partial(self._quote, what, pairs, options))
            await self._a_while([what])
        return self._quotes[what][0] if what in self._quotes else None

    def _sum(self, messages: Sequence[Asked], options: Options) -> Decimal | None:
        total = Decimal(0)
        for place, message in zip(self._places(messages, options), messages, strict=True):
            known = self._parts.get(place)
            if known is None:
                return None
            total += known[0] * message.parts
        return total

    def _places(self, messages: Sequence[Asked], options: Options) -> list[Place]:
        return [
            (simulated.CHANNEL, 0)
            if simulated.is_simulated(each.recipient)
            else (options.channel, _prefix(each.recipient))
            for each in messages
        ]

    def _ask_for(self, messages: Sequence[Asked], options: Options) -> None:
        """Begin to ask for the prices that are not known, or are old: a few of each request."""
        begun = 0
        for place, message in zip(self._places(messages, options), messages, strict=True):
            known = self._parts.get(place)
            if known is None or self._now() - known[1] > KEPT_S:
                begun += self._start(place, partial(self._learn, place, message, options))
            if begun == MOST_OF_ONE:
                return

    def learn(self, channel: str, recipient: Recipient, cost: Decimal, parts: int) -> None:
        """The gateway charged this for a message."""
        if cost > 0 and parts > 0:
            self._parts[channel, _prefix(recipient)] = cost / parts, self._now()

    def spend(self, cost: Decimal) -> None:
        """So much was enrolled; the balance shows it at once."""
        self._spent += cost

    async def balance(self, *, is_asked: bool = False) -> Decimal | None:
        """What is left, as last known, None if that was never heard. If it `is_asked` for, a minute old at most."""
        if self._balance is None or self._now() - self._balance[1] > BALANCE_KEPT_S:
            self._start(BALANCE, self._look)
            if self._balance is None or is_asked:
                await self._a_while([BALANCE])
        return self._balance[0] - self._spent if self._balance is not None else None

    def _start(self, what: object, learn: Callable[[], Awaitable[None]]) -> bool:
        """Begin a question, which all who want to know share; whether it was begun now."""
        if what in self._under_way or self._now() - self._failed_at.get(what, float("-inf")) < AGAIN_S:
            return False
        began = asyncio.get_running_loop().time()
        self._under_way[what] = asyncio.create_task(self._asked(what, learn)), began
        return True

    async def _asked(self, what: object, learn: Callable[[], Awaitable[None]]) -> None:
        try:
            await learn()
            self._failed_at.pop(what, None)
        except SmsqError as error:
            self._failed_at = {name: at for name, at in self._failed_at.items() if self._now() - at < AGAIN_S}
            self._failed_at[what] = self._now()
            log.info("price or balance not known why=%s", error.sentence)
        finally:
            del self._under_way[what]

    async def _a_while(self, wanted: Iterable[object]) -> None:
        """Wait for these questions, but none for longer than its patience lasts; they go on without us."""
        asked = [self._under_way[what] for what in set(wanted) if what in self._under_way]
        if asked:
            left = max(began for _, began in asked) + PATIENCE_S - asyncio.get_running_loop().time()
            await asyncio.wait([task for task, _ in asked], timeout=max(0.0, left))

    async def _put(self, job: Job) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, job)

    async def _quote(self, what: bytes, pairs: tuple[tuple[Recipient, str], ...], options: Options) -> None:
        job = PriceJob(messages=pairs, options=msgspec.structs.replace(options, time=None, tz=None, comment=None))
        self._quotes[what] = Decimal(str((await self._put(job))["cost"])), self._now()

    async def _learn(self, place: Place, message: Asked, options: Options) -> None:
        options = msgspec.structs.replace(options, time=None, tz=None, comment=None)
        job = PriceJob(recipients=(message.recipient,), text=message.text, options=options)
        answer = await self._put(job)
        self._parts[place] = Decimal(str(answer["cost"])) / max(1, int(answer["parts"] or 1)), self._now()

    async def _look(self) -> None:
        """Read the balance that the ledger knows; ask for it if that is old."""
        known = await asyncio.to_thread(self._known_balance)
        if known is None or self._now() - known[1] > BALANCE_KEPT_S:
            if known is not None and self._balance is None:
                self._balance = known
            answer = await self._put(BalanceJob())
            self.currency = str(answer.get("currency") or self.currency)
            known = Decimal(str(answer["balance"])), self._now()
        self._balance, self._spent = known, Decimal(0)


def _place(channel: str, recipient: Recipient) -> Place:
    return (simulated.CHANNEL, 0) if simulated.is_simulated(recipient) else (channel, _prefix(recipient))


def _prefix(recipient: Recipient) -> int:
    """What prices of phones differ by; addresses have one price."""
    return recipient // NUMBERS_IN_A_PREFIX if isinstance(recipient, int) else 0
