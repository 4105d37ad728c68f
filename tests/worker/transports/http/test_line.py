"""The HTTP transport on real sockets, against servers that answer well, oddly, partly or not at all."""

from __future__ import annotations

import logging
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsq.worker.domain.errors import BrokenReply, NoReply, Unknown, Unreachable
from smsq.worker.transports import Reply
from smsq.worker.transports.http import HttpTransport
from tests.worker.transports.test_mirrors import HandClock

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"id":33, "cnt":1}'
BODY = b'{"id":33, "cnt":1}'
SECRET = b"psw=hush-hush&phones=%2B79991234567"
PATH = "/sys/send.php"

Serve = Callable[..., Any]


def answering(*answers: bytes, then: str = "hang") -> Callable[[Any], Callable[[socket.socket], None]]:
    """A script maker: read a request and give an answer, for each answer; then close or hang."""

    def make(server: Any) -> Callable[[socket.socket], None]:
        def script(line: socket.socket) -> None:
            for answer in answers:
                server().request(line)
                line.sendall(answer)
            if then == "hang":
                server().over.wait(10)

        return script

    return make


def served(serve: Serve, *answers: bytes, then: str = "hang", **options: Any) -> Any:
    """A server that gives these answers on every connection."""
    holder: list[Any] = []
    server = serve(answering(*answers, then=then)(lambda: holder[0]), **options)
    holder.append(server)
    return server


def say(transport: HttpTransport, server: Any, deadline_s: float = 2.0, **options: Any) -> Reply:
    line = transport.open(server.mirror)
    return line.say(PATH, SECRET, deadline_s, **options)


def test_whole_exchange(serve: Serve, transport: HttpTransport) -> None:
    """One POST goes out with body and length, and the answer comes back as it was."""
    server = served(serve, OK)

    assert say(transport, server) == Reply(200, BODY)
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /sys/send.php HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}".encode() in head
    assert b"Accept-Encoding: identity" in head
    assert body == SECRET


