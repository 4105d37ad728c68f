"""A mirror: one listening port onto the shared gateway, and the connections that misfortunes befall.

A mirror that is down keeps its port but does not listen, so a connection to it is refused by the machine
itself. Whatever goes wrong here happens on the wire; what the gateway knows is in `state.py`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from smsq.worker.sandbox.gateway import Answer, Gateway, Ticket
from smsq.worker.sandbox.http import Connection, Request
from smsq.worker.sandbox.misfortunes import Stage, Stroke

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
NOT_FOUND_PAGE = b"<html><body><h1>404 Not Found</h1></body></html>"
JSON = "application/json; charset=windows-1251"  # whatever charset was asked for (gateway manual, character set)
TEXT = "text/html; charset=windows-1251"
BACKLOG = 1024


class MirrorConnection(Connection):
    """A client's connection to one mirror."""

    def __init__(self, mirror: Mirror) -> None:
        super().__init__(mirror.loop, mirror.connections)
        self._mirror = mirror
        self._gateway = mirror.gateway
        self._hung: Ticket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there; it may be turned away at once."""
        super().connection_made(transport)
        if self._gateway.misfortunes.on_connect(self._mirror.number):
            self.reset()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over, and with it an answer that never came."""
        super().connection_lost(exc)
        if self._hung is not None:
            self._gateway.leave(self._hung)
            self._hung = None

    def data_received(self, data: bytes) -> None:
        """Bytes, unless this connection is to be closed before a request is looked at."""
        if self.is_between_requests and self._gateway.misfortunes.on_data(self._mirror.number):
            self.hang_up()
            return
        super().data_received(data)

    def handle(self, request: Request) -> None:
        """Let the request in, think, do it, answer."""
        gateway, mirror = self._gateway, self._mirror
        ticket = gateway.begin(
            mirror.number,
            self.peer,
            request.path,
            request.query,
            request.body,
            mirror.now(),
            request.content_type,
        )
        if ticket is None:
            self.reply(404, NOT_FOUND_PAGE)
            return
        mirror.requests += 1
        if ticket.answer is not None:
            gateway.leave(ticket)
            self._answer(ticket.answer)
            return
        ticket.stroke = stroke = gateway.misfortunes.on_request(mirror.number, ticket.command)
        think_s = gateway.profile.think_s
        if stroke is not None and stroke.name in ("slow", "late"):
            think_s += stroke.seconds
        if think_s:
            self.loop.call_later(think_s, self._finish, ticket)
        else:
            self._finish(ticket)

    def _finish(self, ticket: Ticket) -> None:
        """The time to think is over; the client may have left, which changes nothing."""
        gateway, stroke = self._gateway, ticket.stroke
        if stroke is not None and stroke.name in ("error_500", "error_502"):
            gateway.leave(ticket)
            self.reply(500 if stroke.name == "error_500" else 502, HTML)
            return
        answer = gateway.finish(ticket, self._mirror.now())
        if stroke is not None and stroke.name == "hang" and self._transport is not None:
            self._hung = ticket
            self.loop.call_later(gateway.profile.hang_s, self.hang_up)
            return
        gateway.leave(ticket)
        if stroke is None or stroke.kind.stage is Stage.REFUSE:
            self._answer(answer)
        elif stroke.name == "early_callback":
            self.loop.call_later(stroke.seconds, self._answer, answer)
        else:
            self._spoil(stroke, answer)

    def _answer(self, answer: Answer) -> None:
        self.reply(answer.http_status, answer.body, JSON if answer.body[:1] in (b"{", b"[") else TEXT)

    def _spoil(self, stroke: Stroke, answer: Answer) -> None:
        """Damage the answer to a request that was done."""
        name, body = stroke.name, answer.body
        if name == "lose_answer":
            self.hang_up()
        elif name == "reset":
            self.reset()
        elif name == "truncated":
            self.reply_half(body)
        elif name == "accepted_502":
            self.reply(502, HTML)
        elif name == "html":
            self.reply(200, HTML)
        elif name == "empty":
            self.reply(200, b"")
        elif name == "cut_json":
            self.reply(200, body[: len(body) // 2], JSON)
        elif name in _FORGED:
            self.reply(200, _FORGED[name](body), JSON)
        else:
            self._answer(answer)

    def is_stale(self, now: float, silent_s: float) -> bool:
        """Whether nothing came for so long that the gateway gives this connection up."""
        return now - self.last_at >= silent_s and (not self.is_busy or self._hung is not None)


def _other_id(body: bytes) -> bytes:
    """The same answer with an id that is one more than it was."""
    head, mark, tail = body.partition(b'"id": ')
    digits = tail[: len(tail) - len(tail.lstrip(b"0123456789"))]
    return head + mark + str(int(digits) + 1).encode() + tail[len(digits) :] if digits else body


def _fewer_parts(body: bytes) -> bytes:
    """The same answer with one part less."""
    head, mark, tail = body.partition(b'"cnt": ')
    digits = tail[: len(tail) - len(tail.lstrip(b"0123456789"))]
    return head + mark + str(int(digits) - 1).encode() + tail[len(digits) :] if digits else body


# Answers that replace the right one, by misfortune.
_FORGED: dict[str, Callable[[bytes], bytes]] = {
    "wrong_id": _other_id,
    "short_count": _fewer_parts,
    "accepted_duplicate": lambda body: b'{"error": "duplicate request, wait a minute", "error_code": 9}',
    "accepted_unknown_code": lambda body: b'{"error": "unknown error", "error_code": 15}',
}


class Mirror:
    """One port; `number` counts from 1."""

    def __init__(self, number: int, gateway: Gateway, host: str, port: int, now: Callable[[], float]) -> None:
        self.number = number
        self.gateway = gateway
        self.now = now
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.requests = 0
        self._host = host
        self._socket = self._bind(port)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.AbstractServer | None = None

    @property
    def base(self) -> str:
        """Its base URL."""
        return f"http://{self._host}:{self.port}"

    @property
    def is_down(self) -> bool:
        """Whether it refuses connections."""
        return self._server is None

    async def up(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = await self.loop.create_server(
                lambda: MirrorConnection(self), sock=self._socket, backlog=BACKLOG
            )

    async def down(self) -> None:
        """Refuse connections and end those there are; the port stays ours."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self.drop_connections()
        for _ in range(100):
            await asyncio.sleep(0.005)
            try:
                self._socket = self._bind(self.port)
                return
            except OSError:
                continue

    def stop(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.close()
            self._server = None
        else:
            self._socket.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        """Reset every connection."""
        for connection in list(self.connections):
            connection.reset()

    def drop_silent(self, now: float, silent_s: float) -> None:
        """Close connections that were silent for too long."""
        for connection in list(self.connections):
            if isinstance(connection, MirrorConnection) and connection.is_stale(now, silent_s):
                connection.hang_up()

    def _bind(self, port: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self._host, port))
        except OSError:
            bound.close()
            raise
        bound.setblocking(False)
        return bound
