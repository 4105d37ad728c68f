"""Any bytes: heads, bodies and whole connections never fail, and read the same however they are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsq.producers.web.front_door import bodies, heads
from smsq.producers.web.front_door.connection import Answer, Connection, Request

SOME = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"GET /sys/send.php?a=b&\xd2\xe5 HTTP/1.1\r\n",
                b"POST / HTTP/1.0\r\n",
                b"Host: www2.smsc.example:80\r\n",
                b"Content-Length: 5\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Connection: close\r\n",
                b"\r\n",
                b"\n",
                b"5\r\nhello\r\n",
                b"0\r\n\r\n",
                b"hello",
                b"\xff\x00",
            ]
        ),
        max_size=12,
    ).map(b"".join),
)


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        self.is_closed = True


class House:
    """Answers each request with what it was."""

    def __init__(self) -> None:
        self.room = bodies.Room()
        self.buffer = memoryview(bytearray(heads.LARGEST))
        self.is_stopping = False
        self.served: list[tuple[bytes, str]] = []

    def joined(self, connection: Connection) -> None:
        pass

    def left(self, connection: Connection) -> None:
        pass

    def serve(self, connection: Connection, request: Request) -> None:
        self.served.append((request.path, request.host))
        connection.reply(Answer(body=b"ok", content_type="text/plain"))

    def refused(self, why: str) -> Answer:
        return Answer(body=b"no", content_type="text/plain")

    def closed(self, why: str) -> None:
        pass


async def spoken(pieces: Sequence[bytes]) -> tuple[list[tuple[bytes, str]], bytes]:
    """What became of these pieces, one after another: the requests served, and all that was written."""
    house, transport = House(), Transport()
    connection = Connection(house, asyncio.get_running_loop())
    connection.connection_made(transport)
    for piece in pieces:
        if transport.is_closed:
            break
        for at in range(0, len(piece), heads.LARGEST):
            part = piece[at : at + heads.LARGEST]
            connection.get_buffer(-1)[: len(part)] = part
            connection.buffer_updated(len(part))
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    assert house.room.held == 0
    return house.served, transport.written


@given(SOME)
def test_a_connection_reads_alike_however_its_bytes_come(data: bytes) -> None:
    """Whole, and byte by byte: the same requests, the same answers."""
    whole = asyncio.run(spoken([data]))
    single = asyncio.run(spoken([data[at : at + 1] for at in range(len(data))]))

    assert whole == single


@given(st.binary(max_size=300))
def test_a_head_is_read_or_refused(data: bytes) -> None:
    """And nothing else happens."""
    try:
        head = heads.read(data)
    except heads.BadHead:
        return
    assert head.method.isalpha()
    assert head.path.startswith(b"/")
    assert head.length is None or head.length >= 0


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 50))
def test_chunks_give_back_what_was_put_in(pieces: list[bytes], step: int) -> None:
    """Cut anywhere, with what stands behind them left alone."""
    written = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\nNEXT"
    reader, data, taken = bodies.Chunked(), bytearray(), b""
    for at in range(0, len(written), step):
        data += written[at : at + step]
        if not reader.is_over:
            taken += reader.feed(data)

    assert (taken, reader.is_over, bytes(data)) == (b"".join(pieces), True, b"NEXT")


def test_room_is_served_in_order() -> None:
    """A small body does not overtake a large one that waits; who leaves is forgotten."""
    room, served = bodies.Room(10), list[str]()
    assert room.ask(8, "a", lambda: None)
    assert not room.ask(9, "b", lambda: served.append("b"))
    assert not room.ask(1, "c", lambda: served.append("c"))
    assert not room.ask(9, "d", lambda: served.append("d"))
    room.leave("b")
    room.give_back(8)

    assert (served, room.held) == (["c", "d"], 10)


@pytest.mark.parametrize(
    ("line", "path", "query", "host"),
    [
        (b"GET /a?b=c d&e HTTP/1.1", b"/a", b"b=c d&e", ""),
        (b"GET /a?b=\xd2\xe5 HTTP/1.0", b"/a", b"b=\xd2\xe5", ""),
        (b"GET /a?b=c d", b"/a", b"b=c d", ""),
        (b"POST http://WWW2.smsc.example:80/sys/send.php HTTP/1.1", b"/sys/send.php", b"", "www2.smsc.example"),
        (b"GET /a?b=c HTTP/1.1 HTTP/1.1", b"/a", b"b=c HTTP/1.1", ""),
    ],
)
def test_first_lines(line: bytes, path: bytes, query: bytes, host: str) -> None:
    """Cut at the first and the last blank."""
    head = heads.read(line + b"\r\nHost: other.example\r\n")

    assert (head.path, head.query, head.host) == (path, query, host or "other.example")
