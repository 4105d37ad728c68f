"""Receipts on their way to the sessions of an account: a few at a time, kept for a day if nobody is there.

A receipt that was not acknowledged when its session ended is told again, so one may come twice (PROTOCOL H.1).
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from smsq.worker.gateway.smpp.server_receipts import Delivery
from smsq.worker.sandbox.handset import HANDED_OVER, NEVER, Fate
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.state import Record

TWICE_AFTER_S = 0.05
_GOOD = (1, 2, 4)  # statuses that are no failure


class Receiver(Protocol):
    """A session that takes receipts."""

    def has_room(self) -> bool:
        """Whether it may be told another before it acknowledges those on their way."""

    def tell(self, delivery: Delivery) -> None:
        """Send it one."""


Told = Callable[[Record, str, int, int, float], Delivery]  # of a record: id, status, delivery error, when
Fates = Callable[[Record], Fate]  # how a message ends


@dataclass(frozen=True, slots=True)
class Waiting:
    """A receipt that nobody has taken yet."""

    since: float
    delivery: Delivery


class Receipts:
    """All receipts of all accounts; lives on the server's loop."""

    def __init__(self, profile: Profile, fates: Fates, now: Callable[[], float], told: Told) -> None:
        self._profile, self._fates, self._now, self._told = profile, fates, now, told
        self._loop = asyncio.get_running_loop()
        self._random = random.Random(profile.seed)
        self._order = count()
        self._planned: list[tuple[float, int, str, Record, str, int, int]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._ready: dict[str, deque[Waiting]] = {}
        self._receivers: dict[str, list[Receiver]] = {}
        self.told = self.taken = self.lost = 0

    def accepted(
        self,
        login: str,
        record: Record,
        ids: Sequence[tuple[int, int]],
        *,
        is_early: bool,
        is_twice: bool,
        is_lost: bool,
    ) -> None:
        """Plan the receipts of one message: for each of its ids one, unless chance or a misfortune has it otherwise."""
        after_s, code, err = self._fates(record)
        if after_s == NEVER or is_lost:
            return
        profile, draw = self._profile, self._random.random
        for message_id, wanted in ids:
            if not wanted or (wanted == 2 and code in _GOOD) or draw() < profile.callback_lost:
                continue
            at_once = is_early or draw() < profile.callback_early
            due = self._now() if at_once else record.at + after_s
            self._plan(due, login, record, message_id, code, err)
            if is_twice or draw() < profile.callback_twice:
                self._plan(due + TWICE_AFTER_S, login, record, message_id, code, err)
            if draw() < profile.callback_disorder:
                self._plan(due + TWICE_AFTER_S, login, record, message_id, HANDED_OVER, 0)
        self.pump()

    def joined(self, login: str, receiver: Receiver) -> None:
        """A session of this account takes receipts from now on."""
        self._receivers.setdefault(login, []).append(receiver)
        self._hand_out(login)

    def left(self, login: str, receiver: Receiver, unacknowledged: Sequence[Delivery]) -> None:
        """It is over; what it did not acknowledge is told again."""
        if receiver in self._receivers.get(login, ()):
            self._receivers[login].remove(receiver)
        ready = self._ready.setdefault(login, deque())
        ready.extendleft(Waiting(self._now(), each) for each in reversed(unacknowledged))
        self._hand_out(login)

    def acknowledged(self, login: str) -> None:
        """A session has taken one, and has room for another."""
        self.taken += 1
        self._hand_out(login)

    def pending(self) -> int:
        """How many wait for their time, or for somebody to take them."""
        return len(self._planned) + sum(map(len, self._ready.values()))

    def drop(self) -> None:
        """Forget what waits."""
        self._planned.clear()
        self._ready.clear()
        if self._timer is not None:
            self._timer.cancel()

    def pump(self) -> None:
        """Hand out what is due, and wake up for the next."""
        now, planned = self._now(), self._planned
        touched = set()
        while planned and planned[0][0] <= now:
            due, _, login, record, message_id, code, err = heapq.heappop(planned)
            delivery = self._told(record, message_id, code, err, due)
            self._ready.setdefault(login, deque()).append(Waiting(now, delivery))
            touched.add(login)
        for login in touched:
            self._hand_out(login)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if planned:
            self._timer = self._loop.call_later(max(0.005, planned[0][0] - now), self.pump)

    def _plan(self, due: float, login: str, record: Record, message_id: int, code: int, err: int) -> None:
        heapq.heappush(self._planned, (due, next(self._order), login, record, str(message_id), code, err))

    def _hand_out(self, login: str) -> None:
        """To the sessions in turn, as long as one has room."""
        ready, receivers = self._ready.get(login), self._receivers.get(login)
        if not ready or not receivers:
            return
        too_old = self._now() - self._profile.smpp_receipts_kept_s
        while ready:
            if ready[0].since < too_old:
                ready.popleft()
                self.lost += 1
                continue
            free = next((each for each in receivers if each.has_room()), None)
            if free is None:
                return
            receivers.remove(free)
            receivers.append(free)
            self.told += 1
            free.tell(ready.popleft().delivery)
