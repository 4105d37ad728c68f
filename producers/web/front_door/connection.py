"""One connection of the front door: whole requests in, whole answers out, one at a time.

What is promised to the libraries (PROTOCOL A.6, I.4): HTTP 200 with a body and its length, never in chunks, never
compressed, never empty, and no `100 Continue` in front of it. What strangers may cost: `heads.LARGEST` bytes of a head,
`bodies.SMALL` of a body beside their share of the room, and the times below.

It also tells whether an answer has reached its caller (`reached`), since only then a repeat of that request is meant:
the peer's system has taken all of it, or the peer has sent on or closed in order behind it.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, cast

from smsq.producers.web.front_door import bodies, heads
from smsq.worker.gateway.http.server.body import Body

HEAD_S = 10.0  # until a head is complete, from its first byte
BODY_S = 30.0  # until a body is complete, from when it is read
ROOM_S = 60.0  # that a large body waits for room
IDLE_S = 30.0  # between two requests
ANSWER_S = 90.0  # for the work on a request and for its answer to be taken
CLOSE_S = 2.0  # until the peer has closed, after us
READ_AT_ONCE = 64 * 1024
JSON_PATH = b"/rest/send/"


class State(Enum):
    """What is going on."""

    IDLE = "idle"
    HEAD = "head"
    ROOM = "room"
    BODY = "body"
    ANSWER = "answer"
    CLOSING = "closing"


@dataclass(slots=True, kw_only=True)
class Request:
    """One request: its head, and its body as read."""

    path: bytes
    host: str
    body: Body = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Answer:
    """What goes back; `reached` is called once it has reached its caller."""

    body: bytes = field(repr=False)
    content_type: str
    status: str = "200 OK"
    reached: Callable[[], None] | None = None


class House(Protocol):
    """What a connection needs of its server."""

    room: bodies.Room
    buffer: memoryview  # filled and emptied within one step of the loop, by one connection at a time
    is_stopping: bool

    def joined(self, connection: Connection) -> None: ...

    def left(self, connection: Connection) -> None: ...

    def serve(self, connection: Connection, request: Request) -> None: ...

    def refused(self, why: str) -> Answer: ...

    def closed(self, why: str) -> None: ...


class Connection(asyncio.BufferedProtocol):
    """One connection; the server calls `reply` once for each request that it was given."""

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        self.state = State.IDLE
        self.until = loop.time() + HEAD_S
        self._house = house
        self._loop = loop
        self._data = bytearray()
        self._looked = 0
        self._head: heads.Head | None = None
        self._reader: bodies.Plain | bodies.Chunked | None = None
        self._body = Body()
        self._size = 0
        self._room = 0
        self._transport: asyncio.Transport | None = None
        self._is_living = True  # nothing says that the peer has gone
        self._on_reached: Callable[[], None] | None = None

    # --- asyncio's side ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._house.joined(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go; they are taken out at once."""
        return self._house.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if self.state is State.CLOSING:
            return
        self._data += self._house.buffer[:nbytes]
        if self._on_reached is not None and self.state is State.IDLE:
            self._has_reached()
        self._go_on()

    def eof_received(self) -> bool:
        """The peer sends no more: whether it still reads cannot be told.

        What it has acknowledged has reached it: one that gave up waiting closes while its answer is on the way.
        """
        if self.state is State.CLOSING or (self.state is State.IDLE and not self._data):
            self._settle_reached()
            return False
        self._is_living = False
        if self.state is State.BODY and self._head is not None and self._head.ends_by_closing:
            self._is_living = True
            self._complete()
            return True
        return self.state is State.ANSWER

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if exc is None and self.state in (State.IDLE, State.CLOSING):
            self._has_reached()
        self._on_reached = None
        self._transport = None
        self._is_living = False
        if self.state is not State.ANSWER:  # else the work on the request goes on, and `reply` comes
            self._give_room_back()
        self._house.left(self)

    # --- reading -----------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Read as far as the bytes go."""
        try:
            if self.state in (State.IDLE, State.HEAD) and not self._read_head():
                return
            if self.state is State.BODY:
                self._read_body()
            elif self.state in (State.ANSWER, State.ROOM) and len(self._data) > bodies.SMALL:
                self._pause()  # requests behind this one, or a body without room, wait at the sender
        except (heads.BadHead, bodies.BadBody) as bad:
            self._refuse(str(bad))

    def _read_head(self) -> bool:
        """Take a head off the buffer; whether there was one."""
        data = self._data
        if self.state is State.IDLE:
            while data[:2] == b"\r\n" or data[:1] == b"\n":  # some send a line end behind a body
                del data[: data.find(b"\n") + 1]
            if not data or data == b"\r":
                return False
            self.state, self._looked = State.HEAD, 0
            self.until = self._loop.time() + HEAD_S
        found = heads.end_of_head(data, self._looked)
        if found is None or found[0] > heads.LARGEST:
            if len(data) > heads.LARGEST:
                raise heads.BadHead("the head is too long")
            self._looked = len(data)
            return False
        self._head = head = heads.read(bytes(data[: found[0]]))
        del data[: found[1]]
        self._body = Body(head.query, head.content_type, bodies.CAPS, is_json=head.path == JSON_PATH)
        self._size = 0
        if head.length is not None and head.length > bodies.LARGEST:
            raise bodies.BadBody("the body is too large")
        self._reader = bodies.Chunked() if head.is_chunked else bodies.Plain(_length_of(head))
        self.state = State.BODY
        self.until = self._loop.time() + BODY_S
        if head.length is not None and head.length > bodies.SMALL:
            self._want_room(head.length)
        return self.state is State.BODY

    def _read_body(self) -> None:
        reader = self._reader
        assert reader is not None
        taken = reader.feed(self._data)
        if taken:
            self._size += len(taken)
            if self._size > bodies.LARGEST:
                raise bodies.BadBody("the body is too large")
            self._body.feed(taken)
        if reader.is_over:
            self._complete()
        elif self._size > bodies.SMALL and not self._room:  # its length was not said
            self._want_room(bodies.LARGEST)

    def _want_room(self, size: int) -> None:
        """Go on with a large body once there is room for it."""
        self._room = size
        if not self._house.room.ask(size, self, self._has_room):
            self._room = 0
            self.state = State.ROOM
            self.until = self._loop.time() + ROOM_S
            self._waits_for = size
            self._pause()

    def _has_room(self) -> None:
        self._room = self._waits_for
        self.state = State.BODY
        self.until = self._loop.time() + BODY_S
        self._resume()
        self._loop.call_soon(self._go_on)

    def _complete(self) -> None:
        """A whole request is here."""
        head = self._head
        assert head is not None
        self.state = State.ANSWER
        self.until = self._loop.time() + ANSWER_S
        self._house.serve(self, Request(path=head.path, host=head.host, body=self._body))

    # --- answering ---------------------------------------------------------------------------------------------

    @property
    def is_living(self) -> bool:
        """Whether nothing says that the caller has gone."""
        return self._is_living

    def reply(self, answer: Answer) -> None:
        """Answer the request in hand; the next one may begin."""
        self._give_room_back()
        transport, head = self._transport, self._head
        self._head, self._body = None, Body()
        if transport is None or transport.is_closing():
            return
        keeps = head is not None and head.keep_alive and self._is_living and not self._house.is_stopping
        transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: %b\r\n\r\n%b"
            % (
                answer.status.encode(),
                answer.content_type.encode(),
                len(answer.body),
                b"keep-alive" if keeps else b"close",
                b"" if head is not None and head.method == b"HEAD" else answer.body,
            )
        )
        self._on_reached = answer.reached if self._is_living else None
        if not keeps:
            self._close()
            return
        self.state = State.IDLE
        self.until = self._loop.time() + IDLE_S
        self._resume()
        if self._data:
            self._loop.call_soon(self._go_on)

    def look(self, now: float) -> None:
        """Notice that an answer was taken, and end what takes too long; the server calls it now and then."""
        if self._on_reached is not None and self._is_taken():
            self._has_reached()
        if now < self.until:
            return
        if self.state in (State.HEAD, State.BODY, State.ROOM):
            self._house.closed(f"too slow: {self.state.value}")
            if self.state is State.ROOM:
                self._house.room.leave(self)
        self.shut()

    def shut(self) -> None:
        """Close it at once; an answer that was not taken by now did not reach its caller."""
        self._settle_reached()
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, why: str) -> None:
        """Answer what is no request, and close."""
        self._house.closed(why)
        if self._head is not None:
            self._head.keep_alive = False
        self._data.clear()
        self.reply(self._house.refused(why))

    def _close(self) -> None:
        """Say that nothing follows, and wait for the peer to close: bytes on their way must not become a reset."""
        self.state = State.CLOSING
        self.until = self._loop.time() + CLOSE_S
        self._data.clear()
        self._resume()
        transport = self._transport
        if transport is not None and transport.can_write_eof():
            transport.write_eof()

    def _has_reached(self) -> None:
        reached, self._on_reached = self._on_reached, None
        if reached is not None:
            reached()

    def _settle_reached(self) -> None:
        """Decide for good whether the last answer has reached its caller, before the connection is gone."""
        if self._on_reached is not None and self._is_taken():
            self._has_reached()
        self._on_reached = None

    def _is_taken(self) -> bool:
        """Whether the peer's system has acknowledged every byte; if that cannot be asked, whether ours has it all.

        The end that we said behind the last answer counts as one byte, and need not be acknowledged.
        """
        transport = self._transport
        if transport is None or transport.get_write_buffer_size():
            return False
        sock = transport.get_extra_info("socket")
        try:
            (left,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
        except (OSError, AttributeError, ValueError):
            return True
        return bool(left <= (self.state is State.CLOSING))

    # --- small things ------------------------------------------------------------------------------------------

    def _give_room_back(self) -> None:
        if self.state is State.ROOM:
            self._house.room.leave(self)
        size, self._room = self._room, 0
        if size:
            self._body.drop()
            self._house.room.give_back(size)

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


def _length_of(head: heads.Head) -> int | None:
    if head.length is not None:
        return head.length
    return None if head.ends_by_closing else 0
