"""Lines to the mirrors over HTTP: opened within one deadline, and kept for the next caller if no answer is owed."""

from __future__ import annotations

import ssl
import threading
import weakref
from collections import deque
from urllib.parse import urlsplit

import certifi

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.gateway.login import Login
from smsq.worker.transports.http.line import HttpLine
from smsq.worker.transports.sockets import DeadlineSocket, dial, secure, tls_context

NOBODY = Login("", "")

# Why a line could not be opened, by exception; the first row that fits.
_OPEN_TROUBLES: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate cannot be trusted"),
    (ssl.SSLError, "TLS failed"),
    (TimeoutError, "connecting took too long"),
    (ConnectionRefusedError, "the connection was refused"),
    (OSError, "no connection could be made"),
    (UnicodeError, "its name is not a valid host name"),
)


class HttpTransport:
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
        self._connect_timeout_s = connect_timeout_s
        self._login = login
        self._keep_idle_s = keep_idle_s
        self._silence_s = silence_s
        self._clock = clock or Clock()
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._kept: dict[str, deque[HttpLine]] = {}  # by mirror, the newest last
        self._all: weakref.WeakSet[HttpLine] = weakref.WeakSet()
        self.used_at = self._clock.monotonic()  # when a line was last asked for, or the start

    def open(self, mirror: str, timeout_s: float | None = None) -> HttpLine:
        """A kept line that is still quiet, else a new one, connected within `timeout_s`; raises Unreachable."""
        self.used_at = self._clock.monotonic()
        return self._quiet(mirror) or self._new(mirror, timeout_s)

    def warm(self, mirror: str) -> None:
        """Keep a quiet line to `mirror` ready for a while longer; raises Unreachable."""
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
        """Check that `mirror` accepts connections: open a line and keep it for the next send; raises Unreachable."""
        line = self._new(mirror, None)
        if self._keep_idle_s > 0:
            self._keep(line)
        else:
            line.hang_up()

    def close(self) -> None:
        """Close every line; call it when no request is running any more."""
        with self._lock:
            lines = list(self._all)
        for line in lines:
            line.hang_up()

    def _new(self, mirror: str, timeout_s: float | None) -> HttpLine:
        within_s = min(timeout_s or self._connect_timeout_s, self._connect_timeout_s)
        line = HttpLine(
            mirror,
            self._connect(mirror, within_s),
            login=self._login,
            keep_idle_s=self._keep_idle_s,
            clock=self._clock,
            keep=self._keep,
        )
        with self._lock:
            self._all.add(line)
        return line

    def _quiet(self, mirror: str) -> HttpLine | None:
        """Take the newest kept line that is quiet and fresh; close the others on the way."""
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
        """Keep a line for the next request, and close those that are too old by now."""
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
