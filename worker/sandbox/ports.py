"""A listening port of the sandbox that can be taken down and up again, and the connections on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection
from typing import Protocol

from smsq.worker.sandbox.gateway import Gateway

BACKLOG = 1024


class Droppable(Protocol):
    """A connection that a port can end."""

    def reset(self) -> None:
        """Close so that the client is told of a reset."""


class Port:
    """One port onto the shared gateway; `number` counts from 1. A subclass makes its connections.

    One that is down keeps its port but does not listen, so a connection to it is refused by the machine itself.
    """

    def __init__(self, number: int, gateway: Gateway, host: str, port: int, now: Callable[[], float]) -> None:
        self.number = number
        self.gateway = gateway
        self.now = now
        self.loop = asyncio.get_running_loop()
        self.requests = 0
        self._host = host
        self._socket = self._bind(port)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.AbstractServer | None = None

    def connection(self) -> asyncio.Protocol:
        """A new connection of a client."""
        raise NotImplementedError

    def open_connections(self) -> Collection[Droppable]:
        """Those there are."""
        raise NotImplementedError

    @property
    def is_down(self) -> bool:
        """Whether it refuses connections."""
        return self._server is None

    async def up(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = await self.loop.create_server(self.connection, sock=self._socket, backlog=BACKLOG)

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
        for connection in list(self.open_connections()):
            connection.reset()

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
