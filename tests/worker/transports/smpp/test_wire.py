"""The connection under a session: one deadline for all octets of a write."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from smsq.worker.transports.smpp.wire import Wire
from smsq.worker.transports.sockets import DeadlineSocket

PIECES = 400
PIECE = 64 * 1024


def test_a_peer_that_takes_a_little_at_a_time_cannot_stretch_a_write() -> None:
    """The octets that it has not taken by the end of the time are given up."""
    server = socket.create_server(("127.0.0.1", 0))
    line = DeadlineSocket(socket.AF_INET, socket.SOCK_STREAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
    line.connect(server.getsockname())
    peer, _ = server.accept()
    enough = threading.Event()

    def take() -> None:
        with contextlib.suppress(OSError):
            while not enough.wait(0.02) and peer.recv(PIECE):
                pass

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    wire = Wire(line)
    try:
        with pytest.raises(TimeoutError):
            wire.write(bytes(PIECES * PIECE), 0.5)
    finally:
        enough.set()
        thread.join(5)
        wire.close()
        peer.close()
        server.close()
