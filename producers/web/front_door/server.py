"""The server of the front door: `smsq door`.

It listens, counts, keeps the limits of connections, and stops in order: no new connections, every request under way is
answered, notes are stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from smsq.producers.api import Smsq
from smsq.producers.files import with_files
from smsq.producers.web.front_door import bodies, pages
from smsq.producers.web.front_door.callers import Callers
from smsq.producers.web.front_door.connection import READ_AT_ONCE, Answer, Connection, Request, State
from smsq.producers.web.front_door.gatherer import Gatherer
from smsq.producers.web.front_door.jobs import Jobs
from smsq.producers.web.front_door.kept_back import KeptBack
from smsq.producers.web.front_door.letters import MAX_MAIL, Letters
from smsq.producers.web.front_door.pages import Pages
from smsq.producers.web.front_door.past import Past
from smsq.producers.web.front_door.prices import Prices
from smsq.producers.web.front_door.sends import Sends
from smsq.producers.web.front_door.statuses import Find, Known, Statuses, WrongNumber
from smsq.worker.domain import api_key
from smsq.worker.domain.api_key import ApiKey
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import BadSettings, SmsqError
from smsq.worker.gateway.carried import check_carried
from smsq.worker.ledger.front_door.messages import DoorViews
from smsq.worker.letterbox import Letterbox, host_name
from smsq.worker.processes.beats import Pulse
from smsq.worker.processes.bounded_log import BoundedLog
from smsq.worker.processes.readiness import Readiness
from smsq.worker.runtime import Runtime, explain
from smsq.worker.settings import Settings

MOST = 1000  # connections at once
BACKLOG = 1024
LOOK_S = 0.1  # between looks at all connections
STOP_S = 5.0  # for requests under way when we stop
DAY_S = 86_400.0

log = logging.getLogger(__name__)

Count = Callable[[str, str, float], None]  # page, outcome, seconds


class Server:
    """Accepts connections and has their requests answered. Belongs to one loop."""

    def __init__(self, pages: Pages, gatherer: Gatherer, count: Count, *, most: int = MOST) -> None:
        self.room = bodies.Room()
        self.buffer = memoryview(bytearray(READ_AT_ONCE))
        self.is_stopping = False
        self.connections: set[Connection] = set()
        self._pages = pages
        self._gatherer = gatherer
        self._count = count
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._closed_log = BoundedLog(lambda why, many: log.warning("connections closed why=%s many=%d", why, many))
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Listen; the port. Raises OSError if the address cannot be used."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError:
            listening.close()
            raise
        self._server = await self._loop.create_server(
            lambda: Connection(self, self._loop), sock=listening, backlog=BACKLOG
        )
        return int(listening.getsockname()[1])

    def look(self) -> None:
        """End what takes too long, and tell what was noted; call it ten times a second."""
        now = self._loop.time()
        for connection in list(self.connections):
            connection.look(now)
        self._gatherer.look()
        self._closed_log.look()
        self._pages.refused_log.look()

    async def stop(self) -> None:
        """Accept no more, answer what is under way, close."""
        self.is_stopping = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            if connection.state is State.IDLE:
                connection.shut()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        until = self._loop.time() + STOP_S
        while self._loop.time() < until and any(each.state is State.CLOSING for each in self.connections):
            await asyncio.sleep(0.02)  # an answer is on its way
        await self._gatherer.close()
        for connection in list(self.connections):
            connection.shut()

    # --- what connections need ---------------------------------------------------------------------------------

    def joined(self, connection: Connection) -> None:
        """A client is there; if all places are taken, one that says nothing has to go."""
        self.connections.add(connection)
        if len(self.connections) > self._most:
            silent = (each for each in self.connections if each.state in (State.IDLE, State.HEAD, State.CLOSING))
            oldest = min(silent, key=lambda each: each.until, default=connection)
            self.closed("all places were taken")
            oldest.shut()

    def left(self, connection: Connection) -> None:
        """A client has gone."""
        self.connections.discard(connection)

    def serve(self, connection: Connection, request: Request) -> None:
        """Answer a request."""
        task = self._loop.create_task(self._answer(connection, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def refused(self, why: str) -> Answer:
        """The answer to what is no request."""
        return pages.refused()

    def closed(self, why: str) -> None:
        """Note why a connection was closed."""
        self._closed_log.note(why)

    async def _answer(self, connection: Connection, request: Request) -> None:
        began = self._loop.time()
        answer, outcome = await self._pages.answer(request)
        connection.reply(answer)
        self._count(self._pages.name_of(request), outcome, self._loop.time() - began)


class Door:
    """The front door of one installation: a server with all that its pages need. Made on the loop it is to live on."""

    def __init__(self, smsq: Smsq) -> None:
        runtime = smsq.runtime
        ledger, settings, now = runtime.ledger, runtime.settings, runtime.clock.now
        keep_s = settings.keep_days * DAY_S
        gatherer = Gatherer(
            partial(ledger.enrol_requests, guard_s=settings.mass_ask_every_s, keep_s=keep_s),
            ledger.note_reached,
            lambda lane, refs, each: _hint(runtime, lane, refs, each),
        )
        prices = Prices(smsq.job, runtime.views.balance, now, settings.shield_price)
        callers = Callers(_keys(settings), runtime.clock.monotonic)
        views = DoorViews(ledger, explain)
        may_be_carried, keep = partial(check_carried, settings.transport), partial(with_files, runtime)
        sends = Sends(
            gatherer,
            prices,
            now,
            may_be_carried,
            keep=keep,
            code_of=views.code_of_call,
            draw=ledger.draw_id,
            was_asked=ledger.was_asked,
            kept_back=KeptBack(ledger, runtime.clock.monotonic),
        )
        self.letters = Letters(callers, sends, gatherer, settings.mass_ask_every_s, runtime.metrics.door_request)
        find = _finder(runtime, views)
        self.server = Server(
            Pages(
                callers,
                sends,
                Statuses(find, now, lambda found: _learn(prices, found)),
                prices,
                Jobs(smsq.campaigns, ledger, keep_s, settings.mass_ask_every_s, now, gatherer.reached),
                Past(ledger.past, partial(_singles, runtime, views), settings.keep_days, now),
                Readiness(runtime.redis_url, runtime.broker_url, "door").look_soon,
            ),
            gatherer,
            runtime.metrics.door_request,
        )


def run(smsq: Smsq, pulse: Pulse | None = None, ready: Callable[[int], None] = lambda port: None) -> int:
    """Serve at `SMSQ_DOOR_ADDR` until told to stop; the exit code. Raises SmsqError if it cannot listen.

    `pulse` beats in the loop of the server, which turns ten times a second; `ready` is called once, with the port.
    """
    settings = smsq.settings
    if settings.door_addr is None:
        raise BadSettings("SMSQ_DOOR_ADDR is not set: give the address that the front door is to listen on")
    if settings.api_keys is None:
        log.warning("everybody is refused why=SMSQ_API_KEYS is not set")
    smsq.check_account()
    host, _, port = settings.door_addr.rpartition(":")
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(_serve(smsq, host.strip("[]"), int(port), pulse or Pulse(), ready))


async def _serve(smsq: Smsq, host: str, port: int, pulse: Pulse, ready: Callable[[int], None]) -> int:
    door, stopping, loop = Door(smsq), asyncio.Event(), asyncio.get_running_loop()
    server = door.server
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopping.set)
    try:
        port = await server.listen(host, port)
    except OSError as error:
        raise SmsqError(
            f"cannot listen at {host}:{port} ({error.strerror}); set SMSQ_DOOR_ADDR to another address"
        ) from None
    log.info("front door started address=%s:%d keys=%d", host, port, len(_keys(smsq.settings)))
    letterbox = await _open_letterbox(door.letters, smsq.settings.door_smtp_addr)
    ready(port)
    pulse.manager.ready(f"listening at {host}:{port}")
    while not stopping.is_set():
        pulse.beat()
        server.look()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_S)
    pulse.manager.stopping()
    if letterbox is not None:
        letterbox.stop()
    await server.stop()
    log.info("front door stopped")
    return 0


async def _open_letterbox(letters: Letters, address: str | None) -> Letterbox | None:
    """Take letters at this address, if there is one. Raises SmsqError if it cannot be used."""
    if address is None:
        return None
    host, _, port = address.rpartition(":")
    letterbox = Letterbox(letters, hostname=host_name(), most=MAX_MAIL)
    try:
        await letterbox.start(host.strip("[]"), int(port))
    except OSError as error:
        raise SmsqError(
            f"cannot listen at {address} ({error.strerror}); set SMSQ_DOOR_SMTP_ADDR to another address"
        ) from None
    log.info("letters are taken address=%s:%d", host, letterbox.port)
    return letterbox


def _new_loop() -> asyncio.AbstractEventLoop:
    """The quickest loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _keys(settings: Settings) -> tuple[ApiKey, ...]:
    """The callers; none reaches somebody whom the installation does not."""
    keys = api_key.read(settings.api_keys.reveal()) if settings.api_keys is not None else ()
    return tuple(dataclasses.replace(key, guests=key.guests.among(settings.guests)) for key in keys)


