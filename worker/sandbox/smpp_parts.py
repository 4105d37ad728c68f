"""The parts of long messages that wait for the rest of them, for a minute at most (PROTOCOL H.2, D.9 err 241)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from smsq.worker.gateway.smpp.server_pdus import Submit
from smsq.worker.gateway.smpp.server_texts import Part
from smsq.worker.sandbox.state import Account

Key = tuple[str, str, str, Part]  # log-in, sender, phone, the part without its number


@dataclass(slots=True, kw_only=True)
class Long:
    """A message of several parts, of one part if it is short. `ids` are those that its parts were answered with."""

    account: Account
    submit: Submit
    peer: str
    host: int
    total: int = 1
    texts: dict[int, str] = field(default_factory=dict, repr=False)
    ids: list[tuple[int, int]] = field(default_factory=list)  # id, and which receipts were asked for with it
    timer: asyncio.TimerHandle | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every part is here."""
        return len(self.texts) == self.total

    @property
    def text(self) -> str:
        """Its parts in order, those that are missing left out."""
        return "".join([self.texts[number] for number in sorted(self.texts)])


class WaitingParts:
    """The messages of which parts are missing; `gave_up` is told of one whose time is over."""

    def __init__(self, wait_s: float, gave_up: Callable[[Long], None]) -> None:
        self._wait_s = wait_s
        self._gave_up = gave_up
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Key, Long] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def message_of(self, new: Long, part: Part) -> Long:
        """The message that a part belongs to, `new` if it is the first; a number that was there begins another."""
        submit = new.submit
        key = new.account.login, submit.source, submit.destination, Part(part.reference, part.total, 0)
        known = self._waiting.get(key)
        if known is not None and part.number in known.texts:
            self._end(key)
            known = None
        if known is None:
            known = self._waiting[key] = new
            known.total = part.total
            known.timer = self._loop.call_later(self._wait_s, self._end, key)
        if len(known.texts) + 1 == known.total:
            del self._waiting[key]
            if known.timer is not None:
                known.timer.cancel()
        return known

    def drop(self) -> None:
        """Forget all of them."""
        for long in self._waiting.values():
            if long.timer is not None:
                long.timer.cancel()
        self._waiting.clear()

    def _end(self, key: Key) -> None:
        long = self._waiting.pop(key)
        if long.timer is not None:
            long.timer.cancel()
        self._gave_up(long)
