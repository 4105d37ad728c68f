"""A connection that is open already and can never be made again, carried by the adapter of `requests`.

Where `requests` would silently reconnect and send, a sealed connection raises; redirects, retries, proxies and
the environment are left out.
"""

from __future__ import annotations

from typing import Any

import requests
import requests.adapters
import urllib3
import urllib3.connection

from smsq.worker.domain.errors import NoReply
from smsq.worker.transports.sockets import DeadlineSocket


class Sealed(urllib3.connection.HTTPConnection):
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

    def __init__(self, connection: Sealed) -> None:
        super().__init__("sealed", maxsize=1)
        self._one = connection

    def _get_conn(self, timeout: float | None = None) -> Sealed:
        return self._one

    def _put_conn(self, conn: Any) -> None:
        """The line itself decides what becomes of its connection."""


class OneLineAdapter(requests.adapters.HTTPAdapter):
    """The adapter of `requests`, speaking on one line; what would choose a connection is left out."""

    def __init__(self, connection: Sealed) -> None:
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
