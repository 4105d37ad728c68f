"""Statuses pushed to a handler URL, as the gateway pushes them: signed, repeated until they are taken.

A few kept-alive connections, one call at a time on each, so that a large campaign's statuses flow without
standing in front of its sends. A request's messages wait as one entry in the queue, whatever their number.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, cast
from urllib.parse import urlsplit

import httptools

from smsq.worker.gateway.channels import CHANNELS
from smsq.worker.gateway.http import callbacks as dialect
from smsq.worker.sandbox.handset import HANDED_OVER, NEVER, Handsets, Standing
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.state import Record, money
from smsq.worker.sandbox.statuses import MessageStatuses

TWICE_AFTER_S = 0.05
LONGEST_RETRY_S = 60.0


@dataclass(slots=True)
class Call:
    """One status on its way, and how often it was tried."""

    written: bytes
    tries: int = 0


@dataclass(slots=True)
class Plan:
    """The statuses of one request in order of time; `events` is worked out when the first is due."""

    record: Record
    is_early: bool
    events: list[tuple[float, int, int, int]] | None = None  # due, place, code, err
    next: int = 0


class Pusher:
    """Everything that waits to be pushed; lives on the server's loop."""

    def __init__(
        self, profile: Profile, handsets: Handsets, statuses: MessageStatuses, now: Callable[[], float]
    ) -> None:
        self._profile = profile
        self._handsets = handsets
        self._statuses = statuses
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._random = random.Random(profile.seed)
        self._queue: list[tuple[float, int, Plan | Call]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self.pushed = self.failed = self.given_up = 0
        self.set_url(profile.callback_url)
        self._idle = [Line(self) for _ in range(profile.callback_lines)]
        self._lines = list(self._idle)

    def set_url(self, url: str) -> None:
        """Set where statuses go from now on; an empty address keeps them."""
        self.url = url
        parts = urlsplit(url)
        self.is_tls = parts.scheme == "https"
        self.host, self.port = parts.hostname or "", parts.port or (443 if self.is_tls else 80)
        self._path, self._query, self._netloc = parts.path or "/", parts.query, parts.netloc

    def accepted(self, record: Record, is_early: bool) -> None:
        """A send was accepted: its statuses will follow."""
        if self.url:
            wait_s = 0.0 if is_early else min(self._profile.deliver_after_s[0], self._handsets.slowest_s())
            self._put(record.at + record.starts_s + wait_s, Plan(record, is_early))

    def pending(self) -> int:
        """How many statuses wait, or are on their way."""
        waiting = sum(
            1 if isinstance(entry, Call) else len(entry.record.messages) - entry.next for _, _, entry in self._queue
        )
        return waiting + sum(1 for line in self._lines if line.call is not None)

    def drop(self) -> None:
        """Forget what waits."""
        self._queue.clear()

    def stop(self) -> None:
        """Close the connections."""
        self._queue.clear()
        for line in self._lines:
            line.close()

    def _put(self, due: float, entry: Plan | Call) -> None:
        heapq.heappush(self._queue, (due, next(self._order), entry))
        self.pump()

    def pump(self) -> None:
        """Hand what is due to idle lines, and wake up for the rest."""
        now = self._now()
        while self._idle and self._queue and self._queue[0][0] <= now:
            call = self._take(now)
            if call is not None:
                self._idle.pop().say(call)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._idle and self._queue:
            self._timer = self._loop.call_later(max(0.005, self._queue[0][0] - now), self.pump)

    def _take(self, now: float) -> Call | None:
        """The first entry's next status; None if it was only looked at, or gets lost on purpose."""
        _, _, entry = heapq.heappop(self._queue)
        if isinstance(entry, Call):
            return entry
        if entry.events is None:
            entry.events = self._events(entry, now)
        call = None
        if entry.events and entry.events[entry.next][0] <= now:
            due, place, code, err = entry.events[entry.next]
            entry.next += 1
            if not entry.record.is_stopped:
                call = Call(self._write(entry.record, place, code, err, min(due, now)))
        if entry.next < len(entry.events):
            heapq.heappush(self._queue, (entry.events[entry.next][0], next(self._order), entry))
        return call

    def _events(self, plan: Plan, now: float) -> list[tuple[float, int, int, int]]:
        """The statuses to push for a request: each message's end, some twice, some out of order, some never."""
        profile, record, draw = self._profile, plan.record, self._random.random
        events = []
        for place, (phone, _) in enumerate(record.messages):
            fate = self._handsets.fate(phone, record.channel)
            if fate.after_s == NEVER:
                continue
            if profile.callback_lost and draw() < profile.callback_lost:
                continue
            is_early = plan.is_early or (profile.callback_early and draw() < profile.callback_early)
            due = record.at if is_early else record.at + record.starts_s + fate.after_s
            code, err = self._statuses.verdict(record, phone, fate.code, fate.err)
            events.append((due, place, code, err))
            if profile.callback_twice and draw() < profile.callback_twice:
                events.append((due + TWICE_AFTER_S, place, code, err))
            if profile.callback_disorder and draw() < profile.callback_disorder:
                events.append((due + TWICE_AFTER_S, place, HANDED_OVER, 0))
        events.sort()
        return events

    def _write(self, record: Record, place: int, code: int, err: int, at: float) -> bytes:
        phone, _ = record.messages[place]
        fields: dict[str, str | int] = {
            "id": record.id,
            "phone": phone,
            "status": code,
            "err": err,
            "ts": int(at),
            "flag": 0,
            "cnt": record.parts_at(place),
            "cost": str(money(record.cost_at(place))),
            "sender": record.sender,
            **(self._statuses.result(record, place, Standing(code, err, 0.0)) or {}),
        }
        if (kind := CHANNELS[record.channel].type) is not None:
            fields["type"] = kind
        style: Any = self._profile.callback_style
        digest: Any = self._profile.callback_digest
        call = dialect.write(fields, self._profile.callback_secret, style, digest)
        query = "&".join([part for part in (self._query, call.query) if part])
        head = f"{call.method} {self._path}?{query} HTTP/1.1\r\nHost: {self._netloc}\r\nUser-Agent: SMSC\r\n"
        if call.method == "POST":
            head += f"Content-Type: {call.content_type}\r\nContent-Length: {len(call.body)}\r\n"
        return head.encode("ascii") + b"\r\n" + call.body

    def returned(self, line: Line, call: Call, is_taken: bool) -> None:
        """A line is done with a call."""
        self._idle.append(line)
        if is_taken:
            self.pushed += 1
        else:
            self.failed += 1
            call.tries += 1
            if call.tries >= self._profile.callback_tries:
                self.given_up += 1
            else:
                wait_s = min(LONGEST_RETRY_S, self._profile.callback_retry_s * 2 ** (call.tries - 1))
                heapq.heappush(self._queue, (self._now() + wait_s, next(self._order), call))
        self.pump()

    @property
    def timeout_s(self) -> float:
        """How long an answer may take."""
        return self._profile.callback_timeout_s


class Line(asyncio.Protocol):
    """One kept-alive connection to the handler."""

    def __init__(self, pusher: Pusher) -> None:
        self._pusher = pusher
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_taken = False
        self.call: Call | None = None

    def say(self, call: Call) -> None:
        """Make one call; the pusher is told how it ended."""
        self.call = call
        self._timer = self._loop.call_later(self._pusher.timeout_s, self.close)
        if self._transport is not None:
            self._transport.write(call.written)  # if it is closing, `connection_lost` sends the call round again
        else:
            self._task = self._loop.create_task(self._connect(call))

    async def _connect(self, call: Call) -> None:
        tls = ssl.create_default_context() if self._pusher.is_tls else None
        try:
            await self._loop.create_connection(lambda: self, self._pusher.host, self._pusher.port, ssl=tls)
        except OSError:
            self._end(False)
            return
        if self._transport is not None and self.call is call:
            self._transport.write(call.written)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handler is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._parser = httptools.HttpResponseParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The handler is gone; what was on its way and not answered is tried again."""
        self._transport = None
        self._end(self._is_taken)

    def data_received(self, data: bytes) -> None:
        """The handler's answer."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self._is_taken = self._parser.get_status_code() == 200
        if self._parser.should_keep_alive() or self._transport is None:
            # Not from within the parser: the next call may arrive in the same breath.
            self._loop.call_soon(self._end, self._is_taken)
        else:
            self._transport.close()  # and `connection_lost` ends the call

    def _end(self, is_taken: bool) -> None:
        call, self.call = self.call, None
        self._is_taken = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if call is not None:
            self._pusher.returned(self, call, is_taken)

    def close(self) -> None:
        """Give up this connection."""
        if self._transport is not None:
            self._transport.abort()  # and `connection_lost` ends the call
        elif self._task is not None and not self._task.done():
            self._task.cancel()
            self._end(False)
