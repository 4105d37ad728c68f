"""What the sandbox's tests share: a gateway without sockets and a client over a plain connection."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from smsq.worker.sandbox import Profile, Sandbox
from smsq.worker.sandbox.gateway import Gateway

NOW = 1_800_000_000.0


class Caller:
    """A client of one mirror, one request at a time, on one kept-alive connection."""

    def __init__(self, base: str) -> None:
        address = urlsplit(base)
        self.host, self.port = address.hostname or "", address.port or 0
        self.connection = http.client.HTTPConnection(self.host, self.port, timeout=5)

    def post(self, path: str, **fields: Any) -> tuple[int, bytes]:
        """Post a form with the usual fields; the answer's HTTP status and body."""
        try:
            self.connection.request("POST", path, urlencode(form(**fields)))
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise

    def send(self, phones: str = "+79991234567", mes: str = "Hi", **fields: Any) -> Any:
        """Send, and read the JSON that comes back."""
        return json.loads(self.post("/sys/send.php", phones=phones, mes=mes, **fields)[1])

    def ask(self, ids: object, phone: str = "+79991234567", **fields: Any) -> Any:
        """Ask for statuses, and read the JSON that comes back."""
        return json.loads(self.post("/sys/status.php", id=ids, phone=phone, **fields)[1])


class Desk:
    """The gateway without sockets, at a time that the test sets."""

    def __init__(self, profile: Profile) -> None:
        self.gateway = Gateway(profile)
        self.now = NOW

    def post(self, path: str, *, mirror: int = 1, **fields: Any) -> bytes:
        """One request from beginning to end."""
        return self.raw(path, urlencode(form(**fields)).encode(), mirror=mirror)

    def raw(self, path: str, body: bytes, content_type: bytes = b"", query: bytes = b"", *, mirror: int = 1) -> bytes:
        """The same with bytes as they come."""
        gateway = self.gateway
        ticket = gateway.begin(mirror, "10.0.0.1", path, query, body, self.now, content_type)
        assert ticket is not None
        answer = gateway.finish(ticket, self.now)
        gateway.leave(ticket)
        return answer.body

    def send(self, phones: str = "+79991234567", mes: str = "Hi", **fields: Any) -> Any:
        """Send, and read the JSON that comes back."""
        return json.loads(self.post("/sys/send.php", phones=phones, mes=mes, **fields))

    def ask(self, ids: object, phone: str = "+79991234567", **fields: Any) -> Any:
        """Ask for statuses, and read the JSON that comes back."""
        return json.loads(self.post("/sys/status.php", id=ids, phone=phone, **fields))


def form(**fields: Any) -> dict[str, Any]:
    """A request's fields with log-in, format and charset, each of which a test may change or (None) leave out."""
    usual = {"login": "demo", "psw": "demo", "fmt": 3, "charset": "utf-8", "cost": 3}
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


@pytest.fixture
def desk() -> Callable[..., Desk]:
    """Makes a gateway without sockets from a profile's fields."""
    return lambda **told: Desk(Profile(**told))


@pytest.fixture
def sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes of two mirrors from a profile's fields; stops them afterwards."""
    started: list[Sandbox] = []

    def start(ports: tuple[int, ...] = (0, 0), **told: Any) -> Sandbox:
        started.append(Sandbox(Profile(**told), ports=ports).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def caller() -> Iterator[Callable[[str], Caller]]:
    """Makes clients of mirrors; closes them afterwards."""
    made: list[Caller] = []

    def make(base: str) -> Caller:
        made.append(Caller(base))
        return made[-1]

    yield make
    for one in made:
        one.connection.close()
