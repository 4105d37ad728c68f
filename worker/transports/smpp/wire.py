"""A connection that one thread reads while others write, over TCP or TLS.

A TLS connection must not be read and written at the same moment, so each call into it holds a lock, and no thread waits
for the peer while it does. Writers take turns, so that their octets do not mix.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading

from smsq.worker.transports.sockets import DeadlineSocket

READ_AT_ONCE = 64 * 1024

_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire:
    """One open connection."""

    def __init__(self, line: DeadlineSocket) -> None:
        line.settimeout(0)
        self._line = line
        self._turn = threading.Lock()  # of the writers
        self._use = threading.Lock()  # of the connection itself
        self._readable = select.poll()
        self._readable.register(line, select.POLLIN | select.POLLHUP | select.POLLERR)
        self._writable = select.poll()
        self._writable.register(line, select.POLLOUT)

    def read(self, wait_s: float) -> bytes | None:
        """What has come, after at most `wait_s` seconds; None if nothing did, b'' if the peer has closed.

        Raises OSError if the connection broke.
        """
        if not self._readable.poll(int(wait_s * 1000)):
            return None
        found = b""
        while len(found) < 4 * READ_AT_ONCE:
            try:
                with self._use:
                    octets = self._line.recv(READ_AT_ONCE)
            except _NOT_NOW:
                return found or None
            if not octets:
                return found  # the end shows again at the next read
            found += octets
            if not isinstance(self._line, ssl.SSLSocket):  # TLS may hold more than the kernel shows
                return found
        return found

    def write(self, octets: bytes, within_s: float) -> None:
        """Write all of it; raises OSError, TimeoutError after `within_s`: then some of it may have left.

        The time is for all of it: a peer that takes it byte by byte cannot stretch it.
        """
        left = memoryview(octets)
        with self._turn:
            until = self._line.monotonic() + within_s
            while left:
                try:
                    with self._use:
                        sent = super(DeadlineSocket, self._line).send(left)
                except _NOT_NOW:
                    left_s = until - self._line.monotonic()
                    if left_s <= 0 or not self._writable.poll(int(left_s * 1000)):
                        raise TimeoutError("the peer takes no more octets") from None
                    continue
                left = left[sent:]

    def close(self) -> None:
        """Close for good; octets that did not leave are discarded."""
        with contextlib.suppress(OSError):  # wakes the reader; the method of a TLS socket would go on in the clear
            socket.socket.shutdown(self._line, socket.SHUT_RD)
        with self._use:
            self._line.close()