def _hint(runtime: Runtime, lane: str, refs: Sequence[Ref], each: int) -> None:
    runtime.hints.batches(lane, refs, each=each)


def _learn(prices: Prices, found: Known) -> None:
    prices.learn(found.channel, found.batch.recipients[0], found.receipt.cost, found.receipt.parts or found.batch.parts)


def _finder(runtime: Runtime, views: DoorViews) -> Find:
    """What finds messages by a caller's ids."""

    def find(caller: str, pairs: Any, with_texts: bool) -> list[Known | WrongNumber | None]:
        numbers = runtime.ledger.numbers_of(caller, pairs)
        known = [number for number in numbers if number]
        texts = runtime.ledger.texts_of(known) if with_texts else [""] * len(known)
        rows = iter(zip(views.singles(known), texts, strict=True))
        found: list[Known | WrongNumber | None] = []
        for number in numbers:
            single, text = next(rows) if number else (None, "")
            found.append(Known(*single, text) if single is not None else WrongNumber() if number == 0 else None)
        return found

    return find


def _singles(runtime: Runtime, views: DoorViews, numbers: Sequence[int]) -> list[Known | None]:
    texts = runtime.ledger.texts_of(numbers)
    singles = views.singles(numbers)
    return [Known(*single, text) if single is not None else None for single, text in zip(singles, texts, strict=True)]
