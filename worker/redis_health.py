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


def _ask(url: str, question: Callable[[Any], T], timeout_s: float = TIMEOUT_S) -> T:
    try:
        with contextlib.closing(connect(url, timeout_s=timeout_s)) as client:
            return question(client)
    except redis.RedisError as error:
        raise NoAnswer(error) from None
