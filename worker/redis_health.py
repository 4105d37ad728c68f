"""Whether a Redis answers, and its own facts: for code that starts servers or checks them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import redis

from smsq.worker.redis_client import TIMEOUT_S, connect, no_right

T = TypeVar("T")


class NoAnswer(Exception):
    """A Redis that could not be asked."""

    def __init__(self, error: redis.RedisError) -> None:
        self.why = type(error).__name__
        self.is_silent = isinstance(error, redis.TimeoutError)  # it is up and does not answer in time
        self._error = error
        super().__init__(self.why)

    def refused(self, variable: str, file: str) -> str:
        """What to do if Redis does not know the user in `variable`, or forbids it something; '' for other errors."""
        return no_right(self._error, variable, file)


@dataclass(frozen=True, slots=True)
class Told:
    """Facts that a server reports about itself."""

    version: str
    run_id: str  # of this life of the server
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How full a server is, and whether it keeps what it was told; sizes in bytes."""

    memory: int
    memory_limit: int  # 0 for none
    aof: int | None  # the append-only file's size; None without one
    is_kept: bool  # the last write and rewrite of that file, and the last snapshot, went well
    evicted: int  # keys that were thrown away because the memory was full, since the server started
    clients: int


def load(url: str, *, timeout_s: float = TIMEOUT_S) -> Load | None:
    """The load of the server at `url`; None if it forbids the question. Raises NoAnswer."""
    info = _ask(url, _info, timeout_s)
    if info is None:
        return None
    writes = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    return Load(
        memory=int(info.get("used_memory", 0)),
        memory_limit=int(info.get("maxmemory", 0)),
        aof=int(info["aof_current_size"]) if "aof_current_size" in info else None,
        is_kept=all(info.get(name, "ok") == "ok" for name in writes),
        evicted=int(info.get("evicted_keys", 0)),
        clients=int(info.get("connected_clients", 0)),
    )


def ping(url: str, *, timeout_s: float = TIMEOUT_S) -> None:
    """Return if the server at `url` answers; raises NoAnswer."""
    _ask(url, lambda client: client.ping(), timeout_s)


def told(url: str) -> Told:
    """The facts that the server at `url` reports about itself; raises NoAnswer."""
    info = _ask(url, lambda client: client.info("server"))
    version = info.get("valkey_version") or info.get("redis_version") or ""
    return Told(version, info["run_id"], int(info["process_id"]))


def waiting(url: str) -> int:
    """How many clients block at the server at `url`; raises NoAnswer."""
    return int(_ask(url, lambda client: client.info("clients"))["blocked_clients"])


def _info(client: Any) -> Any:
    try:
        return client.info()
    except redis.ResponseError:  # the user may not
        return None


def _ask(url: str, question: Callable[[Any], T], timeout_s: float = TIMEOUT_S) -> T:
    try:
        with contextlib.closing(connect(url, timeout_s=timeout_s)) as client:
            return question(client)
    except redis.RedisError as error:
        raise NoAnswer(error) from None
