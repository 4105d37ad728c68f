"""The sandbox's SMPP hosts: one port each, the main one and its backups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smsq.worker.sandbox.gateway import Gateway
from smsq.worker.sandbox.ports import Port
from smsq.worker.sandbox.smpp import SmppInterface
from smsq.worker.sandbox.smpp_session import SmppSession


class SmppHost(Port):
    """A port that speaks SMPP."""

    def __init__(self, number: int, interface: SmppInterface, host: str, port: int) -> None:
        self.sessions: set[SmppSession] = set()
        self._interface = interface
        super().__init__(number, interface.gateway, host, port, interface.now)

    @property
    def url(self) -> str:
        """Its address."""
        return f"smpp://{self._host}:{self.port}"

    def connection(self) -> SmppSession:
        """A new connection of a client."""
        return SmppSession(self._interface, self.number, self.sessions)

    def open_connections(self) -> set[SmppSession]:
        """Those there are."""
        return self.sessions


class SmppHosts:
    """All hosts of a sandbox, and the interface that they share; lives on the server's loop."""

    def __init__(self, gateway: Gateway, now: Callable[[], float]) -> None:
        self.interface = SmppInterface(gateway, now)
        self.all: list[SmppHost] = []

    async def start(self, ports: Sequence[int], host: str) -> None:
        """Listen; port 0 is any free one. Raises OSError if a port is taken."""
        self.all = [SmppHost(number, self.interface, host, port) for number, port in enumerate(ports, 1)]
        for each in self.all:
            await each.up()

    def stop(self) -> None:
        """Give ports and connections back."""
        for host in self.all:
            host.stop()
        self.interface.stop()

    def drop_silent(self, now: float) -> None:
        """Close sessions that said nothing for too long; `now` is the loop's time."""
        silent_s = self.interface.profile.smpp_silent_s
        for host in self.all:
            for session in list(host.sessions):
                if now - session.last_at >= silent_s:
                    session.close()

    def report(self) -> dict[str, Any]:
        """What is worth knowing of it, as JSON will carry it."""
        hosts = [{"url": host.url, "down": host.is_down, "sessions": len(host.sessions)} for host in self.all]
        return {"hosts": hosts, **self.interface.report()}
