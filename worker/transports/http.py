"""HTTP to the gateway: one sealed connection, one prepared POST at a time, one deadline for all of it.

The connection is made first and can never be made again under the same line: where `requests` would
silently reconnect and send, a sealed line raises. `requests` carries the exchange through its adapter,
without redirects, retries, proxies or anything from the environment. No exception of `requests`,
`urllib3`, `http.client` or `ssl` leaves this file, and none that does carries a body or a query.
"""

from __future__ import annotations

import http.client
import re
import ssl
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
import requests.adapters
import urllib3
import urllib3.connection
import urllib3.exceptions

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BrokenReply, NoReply, Unknown, Unreachable
from smsq.worker.transports import MAX_REPLY, Reply
from smsq.worker.transports.sockets import DeadlineSocket, dial, secure, tls_context

READ_SIZE = 64 * 1024  # bytes asked of the connection at once
KEEP_MARGIN_S = 1.0  # a server that keeps a line for n seconds may be closing it in the last one

_HEADERS = {
    "User-Agent": "smsq",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # what is not compressed cannot swell
    "Connection": "keep-alive",
    "Content-Type": "application/x-www-form-urlencoded",
}
_KEEP_ALIVE = re.compile(r"timeout=(\d{1,6})")

# Why a line could not be opened, by exception; the first row that fits.
_OPEN_TROUBLES: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not to be trusted"),
    (ssl.SSLError, "TLS failed"),
    (TimeoutError, "connecting took too long"),
    (ConnectionRefusedError, "the connection was refused"),
    (OSError, "no connection could be made"),
    (UnicodeError, "its name is no host name"),
)
# What failed from the first write on, by any exception in the chain; the first row that fits.
_SAY_TROUBLES: tuple[tuple[type[BaseException], type[Unknown], str], ...] = (
    (TimeoutError, NoReply, "no complete answer in time"),
    (urllib3.exceptions.TimeoutError, NoReply, "no complete answer in time"),
    (requests.Timeout, NoReply, "no complete answer in time"),
    (http.client.RemoteDisconnected, NoReply, "closed without an answer"),
    (ConnectionError, NoReply, "the connection broke"),
    (http.client.HTTPException, BrokenReply, "the answer is broken or cut short"),
    (urllib3.exceptions.InvalidHeader, BrokenReply, "the answer is broken or cut short"),
    (requests.exceptions.InvalidHeader, BrokenReply, "the answer is broken or cut short"),
    (Exception, NoReply, "the exchange failed"),
)


