"""A peer that a test scripts: a server on a free port, whose PDUs are read and written by the other half."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smsq.worker.gateway.smpp import server_pdus as pdus
from smsq.worker.gateway.smpp.pdus import Bind
from smsq.worker.gateway.smpp.server_pdus import Command, Pdu
from smsq.worker.transports.smpp import SmppTransport
from smsq.worker.transports.smpp.transport import Terms

Answer = Callable[["Peer", Pdu], bytes]


def accepted(peer: Peer, pdu: Pdu) -> bytes:
    """Every submit is accepted, under its number."""
    return pdus.write_submitted(pdu, f"id{len(peer.submits)}")


class Peer:
    """The server; `submits`, `binds` and `others` are what came, `on_submit` answers a submit (b'' for no answer)."""

    def __init__(self, on_submit: Answer = accepted, context: ssl.SSLContext | None = None) -> None:
        self.on_submit = on_submit
        self.bind_status = 0
        self.submits: list[Pdu] = []
        self.binds: list[pdus.Bind] = []
        self.others: queue.Queue[Pdu] = queue.Queue()
        self.most_at_once = 0
        self.bound = threading.Semaphore(0)
        self._context = context
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.url = f"{'smpps' if context else 'smpp'}://localhost:{self.port}"
        self.lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def send(self, octets: bytes, session: int = -1) -> None:
        """Say something unasked."""
        self.lines[session].sendall(octets)

    def cut(self, session: int = -1) -> None:
        """Close a session without a word."""
        with contextlib.suppress(OSError):
            self.lines[session].shutdown(socket.SHUT_RDWR)
        self.lines[session].close()

    def stop(self) -> None:
        """Close everything."""
        self._server.close()
        for number in range(len(self.lines)):
            self.cut(number)

    def next(self, command: int | None = None) -> Pdu:
        """The next PDU that is no submit and no bind, of this kind."""
        while True:
            pdu = self.others.get(timeout=5)
            if command is None or pdu.command == command:
                return pdu

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                line = self._context.wrap_socket(line, server_side=True)
            self.lines.append(line)
            stream = pdus.PduStream()
            while octets := line.recv(65536):
                together = list(stream.feed(octets))
                self.most_at_once = max(self.most_at_once, sum(pdu.command == Command.SUBMIT for pdu in together))
                for pdu in together:
                    if answer := self._answer(pdu):
                        line.sendall(answer)

    def _answer(self, pdu: Pdu) -> bytes:
        if pdu.command in (Command.BIND_TRANSCEIVER, Command.BIND_TRANSMITTER):
            self.binds.append(pdus.read_bind(pdu))
            self.bound.release()
            return pdus.write_response(pdu, self.bind_status) if self.bind_status else pdus.write_bound(pdu, "peer")
        if pdu.command == Command.SUBMIT:
            self.submits.append(pdu)
            return self.on_submit(self, pdu)
        self.others.put(pdu)
        return pdus.write_response(pdu) if pdu.command in (Command.UNBIND, Command.ENQUIRE_LINK) else b""


@pytest.fixture
def make_peer() -> Iterator[Callable[..., Peer]]:
    """Makes peers; all of them stop afterwards."""
    made: list[Peer] = []

    def make(*args: Any, **how: Any) -> Peer:
        made.append(Peer(*args, **how))
        return made[-1]

    yield make
    for peer in made:
        peer.stop()


@pytest.fixture
def make_transport() -> Iterator[Callable[..., SmppTransport]]:
    """Makes transports with a window; all of them close afterwards."""
    made: list[SmppTransport] = []

    def make(window: int = 10, clock: Any = None, connect_timeout_s: float = 4.0, **terms: Any) -> SmppTransport:
        bind = Bind(system_id="demo", password="secret", system_type=terms.pop("system_type", ""))
        told = Terms(bind=bind, window=window, **terms)
        made.append(SmppTransport(told, connect_timeout_s=connect_timeout_s, silence_s=5.0, clock=clock))
        return made[-1]

    yield make
    for transport in made:
        transport.close()
