"""A small TCP proxy that misbehaves on demand, between workers and the gateway or between everybody and Redis.

`Proxy` carries bytes and can hold them, hold replies only, or cut connections inside a reply. `GatewayProxy`
knows where a request ends, so that it can strike before it, in the middle of it, after it was accepted or
inside its answer. One thread per connection, loopback only.
"""

from __future__ import annotations

import contextlib
import random
import re
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

READ = 256 * 1024
LOOK_S = 0.05  # how soon a change of mind is noticed
OUR_ID = b"{OUR---ID}"  # ten characters, as our ids have: the length of an answer stays
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, drop what was not sent


class Proxy:
    """Carries bytes from a port of its own to `target`.

    `is_frozen` carries nothing either way. `holds_replies` carries requests only: what they did is done,
    nobody hears of it. `cuts` is the share of replies that are cut in the middle, both ends closed.
    `lag_s` is added to each reply. `struck` counts what was cut or otherwise struck since the last `clear`,
    `unreached` the connections that `target` did not take.
    """

    def __init__(self, target: tuple[str, int], seed: int = 1) -> None:
        self._target = target
        self._listener = _listen(0)
        self._is_deaf = False
        self._random = random.Random(seed)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_over = False
        self.port: int = self._listener.getsockname()[1]
        self.is_frozen = False
        self.holds_replies = False
        self.cuts = 0.0
        self.lag_s = 0.0
        self.struck = self.unreached = 0
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def clear(self) -> None:
        """Behave from now on, and forget what was struck."""
        self.is_frozen = self.holds_replies = False
        self.cuts = self.lag_s = 0.0
        self.struck = self.unreached = 0

    def lead_to(self, target: tuple[str, int]) -> None:
        """Carry to another server from now on; whoever was connected to the old one is cut off."""
        self._target = target
        self.cut_all()

    def refuse(self, is_refusing: bool = True) -> None:
        """Listen no more, so that connections are refused by the system, or listen again."""
        if is_refusing and not self._is_deaf:
            self._is_deaf = True
            self._listener.close()
        elif not is_refusing and self._is_deaf:
            self._listener = _listen(self.port)
            self._is_deaf = False

    def cut_all(self) -> None:
        """Reset every connection there is."""
        with self._lock:
            lines = list(self._open)
        for line in lines:
            _reset(line)

    def stop(self) -> None:
        """Close everything."""
        self._is_over = True
        self._thread.join()
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        while not self._is_over:
            if self._is_deaf:
                time.sleep(LOOK_S)
            with contextlib.suppress(OSError):
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), name="proxy line", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            self.unreached += 1
            _reset(client)
            return
        server.settimeout(None)
        for line in (client, server):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        try:
            with contextlib.suppress(OSError, ValueError):
                self._carry(client, server)
        finally:
            with self._lock:
                self._open -= {client, server}
            _close(client)
            _close(server)

    def _readable(self, *ends: socket.socket) -> Iterator[list[socket.socket]]:
        """Those with something to read, again and again; none while we carry nothing."""
        while not self._is_over:
            if self.is_frozen:
                time.sleep(LOOK_S)
                continue
            readable, _, _ = select.select(ends, [], [], LOOK_S)
            if not self.is_frozen:
                yield readable

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        for readable in self._readable(client, server):
            if client in readable:
                data = client.recv(READ)
                if not data:
                    return
                server.sendall(data)
            if server in readable:
                if self.holds_replies:
                    time.sleep(LOOK_S)
                    continue
                data = server.recv(READ)
                if not data:
                    return
                if self.lag_s:
                    time.sleep(self.lag_s)
                if self.holds_replies:  # it came while we waited: nobody hears of it any more
                    return
                if self.cuts and self._random.random() < self.cuts:
                    self.struck += 1
                    client.sendall(data[: len(data) // 2])
                    return
                client.sendall(data)


@dataclass(frozen=True)
class Heard:
    """A whole request as it went by."""

    at: float  # monotonic
    path: str
    body: bytes
    client: tuple[str, int]


@dataclass
class Stroke:
    """What befalls the next requests of one path: `kind` is a method of `GatewayProxy` without its underscore."""

    kind: str
    path: str
    left: int | None = None  # so many requests; None: the share below for ever
    share: float = 1.0
    reply: bytes = b""  # what `replace` answers; OUR_ID in it becomes the id of the request


@dataclass
class _Line:
    """One connection under way."""

    client: socket.socket
    server: socket.socket
    waiting: bytearray = field(default_factory=bytearray)


class GatewayProxy(Proxy):
    """A proxy in front of one mirror. Strokes are drawn for whole requests; `heard` keeps what went by.

    `on_request` is called with each request before anything of it is carried on.
    """

    def __init__(self, target: tuple[str, int], seed: int = 1) -> None:
        self.heard: list[Heard] = []
        self.strokes: list[Stroke] = []
        self.struck_on: Counter[str] = Counter()  # the same by the path that the stroke was in force for
        self.on_request: Callable[[Heard], None] = lambda heard: None
        super().__init__(target, seed)

    def clear(self) -> None:
        super().clear()
        self.strokes.clear()
        self.struck_on.clear()
        self.on_request = lambda heard: None

    def strike(self, kind: str, *, left: int | None = None, share: float = 1.0, path: str = "send", reply: bytes = b""
               ) -> None:  # fmt: skip
        """Put a stroke in force for requests whose path holds `path`."""
        assert hasattr(self, f"_{kind}"), kind
        self.strokes.append(Stroke(kind, path, left, share, reply))

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        line = _Line(client, server)
        for readable in self._readable(client, server):
            if client in readable:
                data = client.recv(READ)
                if not data:
                    return
                line.waiting += data
                while (request := self._next(line)) is not None:
                    self.on_request(request[0])
                    stroke = self._draw(request[0].path)
                    if stroke is None:
                        server.sendall(request[1])
                    else:
                        self.struck += 1
                        self.struck_on[stroke.path] += 1
                        getattr(self, f"_{stroke.kind}")(line, request[1], stroke)
            if server in readable:
                data = server.recv(READ)
                if not data:
                    return
                client.sendall(data)

    def _next(self, line: _Line) -> tuple[Heard, bytes] | None:
        head, mark, rest = bytes(line.waiting).partition(b"\r\n\r\n")
        if not mark:
            return None
        lengths = [row[15:] for row in head.lower().split(b"\r\n") if row.startswith(b"content-length:")]
        length = int(lengths[0]) if lengths else 0
        if len(rest) < length:
            return None
        whole = bytes(line.waiting[: len(head) + 4 + length])
        del line.waiting[: len(whole)]
        heard = Heard(time.monotonic(), head.split(b" ", 2)[1].decode("latin-1"), rest[:length],
                      line.client.getpeername())  # fmt: skip
        self.heard.append(heard)
        return heard, whole

    def _draw(self, path: str) -> Stroke | None:
        for stroke in list(self.strokes):
            if stroke.path not in path or self._random.random() >= stroke.share:
                continue
            if stroke.left is not None:
                stroke.left -= 1
                if stroke.left == 0:
                    self.strokes.remove(stroke)
            return stroke
        return None

    # Strokes: each ends the connection by an OSError, or leaves it to the caller.

    def _cut_before(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        _reset(line.client)
        raise OSError

    def _cut_half_request(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        line.server.sendall(request[: len(request) // 2])
        raise OSError

    def _cut_after(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        self._answer(line, request)
        _reset(line.client)
        raise OSError

    def _half_reply(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        reply = self._answer(line, request)
        line.client.sendall(reply[: len(reply) // 2])
        raise OSError

    def _swallow(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        """Nothing reaches the gateway, nobody answers."""
        self._wait_for_end(line)

    def _hang(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        """Accepted, and nobody answers."""
        self._answer(line, request)
        self._wait_for_end(line)

    def _delay(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        time.sleep(0.5)
        line.server.sendall(request)

    def _replace(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        """Accepted, but something else is answered."""
        self._answer(line, request)
        own = re.search(rb"(?:^|[&?\s])id=(\d+)", request)
        line.client.sendall(stroke.reply.replace(OUR_ID, own[1] if own else OUR_ID))
        raise OSError

    def _in_part(self, line: _Line, request: bytes, stroke: Stroke) -> None:
        """The gateway takes only the first half of the list, and says how many parts that was."""
        head, _, body = request.partition(b"\r\n\r\n")
        before, mark, listed = body.partition(b"&list=")
        records = listed.split(b"%0a")
        body = before + mark + b"%0a".join(records[: max(1, len(records) // 2)])
        rows = [row for row in head.split(b"\r\n") if not row.lower().startswith(b"content-length:")]
        rows.append(b"Content-Length: %d" % len(body))
        line.server.sendall(b"\r\n".join(rows) + b"\r\n\r\n" + body)

    def _answer(self, line: _Line, request: bytes) -> bytes:
        """The gateway's answer to a request; the sandbox writes it in one go."""
        line.server.sendall(request)
        line.server.settimeout(10)
        return line.server.recv(READ)

    def _wait_for_end(self, line: _Line) -> None:
        while not self._is_over:
            readable, _, _ = select.select([line.client], [], [], LOOK_S)
            if readable and not line.client.recv(READ):
                break
        raise OSError


def _listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    listener.settimeout(LOOK_S)
    return listener


def _reset(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        line.shutdown(socket.SHUT_RD)  # wakes a thread that waits in select
    _close(line)


def _close(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.close()
