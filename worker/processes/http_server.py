"""The HTTP server of the receiver and the exporter: uvicorn, with limits against clients that block it.

uvicorn has no time limit for an incomplete request, and its fast parser has no size limit. Here a connection has
`HEAD_S` seconds for its headers, then `BODY_S` for the rest, and headers have at most `LARGEST_HEAD` bytes. If all
places are taken, the connection that was silent for longest is closed. So silent connections keep no client out, and
the gateway's calls, which arrive whole, are never closed for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from smsq.worker.processes.bounded_log import BoundedLog

HEAD_S = 10.0  # until the headers are complete, from the connection or the first byte of a further request
BODY_S = 20.0  # from then on until the whole request is there
KEEP_ALIVE_S = 30
LARGEST_HEAD = 16 * 1024  # bytes; the longest query of the gateway has four
MOST = 500  # connections at once
BACKLOG = 128  # connections that the system accepts ahead of us

log = logging.getLogger(__name__)


class ConnectionLimits:
    """The limits of connections, and those that wait; `most`, `head_s` and `body_s` are as above."""

    def __init__(self, *, most: int = MOST, head_s: float = HEAD_S, body_s: float = BODY_S) -> None:
        self.most = most
        self.head_s = head_s
        self.body_s = body_s
        self.closed_log = BoundedLog(lambda why, many: log.warning("connections closed why=%s many=%d", why, many))
        self.waiting: dict[_Protocol, None] = {}  # those without a request under way, the longest silent first

    def make_room(self, inside: int) -> None:
        """Close the connection that has been silent for longest if one more than `most` are inside."""
        if inside > self.most and self.waiting:
            next(iter(self.waiting)).shut("all places were taken, and it said nothing")

    def look(self) -> None:
        """Log counts that are due; the server's loop calls it ten times a second."""
        self.closed_log.look()


class Server(uvicorn.Server):
    """Serves one ASGI application behind `ConnectionLimits`; `beat` is called ten times a second from its loop."""

    def __init__(
        self,
        app: Any,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: ConnectionLimits | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._limits = limits or ConnectionLimits()
        self._beat = beat
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=type("Protocol", (_Protocol,), {"limits": self._limits}),
            ws="none",
            interface="asgi3",
            proxy_headers=False,  # no client address is used
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=5,
            lifespan="off",
            backlog=BACKLOG,
        )
        super().__init__(config)
        _hush(self._limits.closed_log)

    async def on_tick(self, counter: int) -> bool:
        self._beat()
        self._limits.look()
        return await super().on_tick(counter)


class _Protocol(HttpToolsProtocol):
    """One connection."""

    limits: ConnectionLimits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._is_head = True  # whether the head of the present or the next request is incomplete
        self._head_size = 0
        self._requests = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._expect(self.limits.head_s, "its headers took too long")
        self.limits.waiting[self] = None
        self.limits.make_room(len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_no_more()
        self.limits.waiting.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, with no more of a head than it may have."""
        room = LARGEST_HEAD - self._head_size
        if self._is_head and len(data) > room:
            self._feed(data[:room])
            if self.transport.is_closing():
                return
            if self._is_head and self._head_size >= LARGEST_HEAD:
                self._answer_too_large()
                return
            data = data[room:]
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        requests = self._requests
        super().data_received(data)
        if self._is_head:  # bytes before the next request began are not its own
            self._head_size = self._head_size + len(data) if requests == self._requests else 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._deadline is None:
            self._expect(self.limits.head_s, "its headers took too long")

    def on_headers_complete(self) -> None:
        self._is_head = False
        self.limits.waiting.pop(self, None)
        self._expect(self.limits.body_s, "its request took too long")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_head, self._head_size = True, 0
        self._requests += 1
        self._expect_no_more()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_head and not self.pipeline and not self.transport.is_closing():
            self.limits.waiting[self] = None

    def shut(self, why: str) -> None:
        """Close it at once."""
        self.limits.closed_log.note(why)
        self.limits.waiting.pop(self, None)
        self.transport.abort()

    def _expect(self, within_s: float, or_else: str) -> None:
        self._expect_no_more()
        self._deadline = self.loop.call_later(within_s, self.shut, or_else)

    def _expect_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _answer_too_large(self) -> None:
        self.limits.closed_log.note("its headers were too long")
        self.transport.write(STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


class _Hushed(logging.Filter):
    """Sums up uvicorn's warnings, which are about what strangers do."""

    def __init__(self, bounded: BoundedLog) -> None:
        super().__init__()
        self._bounded = bounded

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        self._bounded.note(record.getMessage())
        return False


def _hush(bounded: BoundedLog) -> None:
    """Install the filter of the newest server of this process, and only that one."""
    logger = logging.getLogger("uvicorn.error")
    for old in [each for each in logger.filters if isinstance(each, _Hushed)]:
        logger.removeFilter(old)
    logger.addFilter(_Hushed(bounded))
