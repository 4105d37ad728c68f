"""The independent reader of answers: `http.client`, `urllib3` and the adapter of `requests`, unhurried by ours.

It carried smsq's requests until `httptools` did, over the same sealed connection; what it takes for an answer is what
the new reader is held against. Not a test and not on the path.
"""

from __future__ import annotations

import errno
import http.client
import io
from dataclasses import dataclass, field
from typing import Any

import requests
import requests.adapters
import urllib3
import urllib3.connection
import urllib3.exceptions

from smsq.worker.domain.errors import BrokenReply, NoReply, Unknown
from smsq.worker.transports.sockets import DeadlineSocket

READ_SIZE = 64 * 1024

# What failed from the first write on, by any exception in the chain; the first row that fits.
_TROUBLES: tuple[tuple[type[BaseException], type[Unknown]], ...] = (
    (TimeoutError, NoReply),
    (urllib3.exceptions.TimeoutError, NoReply),
    (requests.Timeout, NoReply),
    (http.client.RemoteDisconnected, NoReply),
    (ConnectionError, NoReply),
    (http.client.HTTPException, BrokenReply),
    (urllib3.exceptions.InvalidHeader, BrokenReply),
    (requests.exceptions.InvalidHeader, BrokenReply),
    (Exception, NoReply),
)
_PEER_CLOSED = (http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionResetError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a reader made of a connection's bytes: an answer and whether the line stays, or what kind of trouble."""

    status: int | None = None
    body: bytes = field(default=b"")
    may_stay: bool = False
    trouble: type[Unknown] | None = None
    peer_closed: bool = False

    @property
    def is_answer(self) -> bool:
        """Whether there is a complete answer."""
        return self.trouble is None


class OracleSocket(DeadlineSocket):
    """A socket whose reader tells, when it is closed, whether bytes were left that belong to no answer."""

    is_ended: bool = False
    has_tail: bool = False

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        if self.is_ended:
            raise BlockingIOError(errno.EAGAIN, "the answer has ended")
        self._hurry()
        return super().recv_into(*args, **kwargs)

    def makefile(self, *args: Any, **kwargs: Any) -> Any:
        return _Tail(super().makefile("rb", buffering=0), self)


class Oracle:
    """One exchange on one connection, as it was before."""

    def __init__(self, line: OracleSocket, mirror: str = "http://127.0.0.1") -> None:
        self._socket = line
        self._connection = _Sealed(line)
        self._adapter = _OneLineAdapter(self._connection)
        self._request = requests.PreparedRequest()
        self._request.prepare_method("POST")
        self._request.prepare_headers(
            {
                "Host": mirror.partition("://")[2],
                "User-Agent": "smsq",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Connection": "keep-alive",
                "Content-Type": "application/x-www-form-urlencoded",
            }
        )
        self._mirror = mirror

    def see(self, path: str, body: bytes, max_body: int) -> Seen:
        """POST once and read the answer."""
        self._request.url = self._mirror + path
        self._request.body = body
        self._request.headers["Content-Length"] = str(len(body))
        try:
            return self._exchange(max_body)
        except BrokenReply as error:
            return Seen(trouble=type(error), peer_closed=error.peer_closed)
        except Exception as error:
            chain = list(_chain(error))
            kind = next(ours for theirs, ours in _TROUBLES if any(isinstance(link, theirs) for link in chain))
            return Seen(trouble=kind, peer_closed=any(isinstance(link, _PEER_CLOSED) for link in chain))

    def _exchange(self, max_body: int) -> Seen:
        response = self._adapter.send(self._request, stream=True)
        try:
            encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
            if encoding not in ("", "identity"):
                raise BrokenReply("an encoding that was not asked for")
            body = b"".join(_read(response.raw, max_body))
        finally:
            response.raw.close()
        if not body and not {"content-length", "transfer-encoding"} & {name.lower() for name in response.headers}:
            raise BrokenReply("closed before the answer was complete")
        is_open = self._connection.sock is not None
        may_stay = response.status_code >= 200 and is_open and not self._socket.has_tail
        return Seen(status=response.status_code, body=body, may_stay=may_stay)


def _read(raw: Any, max_body: int) -> Any:
    size = 0
    while piece := raw.read(min(READ_SIZE, max_body + 1 - size), decode_content=False):
        size += len(piece)
        if size > max_body:
            raise BrokenReply("too long")
        yield piece


def _chain(error: BaseException, depth: int = 0) -> Any:
    """An exception and what it wraps, in its arguments or as its cause."""
    yield error
    if depth < 8:
        for inner in (*error.args, error.__cause__, getattr(error, "reason", None)):
            if isinstance(inner, BaseException):
                yield from _chain(inner, depth + 1)


class _Tail(io.BufferedReader):
    def __init__(self, raw: io.RawIOBase, owner: OracleSocket) -> None:
        super().__init__(raw)
        self._owner = owner

    def close(self) -> None:
        if not self.closed:
            self._owner.is_ended = True  # peek may look at what it has, not at the wire
            try:
                self._owner.has_tail = self._owner.has_tail or bool(self.peek(1))
            except (OSError, ValueError):
                self._owner.has_tail = True
            self._owner.is_ended = False
        super().close()


class _Sealed(urllib3.connection.HTTPConnection):
    """A connection over a socket that is open already; it never opens another."""

    def __init__(self, line: OracleSocket) -> None:
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
    def __init__(self, connection: _Sealed) -> None:
        super().__init__("sealed", maxsize=1)
        self._one = connection

    def _get_conn(self, timeout: float | None = None) -> _Sealed:
        return self._one

    def _put_conn(self, conn: Any) -> None:
        """Whoever owns the line decides what becomes of its connection."""


class _OneLineAdapter(requests.adapters.HTTPAdapter):
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