class HttpTransport:
    """Opens lines to mirrors, and keeps those that owe nothing for `keep_idle_s` seconds for whoever asks next.

    `ca_file` names the certificates to trust, by default those that come with `requests`.
    """

    def __init__(
        self,
        connect_timeout_s: float = 4.0,
        *,
        keep_idle_s: float = 5.0,
        silence_s: float = 30.0,
        clock: Clock | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._keep_idle_s = keep_idle_s
        self._silence_s = silence_s
        self._clock = clock or Clock()
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._kept: dict[str, deque[HttpLine]] = {}  # by mirror, the newest last
        self._all: weakref.WeakSet[HttpLine] = weakref.WeakSet()
        self.used_at = self._clock.monotonic()  # when somebody last wanted a line, or the beginning

    def open(self, mirror: str, timeout_s: float | None = None) -> HttpLine:
        """A kept line that is still quiet, else a new one, connected within `timeout_s`; raises Unreachable."""
        self.used_at = self._clock.monotonic()
        return self._quiet(mirror) or self._new(mirror, timeout_s)

    def warm(self, mirror: str) -> None:
        """See that a quiet line to `mirror` is ready for a while longer; raises Unreachable."""
        if self._keep_idle_s <= 0:
            return
        ready = self._quiet(mirror)
        if ready is not None:
            left_s = ready.good_until - self._clock.monotonic()
            self._keep(ready)
            if left_s > self._keep_idle_s / 4:
                return
        self._keep(self._new(mirror, None))

    def reach(self, mirror: str) -> None:
        """See that `mirror` takes connections: a new line, kept for the next send; raises Unreachable."""
        line = self._new(mirror, None)
        if self._keep_idle_s > 0:
            self._keep(line)
        else:
            line.hang_up()

    def close(self) -> None:
        """Close every line; for when no request is running any more."""
        with self._lock:
            lines = list(self._all)
        for line in lines:
            line.hang_up()

    def _new(self, mirror: str, timeout_s: float | None) -> HttpLine:
        within_s = min(timeout_s or self._connect_timeout_s, self._connect_timeout_s)
        line = HttpLine(mirror, self._connect(mirror, within_s), self._keep_idle_s, self._clock, self._keep)
        with self._lock:
            self._all.add(line)
        return line

    def _quiet(self, mirror: str) -> HttpLine | None:
        """Take the newest kept line that may be spoken on; those that may not are closed on the way."""
        while True:
            with self._lock:
                kept = self._kept.get(mirror)
                if not kept:
                    return None
                line = kept.pop()
            if self._clock.monotonic() < line.good_until and line.is_quiet():
                return line
            line.hang_up()

    def _keep(self, line: HttpLine) -> None:
        """Put a line aside for the next request; what has grown old meanwhile goes."""
        now = self._clock.monotonic()
        with self._lock:
            kept = self._kept.setdefault(line.mirror, deque())
            kept.append(line)
            old = [kept.popleft() for _ in range(len(kept)) if kept[0].good_until <= now]
        for each in old:
            each.hang_up()

    def _connect(self, mirror: str, within_s: float) -> DeadlineSocket:
        deadline = self._clock.monotonic() + within_s
        try:
            url = urlsplit(mirror)
            host, is_tls = url.hostname or "", url.scheme == "https"
            port = url.port or (443 if is_tls else 80)
            line = dial(host, port, deadline, self._silence_s, self._clock.monotonic)
            return secure(line, self._tls(), host) if is_tls else line
        except (OSError, ValueError) as error:
            why = next((words for kind, words in _OPEN_TROUBLES if isinstance(error, kind)), "it has no address")
            raise Unreachable(f"{mirror} cannot be reached: {why}") from None

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = tls_context(self._ca_file or certifi.where())
            return self._context


class HttpLine:
    """One connection. Sealed from the start: whatever would connect again raises instead."""

    def __init__(
        self, mirror: str, line: DeadlineSocket, keep_idle_s: float, clock: Clock, keep: Callable[[HttpLine], None]
    ) -> None:
        self.mirror = mirror
        self.good_until = clock.monotonic() + keep_idle_s  # until when it may be kept; later with each complete answer
        self._socket = line
        self._keep_idle_s = keep_idle_s
        self._clock = clock
        self._keep = keep
        self._is_whole = True  # nothing is owed: it never spoke, or its last answer was complete
        self._connection = _Sealed(line)
        self._adapter = _OneLineAdapter(self._connection)
        self._request = _template(mirror)

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self.hang_up()

    def is_quiet(self) -> bool:
        """Still open, and nothing to read."""
        return self._connection.sock is not None and self._socket.is_quiet()

    def say(self, path: str, body: bytes, deadline_s: float, *, max_reply: int = MAX_REPLY) -> Reply:
        """POST once and read the whole answer; raises NoReply or BrokenReply, and then the line is closed.

        A line that is closed already raises Unreachable: nothing was written.
        """
        if self._connection.sock is None:
            raise Unreachable(f"the line to {self.mirror} is closed")
        self._is_whole = False
        self._socket.deadline = self._clock.monotonic() + deadline_s
        self._request.url = self.mirror + path
        self._request.body = body
        self._request.headers["Content-Length"] = str(len(body))
        trouble: Unknown | None = None
        try:
            return self._exchange(max_reply)
        except Unknown as error:
            trouble = error
        except Exception as error:
            trouble = _translate(error, self.mirror)
        finally:
            self._request.body = None
            if not self._is_whole:
                self.hang_up()
        raise trouble from None

    def done(self, keep: bool) -> None:
        """Give the line back: kept for the next request, or closed."""
        if keep and self._is_whole and self._clock.monotonic() < self.good_until:
            self._keep(self)
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection for good; unsent bytes are discarded."""
        self._is_whole = False
        self._connection.sock = None
        self._socket.close()

    def _exchange(self, max_reply: int) -> Reply:
        response = self._adapter.send(self._request, stream=True)
        try:
            encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
            if encoding not in ("", "identity"):
                raise BrokenReply(f"{self.mirror} answered in an encoding that was not asked for")
            body = b"".join(_read(response.raw, max_reply, self.mirror))
        finally:
            response.raw.close()
        if not body and not {"content-length", "transfer-encoding"} & {name.lower() for name in response.headers}:
            raise BrokenReply(f"{self.mirror} closed the connection before its answer was complete")
        self._is_whole = self._may_stay(response)
        return Reply(response.status_code, body)

    def _may_stay(self, response: requests.Response) -> bool:
        """Whether the answer ended where it said it would and the server keeps the connection."""
        if response.status_code < 200 or self._connection.sock is None or self._socket.has_tail:
            return False
        told = _KEEP_ALIVE.search(response.headers.get("Keep-Alive", ""))
        idle_s = min(self._keep_idle_s, int(told[1]) - KEEP_MARGIN_S) if told else self._keep_idle_s
        self.good_until = self._clock.monotonic() + idle_s
        return True


def _read(raw: Any, max_reply: int, mirror: str) -> Iterator[bytes]:
    """The body piece by piece as it came, undecoded; BrokenReply beyond the cap."""
    size = 0
    while piece := raw.read(min(READ_SIZE, max_reply + 1 - size), decode_content=False):
        size += len(piece)
        if size > max_reply:
            raise BrokenReply(f"{mirror} answered more than {max_reply} bytes")
        yield piece


def _template(mirror: str) -> requests.PreparedRequest:
    """A POST to that mirror, prepared but for path and body."""
    prepared = requests.PreparedRequest()
    prepared.prepare_method("POST")
    prepared.prepare_headers({"Host": urlsplit(mirror).netloc, **_HEADERS})
    return prepared


_PEER_CLOSED = (http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionResetError)


def _translate(error: Exception, mirror: str) -> Unknown:
    """Our own error for whatever failed; the sentence names the mirror and nothing that was said."""
    chain = list(_chain(error))
    trouble: Unknown = NoReply(f"{mirror}: the exchange failed")
    for kind, ours, words in _SAY_TROUBLES:
        if any(isinstance(link, kind) for link in chain):
            trouble = ours(f"{mirror}: {words}")
            break
    trouble.peer_closed = any(isinstance(link, _PEER_CLOSED) for link in chain)
    return trouble


def _chain(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    """An exception and what it wraps, in its arguments or as its cause."""
    yield error
    if depth < 8:
        for inner in (*error.args, error.__cause__, getattr(error, "reason", None)):
            if isinstance(inner, BaseException):
                yield from _chain(inner, depth + 1)


class _Sealed(urllib3.connection.HTTPConnection):
    """A connection over a socket that is open already; it never opens another."""

    def __init__(self, line: DeadlineSocket) -> None:
        super().__init__("sealed")
        self.sock = line
        self._pieces: list[Any] | None = None  # of a request that is being put together

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Write head and body at once: one call, and one packet where they fit."""
        pieces: list[Any] = []
        self._pieces = pieces
        try:
            super().request(*args, **kwargs)
        finally:
            self._pieces = None
        self.send(b"".join(pieces))

    def send(self, data: Any) -> None:
        if self._pieces is None:
            super().send(data)
        else:
            self._pieces.append(data)

    def connect(self) -> None:
        raise NoReply("the line is sealed and will not connect again")


class _OneLinePool(urllib3.HTTPConnectionPool):
    """A pool of exactly one connection, which it hands out and never replaces."""

    def __init__(self, connection: _Sealed) -> None:
        super().__init__("sealed", maxsize=1)
        self._one = connection

    def _get_conn(self, timeout: float | None = None) -> _Sealed:
        return self._one

    def _put_conn(self, conn: Any) -> None:
        """The line itself decides what becomes of its connection."""


class _OneLineAdapter(requests.adapters.HTTPAdapter):
    """The adapter of `requests`, speaking on one line; what would choose a connection is left out."""

    def __init__(self, connection: _Sealed) -> None:
        super().__init__(max_retries=0)
        self._pool = _OneLinePool(connection)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        self.poolmanager = None

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> _OneLinePool:
        return self._pool

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """TLS was verified when the line was opened."""

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return request.path_url
