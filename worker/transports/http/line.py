"""HTTP to the gateway: one sealed connection, one prepared POST at a time, one deadline for all of it.

The connection is made first and can never be made again under the same line: where `requests` would
silently reconnect and send, a sealed line raises. `requests` carries the exchange through its adapter,
without redirects, retries, proxies or anything from the environment. No exception of `requests`,
`urllib3`, `http.client` or `ssl` leaves this file, and none that does carries a body or a query.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BrokenReply, NoReply, Unknown, Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import SendAnswer
from smsq.worker.transports import MAX_REPLY, Reply
from smsq.worker.transports.http.sealed import OneLineAdapter, Sealed
from smsq.worker.transports.http.sending import send
from smsq.worker.transports.sockets import DeadlineSocket

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


class HttpLine:
    """One connection. Sealed from the start: whatever would connect again raises instead."""

    def __init__(
        self,
        mirror: str,
        line: DeadlineSocket,
        *,
        login: Login,
        keep_idle_s: float,
        clock: Clock,
        keep: Callable[[HttpLine], None],
    ) -> None:
        self.mirror = mirror
        self._login = login
        self.good_until = clock.monotonic() + keep_idle_s  # until when it may be kept; later with each complete answer
        self._socket = line
        self._keep_idle_s = keep_idle_s
        self._clock = clock
        self._keep = keep
        self._is_whole = True  # nothing is owed: it never spoke, or its last answer was complete
        self._connection = Sealed(line)
        self._adapter = OneLineAdapter(self._connection)
        self._request = _template(mirror)

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self.hang_up()

    def is_quiet(self) -> bool:
        """Still open, and nothing to read."""
        return self._connection.sock is not None and self._socket.is_quiet()

    def is_free(self) -> bool:
        """Its last answer was complete, the server keeps it, and it is quiet."""
        return self._is_whole and self._clock.monotonic() < self.good_until and self.is_quiet()

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        """Send once and say what became of it; raises BadInput or Unreachable, and then nothing was written."""
        return send(self.say, self._login, outgoing, deadline_s)

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
