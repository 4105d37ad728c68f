"""Just enough of an HTTP server's connection: requests in, whole answers out, one at a time.

HTTP/1.1 with keep-alive and HTTP/1.0, bodies with a length or in chunks. An answer is one write, so that no
answer waits for an acknowledgement of half of itself; asyncio and uvloop switch Nagle's algorithm off besides.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast
from urllib.parse import quote_from_bytes

import httptools

MAX_BODY = 32 * 1024 * 1024  # bytes; the largest sensible batch of long texts is a tenth of it
PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error",
           502: "Bad Gateway", 413: "Content Too Large"}  # fmt: skip
LONGEST_LINE = 64 * 1024  # bytes of a request line; a library uses POST from 2000 on
_REGULAR = re.compile(rb"[!-~]+ [!-~]+ HTTP/1\.[01]\r?\Z").fullmatch
_SAFE = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"  # every sign that a target may hold as it is
_LINGER_NOTHING = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was read."""

    method: str
    path: str
    query: bytes = field(repr=False)
    body: bytes = field(repr=False)
    keep_alive: bool = True
    content_type: bytes = b""
    is_too_large: bool = False


class Connection(asyncio.Protocol):
    """One connection; a subclass answers `handle`, and must call `reply`, `hang_up` or `reset` for each request."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: set[Connection]) -> None:
        self.loop = loop
        self.peer = ""
        self.last_at = loop.time()
        self.is_busy = False
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Request] = deque()
        self._keep_alive = True
        self._is_reading = False
        self._line = b""  # of a request, until it is whole
        self._start_message()

    def handle(self, request: Request) -> None:
        """Answer one request, now or later."""
        raise NotImplementedError

    # --- asyncio's side ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else ""
        self._parser = httptools.HttpRequestParser(self)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left, or we have; work under way goes on without it."""
        self._connections.discard(self)
        self._transport = None
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, or of several."""
        self.last_at = self.loop.time()
        if self.is_between_requests and (data := self._regular(data)) == b"":
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.is_busy:
                self._keep_alive = False
                self.reply(400, b"<html><body><h1>400 Bad Request</h1></body></html>")

    def _regular(self, data: bytes) -> bytes:
        """The same with a first line that the parser takes; nothing while that line is not whole."""
        data, self._line = self._line + data, b""
        end = data.find(b"\n")
        if end < 0 and len(data) < LONGEST_LINE:
            self._line = data
            return b""
        return data if end < 0 or _REGULAR(data, 0, end) else regular(data[:end]) + data[end:]

    # --- the parser's side ------------------------------------------------------------------------------------

    def _start_message(self) -> None:
        self._url = b""
        self._content_type = b""
        self._body: list[bytes] = []
        self._size = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_reading = True
        self._start_message()

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; two matter."""
        name = name.lower()
        if name == b"content-type":
            self._content_type = value
        elif name == b"expect" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._size += len(body)
        if self._size <= MAX_BODY:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """A request was read; it waits for those before it."""
        self._is_reading = False
        url = self._url
        if url.startswith(b"http://"):  # as a proxy is asked: a library may reach us so without a change
            url = b"/" + url[7:].partition(b"/")[2]
        path, _, query = url.partition(b"?")
        request = Request(
            self._parser.get_method().decode("ascii", "replace"),
            path.decode("latin-1"),
            query,
            self._body[0] if len(self._body) == 1 else b"".join(self._body),
            self._parser.should_keep_alive(),
            self._content_type,
            self._size > MAX_BODY,
        )
        if self.is_busy:
            self._waiting.append(request)
        else:
            self._begin(request)

    def _begin(self, request: Request) -> None:
        self.is_busy = True
        self._keep_alive = request.keep_alive
        if request.is_too_large:
            self.reply(413, b"<html><body><h1>413 Content Too Large</h1></body></html>")
        else:
            self.handle(request)

    @property
    def is_between_requests(self) -> bool:
        """Whether nothing of a request is being read or answered."""
        return not self.is_busy and not self._is_reading

    # --- answering --------------------------------------------------------------------------------------------

    def reply(self, status: int, body: bytes, content_type: str = "text/html; charset=windows-1251") -> None:
        """Answer the request in hand; the next one may begin."""
        self._write(status, body, len(body), content_type)
        self._done()

    def reply_half(self, body: bytes) -> None:
        """Promise a whole answer, send half of it and hang up."""
        self._keep_alive = False
        self._write(200, body[: len(body) // 2], len(body), "application/json; charset=windows-1251")
        self._done()

    def hang_up(self) -> None:
        """Close without an answer."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close so that the client is told of a reset."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOTHING)
            self._transport.abort()

    def _write(self, status: int, body: bytes, length: int, content_type: str) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        head = _head(status, content_type, self._keep_alive)
        self._transport.write(b"%b%d\r\n\r\n%b" % (head, length, body))

    def _done(self) -> None:
        self.last_at = self.loop.time()
        self.is_busy = False
        if not self._keep_alive:
            self.hang_up()
        elif self._waiting:
            self._begin(self._waiting.popleft())


def regular(line: bytes) -> bytes:
    r"""A request line with its raw letters and blanks encoded: libraries send such, and no parser takes them.

    >>> regular(b"GET /sys/send.php?subj=\xd2 a& HTTP/1.1\\r")
    b'GET /sys/send.php?subj=%D2%20a& HTTP/1.1\\r'
    """
    method, blank, rest = line.partition(b" ")
    target, mark, version = rest.rpartition(b" HTTP/")
    return method + blank + quote_from_bytes(target, _SAFE).encode("ascii") + mark + version if mark else line


@lru_cache(maxsize=64)
def _head(status: int, content_type: str, keep_alive: bool) -> bytes:
    """An answer's head up to its length."""
    return (
        f"HTTP/1.1 {status} {PHRASES[status]}\r\nServer: nginx\r\nContent-Type: {content_type}\r\n"
        f"Connection: {'keep-alive' if keep_alive else 'close'}\r\nContent-Length: "
    ).encode("ascii")