WELL_FRAMED = [
    ("chunked", b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"id"\r\nd\r\n:33, "cnt":1}\r\n0\r\n\r\n'),
    ("a 100 before the answer", b"HTTP/1.1 100 Continue\r\n\r\n" + OK),
    ("two 100s before the answer", b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + OK),
    ("HTTP/1.0 that keeps the line", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 18\r\n\r\n" + BODY),
]


@pytest.mark.parametrize("answer", [row[1] for row in WELL_FRAMED], ids=[row[0] for row in WELL_FRAMED])
def test_well_framed_answers_keep_the_line(serve: Serve, transport: HttpTransport, answer: bytes) -> None:
    """An answer whose end is certain is read whole, and its line serves the next request."""
    server = served(serve, answer, OK)
    line = transport.open(server.mirror)

    assert line.say(PATH, SECRET, 2.0) == Reply(200, BODY)
    line.done(True)
    assert transport.open(server.mirror) is line
    assert line.say(PATH, SECRET, 2.0) == Reply(200, BODY)
    assert server.accepted == 1


NOT_KEPT = [
    ("Connection: close", OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)),
    ("HTTP/1.0", OK.replace(b"1.1", b"1.0", 1)),
    ("bytes behind the answer", OK + b"HTTP/1.1 200 OK\r\n"),
    ("Keep-Alive for a second", OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=1\r\n\r\n", 1)),
]


@pytest.mark.parametrize("answer", [row[1] for row in NOT_KEPT], ids=[row[0] for row in NOT_KEPT])
def test_lines_that_are_not_kept(serve: Serve, transport: HttpTransport, answer: bytes) -> None:
    """A line that is to be closed, or has bytes nobody asked for, is never used again."""
    server = served(serve, answer)
    line = transport.open(server.mirror)

    assert line.say(PATH, SECRET, 2.0).body == BODY
    line.done(True)
    assert transport.open(server.mirror) is not line


def test_answer_until_the_end_of_the_connection(serve: Serve, transport: HttpTransport) -> None:
    """Without a length the answer ends with the connection."""
    server = served(serve, b"HTTP/1.0 200 OK\r\n\r\n" + BODY, then="close")

    assert say(transport, server).body == BODY


def test_redirect_is_an_answer(serve: Serve, transport: HttpTransport) -> None:
    """A redirect is handed up, not followed."""
    server = served(serve, b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    assert say(transport, server).status == 307
    assert len(server.requests) == 1


def test_server_busy_is_not_repeated(serve: Serve, transport: HttpTransport) -> None:
    """A 503 with Retry-After is an answer like any other."""
    server = served(serve, b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", OK)

    assert say(transport, server).status == 503
    assert len(server.requests) == 1


UNKNOWN = [
    ("closed without an answer", b"", NoReply),
    ("cut in the status line", OK[:12], Unknown),
    ("cut in the head", OK[:30], Unknown),
    ("cut in the body", OK[:-1], BrokenReply),
    ("cut in a chunk", b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n{"id"', BrokenReply),
    ("no last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", BrokenReply),
    ("a chunk without a size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", BrokenReply),
    ("not HTTP", b"220 smtp.example ESMTP\r\n", BrokenReply),
    ("only a 100", b"HTTP/1.1 100 Continue\r\n\r\n", Unknown),
    ("two lengths", OK.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n", 1), Unknown),
    ("a head without end", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, BrokenReply),
    ("gzip", OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1), BrokenReply),
    (
        "more than the cap, by its length",
        b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b" " * 300_000,
        BrokenReply,
    ),
    ("more than the cap, without a length", b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 300_000, BrokenReply),
]


@pytest.mark.parametrize(("answer", "error"), [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
def test_what_leaves_the_outcome_unknown(
    serve: Serve, transport: HttpTransport, answer: bytes, error: type[Unknown]
) -> None:
    """No whole answer: unknown, said once, the line closed, and nothing of the request in the exception."""
    server = served(serve, answer, then="close")
    line = transport.open(server.mirror)

    with pytest.raises(error) as caught:
        line.say(PATH, SECRET, 2.0)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "hush" not in repr(caught.value) + str(caught.value) + repr(vars(caught.value))
    line.done(True)
    assert transport.open(server.mirror) is not line
    assert len(server.requests) == 1


def test_accepted_and_closed_at_once(serve: Serve, transport: HttpTransport) -> None:
    """A connection that closes under the request leaves the outcome unknown, and is not opened again."""
    server = serve(lambda line: None)
    line = transport.open(server.mirror)

    with pytest.raises(Unknown):
        line.say(PATH, SECRET, 2.0)
    assert server.accepted == 1


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_a_write_that_fails_leaves_the_outcome_unknown(
    serve: Serve, transport: HttpTransport, is_looked_at: bool
) -> None:
    """A reset or a broken pipe: what the kernel or TLS took over before it cannot be told, not even of the first."""
    opened = threading.Event()

    def reset(line: socket.socket) -> None:
        opened.wait(5)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = serve(reset)
    line = transport.open(server.mirror)
    opened.set()
    watch = select.poll()
    watch.register(line._connection._line.fileno(), 0)
    assert watch.poll(5000)
    assert not is_looked_at or not line.is_quiet()

    with pytest.raises(NoReply):
        line.say(PATH, SECRET, 2.0)
    assert server.accepted == 1


def test_a_dropped_connection_is_not_made_again(serve: Serve, transport: HttpTransport) -> None:
    """Once the connection is gone, the library knows where to but says nothing more over this line."""
    server = served(serve, OK)
    line = transport.open(server.mirror)
    wait_for(lambda: server.accepted == 1)
    line._connection.close()
    line._request.url, line._request.body = server.mirror + PATH, SECRET

    with pytest.raises(NoReply, match="sealed"):
        line._adapter.send(line._request)
    assert server.accepted == 1


def test_a_line_that_owes_an_answer_is_closed_and_not_put_aside(serve: Serve, transport: HttpTransport) -> None:
    """The first answer was whole, the second is cut short by a server that keeps the line: neither half is trusted."""
    server = served(serve, OK, OK[:-1])
    line = transport.open(server.mirror)
    line.say(PATH, SECRET, 2.0)
    with pytest.raises(NoReply):
        line.say(PATH, SECRET, 0.2)

    assert not line.is_quiet()
    line.done(True)
    assert not any(transport._kept.values())


def test_closed_line_is_seen_before_it_speaks(serve: Serve, transport: HttpTransport) -> None:
    """A second look shows a line that the server closed or wrote to, so that the claim can be released."""
    for script in (lambda line: None, lambda line: line.sendall(b"HTTP/1.1 408 Timeout\r\n\r\n")):
        server = serve(script)
        line = transport.open(server.mirror)

        wait_for(lambda line=line: not line.is_quiet())
        line.done(True)


def test_answer_byte_by_byte(serve: Serve, transport: HttpTransport) -> None:
    """An answer in single bytes is the same answer."""
    server: Any

    def script(line: socket.socket) -> None:
        server.request(line)
        for at in range(len(OK)):
            line.sendall(OK[at : at + 1])
        server.over.wait(5)

    server = serve(script)

    assert say(transport, server) == Reply(200, BODY)


@pytest.mark.parametrize("start", [0, 40], ids=["in the head", "in the body"])
def test_dripping_answer_meets_the_deadline(serve: Serve, transport: HttpTransport, start: int) -> None:
    """A peer that sends a byte now and then cannot stretch the one deadline."""
    server: Any

    def script(line: socket.socket) -> None:
        server.request(line)
        line.sendall(OK[:start])
        for at in range(start, len(OK)):
            if server.over.wait(0.05):
                return
            line.sendall(OK[at : at + 1])

    server = serve(script)
    begun = time.monotonic()

    with pytest.raises(NoReply):
        say(transport, server, 0.3)
    assert time.monotonic() - begun < 0.8


def test_silent_server_meets_the_deadline(serve: Serve, transport: HttpTransport) -> None:
    """No byte at all ends at the deadline too."""
    server = served(serve, b"")

    with pytest.raises(NoReply, match="in time"):
        say(transport, server, 0.2)


def test_given_up_request_is_reset(serve: Serve, transport: HttpTransport) -> None:
    """After the deadline the connection is reset, so that nothing of the request arrives later."""
    ends: list[str] = []
    server: Any
    ended = threading.Event()

    def script(line: socket.socket) -> None:
        server.request(line)
        try:
            ends.append("closed" if line.recv(1) == b"" else "more")
        except ConnectionResetError:
            ends.append("reset")
        ended.set()

    server = serve(script)

    with pytest.raises(NoReply):
        say(transport, server, 0.1)
    assert ended.wait(2)
    assert ends == ["reset"]


def test_server_that_does_not_read_meets_the_deadline(serve: Serve, transport: HttpTransport) -> None:
    """A request that cannot be written whole ends at the deadline, outcome unknown."""
    server = serve(lambda line: server.over.wait(5))
    line = transport.open(server.mirror)

    with pytest.raises(NoReply):
        line.say(PATH, b"x" * 20_000_000, 0.3)


def test_large_page_fits_its_own_cap(serve: Serve, transport: HttpTransport) -> None:
    """History asks for a larger cap."""
    page = b"[" + b" " * 300_000 + b"]"
    server = served(serve, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page)

    assert say(transport, server, max_reply=4 * 1024 * 1024).body == page


def test_kept_line_that_spoke_is_dropped(serve: Serve, transport: HttpTransport) -> None:
    """A kept line on which something arrives, or that was closed, gives way to a new one."""
    server: Any
    go = threading.Event()

    def speaks(line: socket.socket) -> None:
        server.request(line)
        line.sendall(OK)
        go.wait(5)
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        server.over.wait(5)

    def closes(line: socket.socket) -> None:
        server.request(line)
        line.sendall(OK)
        go.wait(5)

    for script in (speaks, closes):
        go.clear()
        server = serve(script)
        line = transport.open(server.mirror)
        line.say(PATH, SECRET, 2.0)
        line.done(True)
        go.set()
        time.sleep(0.05)  # loopback: what was sent or closed has arrived

        assert transport.open(server.mirror) is not line


def test_kept_line_grows_old(serve: Serve) -> None:
    """A line is kept no longer than it is told."""
    transport = HttpTransport(2.0, keep_idle_s=0.05)
    server = served(serve, OK)
    line = transport.open(server.mirror)
    line.say(PATH, SECRET, 2.0)
    line.done(True)
    time.sleep(0.06)

    assert transport.open(server.mirror) is not line
    transport.close()


def test_a_line_that_never_spoke_is_kept(serve: Serve, transport: HttpTransport) -> None:
    """It owes nothing, so the next claim may use it; given back as not to be kept, it is closed."""
    server = served(serve, OK)
    line = transport.open(server.mirror)
    line.done(True)

    assert transport.open(server.mirror) is line
    line.done(False)
    assert not line.is_quiet()
    with pytest.raises(Unreachable):
        line.say(PATH, SECRET, 2.0)
    assert transport.open(server.mirror) is not line


def test_a_kept_line_serves_one_at_a_time(serve: Serve, transport: HttpTransport) -> None:
    """Whichever thread asks next gets it, and nobody else meanwhile."""
    server = served(serve, OK)
    line = transport.open(server.mirror)
    line.say(PATH, SECRET, 2.0)
    line.done(True)
    other: list[object] = []
    thread = threading.Thread(target=lambda: other.append(transport.open(server.mirror)))
    thread.start()
    thread.join()

    assert other[0] is line
    assert transport.open(server.mirror) is not line


def test_the_newest_line_is_taken_first_and_old_ones_go(serve: Serve) -> None:
    """Those that were idle too long are closed when another is put beside them."""
    clock = HandClock()
    transport = HttpTransport(2.0, keep_idle_s=5.0, clock=clock)
    server = served(serve, OK)
    older, newer = transport.open(server.mirror), transport.open(server.mirror)
    older.done(True)
    clock.at += 4.0
    newer.say(PATH, SECRET, 2.0)
    newer.done(True)

    assert transport.open(server.mirror) is newer
    clock.at += 2.0
    newer.done(True)
    assert not older.is_quiet()
    assert newer.is_quiet()
    transport.close()


def test_environment_is_not_asked(serve: Serve, transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and certificate bundles of the shell change nothing."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    server = served(serve, OK)

    assert say(transport, server).status == 200


def test_nothing_secret_is_logged(serve: Serve, transport: HttpTransport, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative level the libraries log no body."""
    caplog.set_level(logging.DEBUG)
    server = served(serve, OK)
    say(transport, server)

    assert "hush" not in caplog.text


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


UNREACHABLE = [
    ("refused", lambda: f"http://127.0.0.1:{closed_port()}", "refused"),
    ("no such name", lambda: "http://no-such-host.invalid", "no connection"),
    ("a name that is none", lambda: "http://a..b", "cannot be reached"),
    ("a port that is none", lambda: "http://127.0.0.1:99999", "cannot be reached"),
]


@pytest.mark.parametrize(("mirror", "words"), [row[1:] for row in UNREACHABLE], ids=[row[0] for row in UNREACHABLE])
def test_unreachable_mirrors(transport: HttpTransport, mirror: Callable[[], str], words: str) -> None:
    """What fails before a line is open is Unreachable."""
    with pytest.raises(Unreachable, match=words) as caught:
        transport.open(mirror())
    assert caught.value.__suppress_context__


def test_full_backlog_meets_the_connect_timeout() -> None:
    """A server that accepts nothing more is Unreachable after the connect timeout."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        transport = HttpTransport(0.3)

        with pytest.raises(Unreachable, match="too long"):
            transport.open(f"http://127.0.0.1:{address[1]}")
        for filler in fillers:
            filler.close()


def test_tls_to_a_trusted_server(serve: Serve, tls: ssl.SSLContext, certificate: Path) -> None:
    """TLS works both for a new line, tickets and all, and for a kept one."""
    transport = HttpTransport(2.0, ca_file=str(certificate))
    server = served(serve, OK, OK, tls=tls)
    line = transport.open(server.mirror)

    assert line.is_quiet()
    assert line.say(PATH, SECRET, 2.0) == Reply(200, BODY)
    line.done(True)
    assert transport.open(server.mirror) is line
    assert line.say(PATH, SECRET, 2.0) == Reply(200, BODY)
    transport.close()


def test_tls_drip_meets_the_deadline(serve: Serve, tls: ssl.SSLContext, certificate: Path) -> None:
    """The deadline holds over TLS too."""
    transport = HttpTransport(2.0, ca_file=str(certificate))
    server = served(serve, OK[:30], tls=tls)

    with pytest.raises(NoReply, match="in time"):
        say(transport, server, 0.3)
    transport.close()


def test_tls_to_a_stranger(serve: Serve, tls: ssl.SSLContext, transport: HttpTransport) -> None:
    """A certificate that nobody vouches for is refused before a byte of the request is written."""
    server = served(serve, OK, tls=tls)

    with pytest.raises(Unreachable, match="certificate"):
        transport.open(server.mirror)
    assert server.requests == []


def test_tls_to_another_name(serve: Serve, tls: ssl.SSLContext, certificate: Path) -> None:
    """A trusted certificate for another name is refused."""
    transport = HttpTransport(2.0, ca_file=str(certificate))
    server = served(serve, OK, tls=tls)

    with pytest.raises(Unreachable, match="certificate"):
        transport.open(f"https://localhost:{server.port}")


def test_tls_to_a_plain_or_silent_server(serve: Serve) -> None:
    """A server that does not speak TLS is Unreachable, at the latest at the connect timeout."""
    transport = HttpTransport(0.3)
    plain = serve(lambda line: line.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"))
    silent = serve(lambda line: silent.over.wait(5))

    for server in (plain, silent):
        with pytest.raises(Unreachable):
            transport.open(server.mirror.replace("http:", "https:"))


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds, two seconds at most."""
    until = time.monotonic() + 2
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)
