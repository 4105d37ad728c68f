"""Receives the gateway's statuses, and what people write back: checked, stored, and only then answered.

Calls that arrive together are stored together: one ledger call carries hundreds, which is thirty times
cheaper than one each. While a group is being stored the next one gathers. A repeat changes nothing.
What is not answered with 200 the gateway sends again, so whatever was not stored must not be.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.recipient import Recipient
from smsq.worker.gateway.http.callbacks import Events, Forged, Malformed, read
from smsq.worker.processes.bounded_log import BoundedLog

MAX_BODY = 64 * 1024  # bytes of one call; a status takes 200
BODY_TIMEOUT_S = 10.0  # the gateway's calls arrive in one packet
NOTED_EVERY_S = 10.0
LARGEST_GROUP = 500  # facts in one ledger call: some 10 ms of Redis

log = logging.getLogger(__name__)

Reply = tuple[Recipient, str, float]  # from whom, what, when (Unix seconds, 0 if that is not told)
Waiting = tuple[list[Fact], asyncio.Future[None]]


class Stored:
    """Stores facts, and notes now and then that a callback came: `smsq doctor` tells when the last one did."""

    def __init__(
        self, advance: Callable[[Sequence[Fact]], object], note: Callable[[], None], monotonic: Callable[[], float]
    ) -> None:
        self._advance = advance
        self._note = note
        self._monotonic = monotonic
        self._next = float("-inf")

    def __call__(self, facts: Sequence[Fact]) -> None:
        """Store them; raises LedgerTrouble if they could not be. Without the note they are stored all the same."""
        self._advance(facts)
        if (now := self._monotonic()) >= self._next:
            self._next = now + NOTED_EVERY_S
            with contextlib.suppress(LedgerTrouble):
                self._note()


class Gatherer:
    """Gathers facts of concurrent calls and stores each group by one call of `advance`, in a thread."""

    def __init__(self, advance: Callable[[Sequence[Fact]], object]) -> None:
        self._advance = advance
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def store(self, facts: list[Fact]) -> None:
        """Return once these are stored; raises LedgerTrouble if they could not be."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((facts, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        await future

    async def _run(self) -> None:
        await asyncio.sleep(0)  # calls that are readable by now come along; the next group gathers during this one
        while self._waiting:
            group, facts = self._next_group()
            try:
                await asyncio.to_thread(self._advance, facts)
            except Exception as error:  # any error: the waiting caller must get it
                _tell(group, error)
            else:
                _tell(group, None)

    def _next_group(self) -> tuple[list[Waiting], list[Fact]]:
        facts: list[Fact] = []
        count = 0
        for each, _ in self._waiting:
            if facts and len(facts) + len(each) > LARGEST_GROUP:
                break
            facts += each
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group, facts


def _tell(group: Sequence[Waiting], error: Exception | None) -> None:
    for _, future in group:
        if future.done():  # its caller hung up
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


class Callback:
    """The endpoint: 200 stored, 403 forged or no secret, 400 unreadable, 413 too long, 503 not stored.

    Of a list, items that are signed and ours are stored, and the others counted: an error would have the gateway repeat
    the whole list. `count` is called with the outcome of items, a word of the metric, and how many there were.
    """

    def __init__(
        self,
        secret: str | None,
        gatherer: Gatherer,
        count: Callable[[str, int], object] = lambda what, many: None,
        take_replies: Callable[[Sequence[Reply]], object] = lambda replies: None,
    ) -> None:
        self._secret = secret
        self._gatherer = gatherer
        self._count = count
        self._take_replies = take_replies
        self._refused = BoundedLog(lambda why, many: log.warning("callbacks refused why=%s many=%d", why, many))

    def look(self) -> None:
        """Tell how many more were refused; call it now and then."""
        self._refused.look()

    async def __call__(self, request: Request) -> Response:
        """Answer one call of the gateway."""
        if not self._secret:
            self._refused.note("SMSQ_CALLBACK_SECRET is not set")
            return PlainTextResponse("callbacks are not configured\n", 403)
        try:
            body = await asyncio.wait_for(_body(request), BODY_TIMEOUT_S)
        except ClientDisconnect:
            self._refused.note("the caller hung up before the end")
            return PlainTextResponse("incomplete\n", 400)
        except TimeoutError:
            self._refused.note("the body took too long")
            return PlainTextResponse("too slow\n", 408)
        if body is None:
            self._refused.note(f"more than {MAX_BODY} bytes")
            return PlainTextResponse("too long\n", 413)
        try:
            events = read(
                request.method, request.url.query, body, request.headers.get("content-type", ""), self._secret
            )
        except Forged:
            self._count("unsigned", 1)
            self._refused.note("no fitting signature")
            return PlainTextResponse("the signature does not fit\n", 403)
        except Malformed as error:
            self._count("unreadable", 1)
            self._refused.note(error.sentence)
            return PlainTextResponse("not understood\n", 400)
        answer = await self._store(events.facts, events.replies)
        if answer.status_code == 200:
            self._tell(events)
        return answer

    def _tell(self, events: Events) -> None:
        """Count what was taken and what was left out; only the latter is worth a line."""
        if events.reports:
            self._count("taken", len(events.reports))
        for what, many in events.left_out.items():
            self._count(what, many)
        if events.left_out:
            why = ", ".join(f"{many} {what}" for what, many in sorted(events.left_out.items()))
            log.info("callback taken in part events=%d left_out=%s", len(events.reports), why)

    async def _store(self, facts: list[Fact], replies: list[Reply]) -> Response:
        if facts or replies:
            try:
                if facts:
                    await self._gatherer.store(facts)
                if replies:
                    await asyncio.to_thread(self._take_replies, replies)
            except LedgerTrouble as error:
                log.warning("callback not stored facts=%d replies=%d why=%s", len(facts), len(replies), error.sentence)
                return PlainTextResponse("not stored, call again\n", 503, headers={"Retry-After": "5"})
        return PlainTextResponse("OK")


async def _body(request: Request) -> bytes | None:
    """The whole body, None if it is longer than we take."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
