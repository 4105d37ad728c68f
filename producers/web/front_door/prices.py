"""What messages cost and what is left, as far as it is known: an answer must not wait for the gateway each time.

A part's price is kept by channel and by the digits of a phone in front of its last seven, which is a country with an
operator. One that is not known is asked of the gateway once, by a worker and within the gateway's limits, for all
callers together; an answer waits a moment for it. What the gateway charged then corrects it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import SmsqError
from smsq.worker.domain.job import BalanceJob, Job, PriceJob
from smsq.worker.ledger.front_door.requests import Asked

KEPT_S = 86_400.0  # a price is asked for again after a day, while the old one is used
BALANCE_KEPT_S = 60.0
PATIENCE_S = 3.0  # that an answer waits
AGAIN_S = 10.0  # after a question without an answer
AT_ONCE = 4  # questions to the chores lane
NUMBERS_IN_A_PREFIX = 10_000_000

log = logging.getLogger(__name__)

Place = tuple[str, int]  # channel, prefix


class Prices:
    """Prices and the balance of one process. Belongs to one loop.

    `ask` puts a job to the chores lane; `known_balance` reads the last balance and its moment from the ledger. Both are
    called in threads.
    """

    def __init__(
        self,
        ask: Callable[[Job], dict[str, Any]],
        known_balance: Callable[[], tuple[Decimal, float] | None],
        now: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._known_balance = known_balance
        self._now = now
        self._parts: dict[Place, tuple[Decimal, float]] = {}
        self._balance: tuple[Decimal, float] | None = None
        self._spent = Decimal(0)
        self.currency = ""
        self._under_way: dict[object, asyncio.Task[None]] = {}
        self._failed_at: dict[object, float] = {}
        self._few = asyncio.Semaphore(AT_ONCE)

    async def of(self, messages: Sequence[Asked], options: Options) -> Decimal | None:
        """What these cost together; None if the price of one is not known in time."""
        total = Decimal(0)
        for message in messages:
            place = options.channel, message.phone // NUMBERS_IN_A_PREFIX
            known = self._parts.get(place)
            if known is None or self._now() - known[1] > KEPT_S:
                asking = self._start(place, partial(self._learn, place, message, options))
                if known is None and asking is not None:
                    await _a_while(asking)
                known = self._parts.get(place)
            if known is None:
                return None
            total += known[0] * message.parts
        return total

    def learn(self, channel: str, phone: int, cost: Decimal, parts: int) -> None:
        """The gateway charged this for a message."""
        if cost > 0 and parts > 0:
            self._parts[channel, phone // NUMBERS_IN_A_PREFIX] = cost / parts, self._now()

    def spend(self, cost: Decimal) -> None:
        """So much was enrolled; the balance shows it at once."""
        self._spent += cost

    async def balance(self, *, is_asked: bool = False) -> Decimal:
        """What is left, as last known; 0 if the gateway was never heard. If it `is_asked` for, a minute old at most."""
        if self._balance is None or self._now() - self._balance[1] > BALANCE_KEPT_S:
            asking = self._start("balance", self._look)
            if asking is not None and (self._balance is None or is_asked):
                await _a_while(asking)
        return self._balance[0] - self._spent if self._balance is not None else Decimal(0)

    @property
    def is_balance_known(self) -> bool:
        """Whether any balance was ever read."""
        return self._balance is not None

    def _start(self, what: object, learn: Callable[[], Awaitable[None]]) -> asyncio.Task[None] | None:
        """The question for this, which all who want to know share; None if it failed a moment ago."""
        task = self._under_way.get(what)
        if task is None:
            if self._now() - self._failed_at.get(what, float("-inf")) < AGAIN_S:
                return None
            task = self._under_way[what] = asyncio.create_task(self._asked(what, learn))
        return task

    async def _asked(self, what: object, learn: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self._few:
                await learn()
            self._failed_at.pop(what, None)
        except SmsqError as error:
            self._failed_at[what] = self._now()
            log.info("price or balance not known why=%s", error.sentence)
        finally:
            del self._under_way[what]

    async def _learn(self, place: Place, message: Asked, options: Options) -> None:
        job = PriceJob(recipients=(message.phone,), text=message.text, options=options)
        answer = await asyncio.to_thread(self._ask, job)
        self._parts[place] = Decimal(str(answer["cost"])) / max(1, int(answer["parts"] or 1)), self._now()

    async def _look(self) -> None:
        """Read the balance that the ledger knows; ask for it if that is old."""
        known = await asyncio.to_thread(self._known_balance)
        if known is None or self._now() - known[1] > BALANCE_KEPT_S:
            if known is not None and self._balance is None:
                self._balance = known
            answer = await asyncio.to_thread(self._ask, BalanceJob())
            self.currency = str(answer.get("currency") or self.currency)
            known = Decimal(str(answer["balance"])), self._now()
        self._balance, self._spent = known, Decimal(0)


async def _a_while(task: asyncio.Task[None]) -> None:
    """Wait for a question, but not for long; it goes on without us."""
    await asyncio.wait([task], timeout=PATIENCE_S)
