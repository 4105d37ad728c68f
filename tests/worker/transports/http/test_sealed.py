"""The sealed connection beneath a line: what a request is when it is written, and that nothing opens it again."""

from __future__ import annotations

import socket

import pytest
import requests

from smsq.worker.domain.errors import NoReply
from smsq.worker.transports.http.sealed import OneLineAdapter, Sealed, written
from smsq.worker.transports.sockets import DeadlineSocket

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\n{}"


def request(target: str = "/sys/send.php", body: bytes = b"psw=hush", **headers: str) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.prepare_method("POST")
    prepared.prepare_headers({"Host": "gateway", "Content-Length": str(len(body))})
    prepared.url, prepared.body = "http://gateway" + target, body
    prepared.headers.update(headers)
    return prepared


def connected() -> tuple[Sealed, socket.socket]:
    near, peer = socket.socketpair()
    return Sealed(DeadlineSocket(fileno=near.detach()), "http://gateway"), peer


def adapter(connection: Sealed) -> OneLineAdapter:
    made = OneLineAdapter(connection)
    made.deadline = DeadlineSocket.monotonic() + 5
    return made


def test_a_request_is_written_as_it_was_prepared() -> None:
    """Target, headers in their order, an empty line, the body."""
    expected = b"POST /sys/send.php HTTP/1.1\r\nHost: gateway\r\nContent-Length: 8\r\n\r\npsw=hush"

    assert written(request()) == expected


@pytest.mark.parametrize(
    "broken",
    [
        request("/a b"),
        request("/a\x00"),
        request("/\x7f"),
        request(Evil="a\r\nX: y"),
        request(Evil="a\n"),
        request(Evil="a\0"),
        request(**{"Evil\r\nX": "y"}),
    ],
    ids=[
        "a space",
        "a zero",
        "a control character",
        "a line break",
        "half a line break",
        "a zero in a header",
        "a name",
    ],
)
def test_what_would_be_another_request_is_not_written(broken: requests.PreparedRequest) -> None:
    """Not a byte of it."""
    connection, peer = connected()
    with peer:
        with pytest.raises(ValueError, match="no"):
            adapter(connection).send(broken)
        connection.close()

        assert peer.recv(1) == b""


def test_the_response_is_one_of_requests() -> None:
    """Status, reason, headers of one name joined, the body once more if asked again; its line may stay."""
    connection, peer = connected()
    with peer:
        peer.sendall(ANSWER)
        response = adapter(connection).send(request())

        assert isinstance(response, requests.Response)
        assert (response.status_code, response.reason, response.headers["x-a"]) == (200, "OK", "1, 2")
        assert (response.content, response.text) == (b"{}", "{}")
        assert response.raw.may_stay
        assert connection.is_quiet()
        connection.close()


def test_a_closed_connection_says_nothing_and_opens_nothing() -> None:
    """Closing it again does no harm."""
    connection, peer = connected()
    with peer:
        connection.close()
        connection.close()

        assert not connection.is_open
        assert not connection.is_quiet()
        with pytest.raises(NoReply, match="will not connect again"):
            adapter(connection).send(request())
        assert peer.recv(1) == b""


def test_a_deadline_that_has_passed_writes_nothing() -> None:
    """The one deadline stands before the write too."""
    connection, peer = connected()
    late = OneLineAdapter(connection)
    late.deadline = DeadlineSocket.monotonic() - 1
    with peer:
        with pytest.raises(TimeoutError):
            late.send(request())
        connection.close()

        assert peer.recv(1) == b""
