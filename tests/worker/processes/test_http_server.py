"""Connections that only want to hold the receiver up, on real sockets: none is kept, and none keeps others out."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smsq.worker.processes.bounded_log import BoundedLog
from smsq.worker.processes.http_server import LARGEST_HEAD, ConnectionLimits, Server

PATIENCE_S = 30.0
GET = b"GET / HTTP/1.1\r\nHost: here\r\n"


async def echo(_: Any, receive: Any, send: Any) -> None:
    """Answers with how many bytes the body had."""
    size, more = 0, True
    while more:
        told = await receive()
        if told["type"] != "http.request":
            return
        size, more = size + len(told.get("body", b"")), told.get("more_body", False)
    body = b"%d bytes" % size
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


Connect = Callable[[], socket.socket]
Open = Callable[..., Connect]


@pytest.fixture
def open_server() -> Iterator[Open]:
    """Start a server with such limits; what is given connects to it."""
    with contextlib.ExitStack() as stack:

        def start(**limits: Any) -> Connect:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            server = Server(echo, limits=ConnectionLimits(**limits))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()

            def stop() -> None:
                server.should_exit = True
                thread.join(20)

            stack.callback(stop)

            def connect() -> socket.socket:
                line = socket.create_connection(listening.getsockname(), PATIENCE_S)
                return stack.enter_context(line)

            return connect

        yield start


def heard(line: socket.socket) -> bytes:
    """All until the other end closes; what it was sent and did not read may make that a reset."""
    told = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while more := line.recv(65536):
            told += more
    return told


def answer(line: socket.socket, said: bytes) -> bytes:
    """What comes back for one whole request."""
    line.sendall(said)
    told = b""
    while not told.endswith(b"bytes") and (more := line.recv(65536)):
        told += more
    return told


def drip(line: socket.socket, byte: bytes, least: float = 0.02) -> None:
    """Send a byte at a time until nobody takes it; a timeout of the socket means that somebody always does."""
    line.settimeout(least)
    sent = 0
    while sent < PATIENCE_S / least:
        try:
            line.sendall(byte)
            if not line.recv(65536):
                return
        except TimeoutError:
            sent += 1
        except OSError:
            return
    raise AssertionError("it goes on listening")


def test_who_says_nothing_is_not_kept(open_server: Open) -> None:
    """The time runs from the connection."""
    assert heard(open_server(head_s=0.3)()) == b""


def test_a_byte_now_and_then_buys_no_time(open_server: Open) -> None:
    """Headers have one deadline together; those of a further request on the same connection too."""
    connect = open_server(head_s=0.5)
    first = connect()
    first.sendall(GET)
    drip(first, b"a")
    second = connect()

    assert answer(second, GET + b"\r\n").endswith(b"0 bytes")
    second.sendall(GET)
    drip(second, b"a")


def test_a_body_has_its_deadline_too(open_server: Open) -> None:
    """From the headers on, for all of it."""
    line = open_server(body_s=0.5)()
    line.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n")
    drip(line, b"a")


@pytest.mark.parametrize("piece", [1000, 1_000_000], ids=["in pieces", "at once"])
@pytest.mark.parametrize("header", [b"X-Long: " + b"a" * 2 * LARGEST_HEAD, b"X-Many: b\r\n" * LARGEST_HEAD])
def test_headers_that_never_end_are_cut_off(open_server: Open, header: bytes, piece: int) -> None:
    """431 and closed, whether they come as one or as many."""
    line = open_server()()
    said = GET + header
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for at in range(0, len(said), piece):
            line.sendall(said[at : at + piece])

    told = heard(line)
    assert not told or told.startswith(b"HTTP/1.1 431 ")  # what we had still on the way may make it a reset
    assert answer(open_server()(), GET + b"X: " + b"a" * (LARGEST_HEAD - 100) + b"\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_connection_is_used_again_whatever_comes_in_one_piece(open_server: Open) -> None:
    """A body larger than headers may be is none; requests that follow at once have their own account."""
    line = open_server()()
    post = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 60000\r\n\r\n" + b"b" * 60_000
    for _ in range(3):
        assert answer(line, post).endswith(b"60000 bytes")
    line.sendall(post + post + GET)
    told = b""
    while told.count(b"60000 bytes") < 2:
        told += line.recv(65536)

    assert answer(line, b"\r\n").endswith(b"0 bytes")


def test_a_full_house_has_room_for_who_speaks(open_server: Open, caplog: pytest.LogCaptureFixture) -> None:
    """Of 300 silent connections where 50 may be, the longest silent ones go; a request among them is answered."""
    caplog.set_level(logging.WARNING)
    connect = open_server(most=50, head_s=PATIENCE_S * 10)
    silent = [connect() for _ in range(150)]
    said = [answer(connect(), GET + b"\r\n")[-7:] for _ in range(3)]
    silent += [connect() for _ in range(150)]
    said += [answer(connect(), GET + b"\r\n")[-7:] for _ in range(3)]

    assert said == [b"0 bytes"] * 6
    assert [heard(line) for line in silent[:250]] == [b""] * 250
    assert len(caplog.records) <= 3


def test_a_flood_of_nonsense_is_a_line_or_two(open_server: Open, caplog: pytest.LogCaptureFixture) -> None:
    """Each is answered, and counted."""
    caplog.set_level(logging.INFO)
    connect = open_server()
    for _ in range(200):
        line = connect()
        line.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert heard(line).startswith(b"HTTP/1.1 400 ")
        line.close()

    assert [record.getMessage() for record in caplog.records] == [
        "connections closed why=Invalid HTTP request received. many=1"
    ]


def test_sums_tell_the_first_at_once_and_the_rest_together() -> None:
    """Also when no more come, and for more kinds than anybody can read."""
    now, told = 0.0, []
    log = BoundedLog(lambda kind, many: told.append((kind, many)), every_s=60, monotonic=lambda: now)
    for _ in range(5):
        log.note("forged")
    now = 59.0
    log.look()
    before = list(told)
    now = 61.0
    log.look()
    log.look()
    for n in range(1000):
        log.note(f"kind {n}")

    assert before == [("forged", 1)]
    assert told[1] == ("forged", 4)
    assert len(told) < 60
