"""Sockets with one deadline for all reads and writes, whose unsent bytes are discarded on close.

`SO_LINGER` 0 discards unsent bytes when an attempt dies, and `TCP_USER_TIMEOUT` when a process froze, so a request is
not delivered long after we gave it up. A socket's own timeout counts for each read, so a peer that sends byte by byte
can stretch it for ever; the deadline here is a point in time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

_NO_LINGER = struct.pack("ii", 1, 0)
_LINGER = struct.pack("ii", 0, 0)
FAREWELL_S = 0.2  # at most, for a few bytes into an empty buffer

# Why a line could not be opened, by exception; the first row that fits.
_OPEN_TROUBLES: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate cannot be trusted"),
    (ssl.SSLError, "TLS failed"),
    (TimeoutError, "connecting took too long"),
    (ConnectionRefusedError, "the connection was refused"),
    (OSError, "no connection could be made"),
    (UnicodeError, "its name is not a valid host name"),
)


class DeadlineSocket(socket.socket):
    """A TCP socket; set `deadline` (of `monotonic`) before each exchange."""

    deadline: float = 0.0
    monotonic: Callable[[], float] = staticmethod(time.monotonic)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._hurry()
        return super().send(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._hurry()
        super().sendall(*args, **kwargs)

    def receive(self, size: int) -> bytes:
        """At most `size` bytes, none once the connection has ended; raises TimeoutError at the deadline."""
        self._hurry()
        return self.recv(size)

    def say_last(self, said: bytes) -> None:
        """Write a farewell, which the system delivers although the caller closes at once; nobody waits for it."""
        with contextlib.suppress(OSError, ValueError):
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            self.deadline = self.monotonic() + FAREWELL_S
            self.send(said)

    def is_quiet(self) -> bool:
        """Whether it is open with nothing to read. It does read, since TLS has records without data."""
        try:
            self.settimeout(0)
            self.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def _hurry(self) -> None:
        left = self.deadline - self.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self.settimeout(left)


class DeadlineTlsSocket(DeadlineSocket, ssl.SSLSocket):
    """The same over TLS."""


def dial(host: str, port: int, deadline: float, silence_s: float, monotonic: Callable[[], float]) -> DeadlineSocket:
    """Connect to the first address that answers before the deadline; raises OSError (gaierror, TimeoutError …).

    The look-up of the name has the time limit of the system's resolver, not this one.
    """
    trouble: OSError = OSError("the name has no address")
    for family, kind, proto, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        line = DeadlineSocket(family, kind, proto)
        line.monotonic = monotonic
        line.deadline = deadline
        try:
            _prepare(line, silence_s)
            line._hurry()
            line.connect(address)
            return line
        except OSError as error:
            line.close()
            trouble = error
        except BaseException:
            line.close()
            raise
    raise trouble


def secure(line: DeadlineSocket, context: ssl.SSLContext, host: str) -> DeadlineSocket:
    """Start TLS on a connected socket and verify the host's name; the plain socket is used up either way."""
    deadline, monotonic = line.deadline, line.monotonic
    try:
        line._hurry()
        wrapped = context.wrap_socket(line, server_hostname=host)
    except BaseException:
        line.close()
        raise
    assert isinstance(wrapped, DeadlineTlsSocket)
    wrapped.deadline, wrapped.monotonic = deadline, monotonic
    return wrapped


def why_not(error: BaseException) -> str:
    """Why no line could be opened, in words."""
    return next((words for kind, words in _OPEN_TROUBLES if isinstance(error, kind)), "it has no address")


def tls_context(ca_file: str) -> ssl.SSLContext:
    """A verifying client context for sockets with a deadline; session keys are never logged (SSLKEYLOGFILE)."""
    context = ssl.create_default_context(cafile=ca_file)
    context.keylog_filename = None  # type: ignore[assignment]  # typeshed does not know it
    context.sslsocket_class = DeadlineTlsSocket
    return context


def _prepare(line: socket.socket, silence_s: float) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux only
    if user_timeout is not None:
        line.setsockopt(socket.IPPROTO_TCP, user_timeout, max(1, int(silence_s * 1000)))
