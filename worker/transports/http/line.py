"""HTTP to the gateway: one sealed connection, one prepared POST at a time, one deadline for all of it.

The connection is made first, and a line never makes another: a sealed line raises if `requests` would reconnect and
send again. `requests` carries the exchange through its adapter, without redirects, retries, proxies or anything from
the environment. No exception of `requests`, `httptools` or `ssl` leaves this file, and no exception has a body or a
query.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import requests

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import NoReply, Unknown, Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import SendAnswer
from smsq.worker.transports import MAX_REPLY, Reply
from smsq.worker.transports.http.sealed import OneLineAdapter, Sealed, Whole
from smsq.worker.transports.http.sending import FORM, send
from smsq.worker.transports.sockets import DeadlineSocket

KEEP_MARGIN_S = 1.0  # a server that keeps a line for n seconds may close it in the last one

_HEADERS = {
    "User-Agent": "smsq",
    "Accept": "*/*",
    "Accept-Encoding": "identity",  # without compression an answer cannot grow when unpacked
    "Connection": "keep-alive",
    "Content-Type": FORM,
}
_KEEP_ALIVE = re.compile(r"timeout=(\d{1,6})")

# Failures from the first write on; the first row that fits. Errors of the answer itself are ours already.
_SAY_TROUBLES: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "no complete answer in time"),
    (ConnectionError, "the connection broke"),
    (Exception, "the exchange failed"),
)


class HttpLine:
    """One connection, sealed from the start: anything that would connect again raises."""

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
        self.good_until = clock.monotonic() + keep_idle_s  # until when it may be kept; each complete answer moves it on
        self._keep_idle_s = keep_idle_s
        self._clock = clock
        self._keep = keep
        self._is_whole = True  # no answer is owed: nothing was sent, or the last answer was complete
        self._connection = Sealed(line, mirror)
        self._adapter = OneLineAdapter(self._connection)
        self._request = _template(mirror)

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self.hang_up()

    def is_quiet(self) -> bool:
        """Whether it is open with nothing to read."""
        return self._connection.is_quiet()

    def is_free(self) -> bool:
        """Whether its last answer was complete, the server keeps it, and it is quiet."""
        return self._is_whole and self._clock.monotonic() < self.good_until and self.is_quiet()

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        """Send once and return the outcome; raises BadInput or Unreachable, and then nothing was written."""
        return send(self.say, self._login, outgoing, deadline_s)

    def say(
        self, path: str, body: bytes, deadline_s: float, *, max_reply: int = MAX_REPLY, content_type: str = FORM
    ) -> Reply:
        """POST once and read the whole answer. Raises NoReply or BrokenReply, and then the line is closed.

        Raises Unreachable if the line is closed already: then nothing was written.
        """
        if not self._connection.is_open:
            raise Unreachable(f"the line to {self.mirror} is closed")
        self._is_whole = False
        self._adapter.deadline, self._adapter.max_body = self._clock.monotonic() + deadline_s, max_reply
        self._request.url = self.mirror + path
        self._request.body = body
        self._request.headers["Content-Length"] = str(len(body))
        self._request.headers["Content-Type"] = content_type
        trouble: Unknown | None = None
        try:
            return self._exchange()
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
        self._connection.close()

    def _exchange(self) -> Reply:
        response = self._adapter.send(self._request)
        self._is_whole = cast(Whole, response.raw).may_stay
        told = _KEEP_ALIVE.search(response.headers.get("Keep-Alive", ""))
        idle_s = min(self._keep_idle_s, int(told[1]) - KEEP_MARGIN_S) if told else self._keep_idle_s
        self.good_until = self._clock.monotonic() + idle_s
        return Reply(response.status_code, response.content)


def _template(mirror: str) -> requests.PreparedRequest:
    """A POST to that mirror, prepared except for path and body."""
    prepared = requests.PreparedRequest()
    prepared.prepare_method("POST")
    prepared.prepare_headers({"Host": urlsplit(mirror).netloc, **_HEADERS})
    return prepared


def _translate(error: Exception, mirror: str) -> Unknown:
    """Our own error for any failure; the sentence names the mirror and nothing that was sent."""
    trouble = NoReply(f"{mirror}: {next(words for kind, words in _SAY_TROUBLES if isinstance(error, kind))}")
    trouble.peer_closed = isinstance(error, ConnectionResetError | BrokenPipeError)
    return trouble
