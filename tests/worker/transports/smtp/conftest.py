"""Mail servers: one that plays what the test wrote down, and a real one that keeps what it takes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smsq.worker.gateway.login import Login
from smsq.worker.letterbox import Letterbox, Mail
from smsq.worker.transports.smtp import MailServer, SmtpTransport

LOGIN = Login("me", "secret")


class Told:
    """A scripted mail server: for each connection a list of (what must come, what is answered).

    What must come is the beginning of a line; `.` stands for a whole letter. An answer of None closes the connection,
    one of Ellipsis leaves it silent.
    """

    def __init__(self, *scripts: list[tuple[str, Any]]) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.letters: list[bytes] = []
        self.heard: list[str] = []
        self.accepted = 0
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.accepted, len(self._scripts) - 1)]
            self.accepted += 1
            thread = threading.Thread(target=self._play, args=(line, script), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _play(self, line: socket.socket, script: list[tuple[str, Any]]) -> None:
        with line, contextlib.suppress(OSError), line.makefile("rb") as reader:
            for wanted, answer in script:
                if wanted == ".":
                    letter = b""
                    while not letter.endswith(b"\r\n.\r\n"):
                        piece = reader.readline()
                        if not piece:
                            return
                        letter += piece
                    self.letters.append(letter[:-3])
                elif wanted:
                    heard = reader.readline().decode().strip()
                    self.heard.append(heard)
                    assert heard.upper().startswith(wanted), (heard, wanted)
                if answer is None:
                    return
                if answer is ...:
                    self.over.wait(10)
                    return
                line.sendall(answer.encode() + b"\r\n")
            if script[-1][1] is not ...:
                self.over.wait(10)


GREETED = [("", "220 hello"), ("EHLO", "250 hello")]
OFFERED = [("MAIL", "250 ok"), ("RCPT", "250 ok"), ("DATA", "354 go on")]


@pytest.fixture
def told() -> Iterator[Callable[..., Told]]:
    """Start scripted mail servers; all are closed after the test."""
    servers: list[Told] = []

    def start(*scripts: list[tuple[str, Any]]) -> Told:
        servers.append(Told(*scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


class Kept:
    """A real mail server in a thread, which keeps what it takes; `people` may log in."""

    def __init__(self, people: dict[str, str] | None = None) -> None:
        self.mails: list[Mail] = []
        self.people = people or {}
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._box = Letterbox(self, hostname="kept", most=200_000)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(5)
        self.url = f"smtp://127.0.0.1:{self._box.port}"

    async def recipient(self, address: str, context: dict[str, Any]) -> str:
        return "250 ok"

    async def take(self, mail: Mail, context: dict[str, Any]) -> str:
        self.mails.append(mail)
        return "250 kept"

    def lets_in(self, login: str, password: str) -> bool:
        return self.people.get(login) == password

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._box.start("127.0.0.1", 0))
        self._ready.set()
        self._loop.run_forever()
        self._box.stop()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()


@pytest.fixture
def kept() -> Iterator[Kept]:
    """A real mail server."""
    server = Kept({"postman": "knock"})
    yield server
    server.close()


@pytest.fixture
def make_transport() -> Iterator[Callable[..., SmtpTransport]]:
    """A transport to a mail server by its address; closed after the test."""
    made: list[SmtpTransport] = []

    def make(url: str, *, password: str = "", login: Login = LOGIN, **options: Any) -> SmtpTransport:
        given = {"sender": "api@smsc.ru", "recipient": "send@send.smsc.ru", "connect_timeout_s": 2.0, "silence_s": 2.0}
        made.append(SmtpTransport(MailServer.at(url, password), login=login, **{**given, **options}))
        return made[-1]

    yield make
    for each in made:
        each.close()
