"""A front door that is open, in a thread, and those who speak to it as the libraries do: by bytes on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote_from_bytes

from smsq.producers.api import Smsq
from smsq.producers.web.front_door.server import Door, Server
from smsq.worker.runtime import Runtime

KEY = "0123456789abcdef-shop"
KEYS = f"shop:{KEY}"
PHONE = "79991234567"


class Opened:
    """An open front door."""

    def __init__(self, runtime: Runtime) -> None:
        self.smsq = Smsq(runtime.settings)
        self.port = 0
        self.server: Server | None = None
        self._loop = asyncio.new_event_loop()
        self._is_open, self._ends = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._is_open.wait(10)

    def close(self) -> None:
        """Stop it in order."""
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join(15)
        assert not self._thread.is_alive()
        self._loop.close()
        self.smsq.close()

    def wait_until(self, is_so: Callable[[int], bool]) -> None:
        """Wait until this is so of the number of connections."""
        server, until = self.server, time.monotonic() + 20
        assert server is not None
        while not is_so(len(server.connections)):
            assert time.monotonic() < until
            time.sleep(0.01)

    def line(self) -> Line:
        """A new connection."""
        return Line(self.port)

    def get(self, path: str, query: bytes | str = b"", *, host: str = "smsc.example", key: str = KEY) -> Reply:
        """A GET over a connection of its own, as this caller."""
        with self.line() as line:
            return line.get(path, query, host=host, key=key)

    def post(self, path: str, body: bytes, *, host: str = "smsc.example", more: str = "") -> Reply:
        """A POST of a form over a connection of its own; the log-in is up to the body."""
        with self.line() as line:
            line.write(
                f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body
            )
            return line.read()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self.server = server = Door(self.smsq).server
        self.port = await server.listen("127.0.0.1", 0)
        self._is_open.set()
        while not self._ends.is_set():
            server.look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ends.wait(), 0.01)
        await server.stop()


class Reply:
    """One answer: its head's first line, its headers, its body."""

    def __init__(self, status: str, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        """The body in the charset that the header names."""
        return self.body.decode(self.headers["content-type"].rpartition("charset=")[2])

    @property
    def told(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


class Line:
    """One connection to a server; a context manager."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self._data = b""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def get(self, path: str, query: bytes | str = b"", *, host: str = "smsc.example", key: str = KEY) -> Reply:
        """Ask and read."""
        self.ask(path, query, host=host, key=key)
        return self.read()

    def ask(self, path: str, query: bytes | str = b"", *, host: str = "smsc.example", key: str = KEY) -> None:
        """Ask; `query` stands behind the log-in as it is."""
        written = query.encode() if isinstance(query, str) else query
        who = f"login=shop&psw={key}&charset=utf-8&".encode()
        self.write(b"GET %b?%b%b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path.encode(), who, written, host.encode()))

    def write(self, data: bytes) -> None:
        """Send these bytes."""
        self.socket.sendall(data)

    def read(self) -> Reply:
        """The next whole answer; raises ConnectionError if there is none."""
        while b"\r\n\r\n" not in self._data:
            self._more()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
        length = int(headers["content-length"])
        while len(self._data) < length:
            self._more()
        body, self._data = self._data[:length], self._data[length:]
        return Reply(first, headers, body)

    def is_over(self) -> bool:
        """Whether the other side closes without another byte."""
        return not self._data and self.socket.recv(1) == b""

    def _more(self) -> None:
        if not (data := self.socket.recv(65536)):
            raise ConnectionError("closed")
        self._data += data


@contextlib.contextmanager
def opened(runtime: Runtime) -> Iterator[Opened]:
    """A front door on this runtime's ledger."""
    door = Opened(runtime)
    try:
        yield door
    finally:
        door.close()


def encoded(word: str, charset: str = "utf-8") -> str:
    """A form's value."""
    return quote_from_bytes(word.encode(charset))
