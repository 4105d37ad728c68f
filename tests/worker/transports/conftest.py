"""A scripted server on a real socket: it does to each connection exactly what the test wrote down."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smsq.worker.transports.http import HttpTransport

Script = Callable[[socket.socket], None]


class ScriptedServer:
    """Accepts connections and plays one script for each, the last one again for further ones.

    `requests` are the raw requests read by `request`; `accepted` counts connections.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.accepted = 0
        self.over = threading.Event()  # scripts that hang wait for this
        self._scripts = scripts
        self._tls = tls
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.mirror = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._start(self._accept)

    def request(self, line: socket.socket) -> bytes:
        """Read one whole request from a connection."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += line.recv(65536) or self._gone()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(next(x.split(b":")[1] for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")))
        while len(body) < length:
            body += line.recv(65536) or self._gone()
        self.requests.append(head + b"\r\n\r\n" + body)
        return body

    def close(self) -> None:
        """Stop listening and end every script."""
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._open:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _gone(self) -> bytes:
        raise ConnectionError

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.accepted, len(self._scripts) - 1)]
            self.accepted += 1
            self._open.append(line)
            self._start(self._play, script, line)

    def _play(self, script: Script, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            if self._tls is None:
                script(line)
                return
            with self._tls.wrap_socket(line, server_side=True, do_handshake_on_connect=False) as secured:
                secured.do_handshake()  # a failed one leaves a socket to close
                script(secured)


Serve = Callable[..., ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start scripted servers: `serve(script, …, tls=context)`; all are closed after the test."""
    servers: list[ScriptedServer] = []

    def start(*scripts: Script, tls: ssl.SSLContext | None = None) -> ScriptedServer:
        servers.append(ScriptedServer(*scripts, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """A transport whose lines are closed after the test."""
    made = HttpTransport(2.0)
    yield made
    made.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-made certificate for 127.0.0.1 and its key in one file."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    new = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*new.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """The server's side of that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
