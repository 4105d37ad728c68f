"""The boundary to Redis: a connection that asks the world before each request and after each reply."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
from redis.connection import UnixDomainSocketConnection

from smsq.worker import ledger
from smsq.worker.ledger.scripts import script
from smsq.worker.redis_client import connect
from tests.promises.crashes.faults import AFTER, Fault, Killed

if TYPE_CHECKING:
    from tests.promises.crashes.process import Process

VERBS = sorted(file.stem for file in Path(ledger.__file__).parent.glob("lua/[!i]*/*.lua"))


def load_scripts(client: redis.Redis) -> None:
    """Teach the server every script, so that a verb is one boundary."""
    for verb in VERBS:
        client.function_load(script(verb).library, replace=True)
        client.script_load(script(verb).text)


def client_of(process: Process, url: str) -> redis.Redis:
    """The client of one process."""
    client = connect(url)
    client.connection_pool.connection_class = CrashConnection
    client.connection_pool.connection_kwargs["process"] = process
    return client


class CrashConnection(UnixDomainSocketConnection):
    """Production's connection, where a request or its reply may get lost, or its process end.

    Requests that production gives in one write go one by one, so that everything can happen between them.
    """

    def __init__(self, *args: Any, process: Process, **kwargs: Any) -> None:
        self._process = process
        self._after: Fault | None = None
        self._verb, self._ref = "", ""
        self._waiting: list[bytes] = []
        self._is_owed = False
        super().__init__(*args, **kwargs)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        self._waiting = commands_in(command if isinstance(command, bytes) else b"".join(command))
        self._send_next(check_health)

    def _send_next(self, check_health: bool = True) -> None:
        data = self._waiting.pop(0)
        self._is_owed = True
        self._verb, self._ref, name = _named(data)
        fault = self._process.reach(name)
        if fault is Fault.KILLED_BEFORE:
            self.disconnect()
            self._process.die()
        if fault is Fault.REQUEST_LOST:
            self.disconnect()
            raise redis.ConnectionError("the request was lost on purpose")
        if fault is not None and fault not in AFTER:
            self._process.pause(fault)
        self._after = fault if fault in AFTER else None
        super().send_packed_command([data], check_health)

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        if self._process.is_dead:
            raise Killed
        if self._waiting and not self._is_owed:
            self._send_next()
        reply = super().read_response(*args, **kwargs)
        self._is_owed = False
        if isinstance(reply, list) and reply:
            self._process.world.turns.replied(self._verb, self._ref, reply[0])
        fault, self._after = self._after, None
        if fault is Fault.KILLED_AFTER:
            self.disconnect()
            self._process.die()
        if fault is Fault.REPLY_LOST:
            self.disconnect()
            raise redis.ConnectionError("the reply was lost on purpose")
        if fault is not None:
            self._process.pause(fault)
        return reply


def commands_in(data: bytes) -> list[bytes]:
    """The packed requests in one write."""
    found, at = [], 0
    while at < len(data):
        begin = at
        head = data.index(b"\r\n", at)
        words, at = int(data[at + 1 : head]), head + 2
        for _ in range(words):
            head = data.index(b"\r\n", at)
            at = head + 2 + int(data[at + 1 : head]) + 2
        found.append(data[begin:at])
    return found


_BY_NAME: dict[bytes, str] = {}


def _named(data: bytes) -> tuple[str, str, str]:
    """The verb and the batch of a packed request, and what its boundary is called."""
    if not _BY_NAME:
        _BY_NAME.update({name.encode(): verb for verb in VERBS for name in (script(verb).sha, script(verb).function)})
    words = data.split(b"\r\n")
    if words[2] not in (b"EVALSHA", b"FCALL"):
        key = words[4].decode().removeprefix("{smsq}:").split(":")[0] if len(words) > 4 else ""
        return "", "", f"{words[2].decode().lower()} {key}"
    verb = _BY_NAME[words[4]]
    if verb == "due":
        return verb, "", f"due {words[8].decode().removeprefix('{smsq}:')}"
    at = 2 * (3 + int(words[6]) + 2) + 2  # behind its keys
    return verb, words[at].decode("ascii", "replace") if len(words) > at else "", verb
