"""Lines to the mirrors over HTTP, opened within one deadline."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import certifi

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.gateway.login import Login
from smsq.worker.transports.http.line import HttpLine
from smsq.worker.transports.kept import KeepingTransport
from smsq.worker.transports.sockets import DeadlineSocket, dial, secure, tls_context, why_not

NOBODY = Login("", "")


class HttpTransport(KeepingTransport[HttpLine]):
    """Opens lines to mirrors, and keeps those that owe no answer for `keep_idle_s` seconds for the next caller.

    `login` is needed to send, not to ask. `ca_file` names the certificates to trust, by default those that come with
    `requests`.
    """

    def __init__(
        self,
        connect_timeout_s: float = 4.0,
        *,
        login: Login = NOBODY,
        keep_idle_s: float = 5.0,
        silence_s: float = 30.0,
        clock: Clock | None = None,
        ca_file: str | None = None,
    ) -> None:
        super().__init__(keep_idle_s, clock or Clock())
        self._connect_timeout_s = connect_timeout_s
        self._login = login
        self._silence_s = silence_s
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None

    def _new(self, mirror: str, timeout_s: float | None) -> HttpLine:
        within_s = min(timeout_s or self._connect_timeout_s, self._connect_timeout_s)
        return HttpLine(
            mirror,
            self._connect(mirror, within_s),
            login=self._login,
            keep_idle_s=self._keep_idle_s,
            clock=self._clock,
            keep=self._keep,
        )

    def _connect(self, mirror: str, within_s: float) -> DeadlineSocket:
        deadline = self._clock.monotonic() + within_s
        try:
            url = urlsplit(mirror)
            host, is_tls = url.hostname or "", url.scheme == "https"
            port = url.port or (443 if is_tls else 80)
            line = dial(host, port, deadline, self._silence_s, self._clock.monotonic)
            return secure(line, self._tls(), host) if is_tls else line
        except (OSError, ValueError) as error:
            raise Unreachable(f"{mirror} cannot be reached: {why_not(error)}") from None

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = tls_context(self._ca_file or certifi.where())
            return self._context
