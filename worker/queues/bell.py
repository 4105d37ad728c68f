"""The bell of a queue: an idle consumer waits for it, and does not poll.

A process that puts a hint into a queue pushes to `<namespace>:<queue>.bell` in the same script; an idle consumer blocks
there. A ring only means "look": a lost ring costs a slice of waiting, an extra one costs a look. If the bell cannot be
waited for (a right is missing, the key has another type, its connection dies), the consumer polls, says so, and tries
the bell again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import redis

from smsq.worker.redis_client import no_right

MOST_RINGS = 32  # kept in one bell; more idle consumers than that wait a slice
TRY_AGAIN_S = 1.0  # from a failure of the bell to the next try

# Wraps dramatiq's script. The bell has rings only while its queue has hints, so that a waiting consumer is not woken by
# old ones. An error of the bell must not lose the hint: it is returned, not raised.
BEFORE = b'redis.call("zrem", KEYS[1] .. ":__heartbeats__", "")\nlocal function stock()\n'
AFTER = b"""
end
local reply = stock()
local queue = KEYS[1] .. ":" .. ARGV[3]
local rang
if ARGV[1] == "enqueue" or ARGV[1] == "requeue" then
    local rings = redis.pcall("llen", queue .. ".bell")
    rang = rings
    if type(rings) == "number" and rings < %d then
        rang = redis.pcall("rpush", queue .. ".bell", "")
    end
elseif ARGV[1] == "fetch" then
    local left, rings = redis.pcall("llen", queue), redis.pcall("llen", queue .. ".bell")
    if left == 0 and rings ~= 0 then
        redis.pcall("ltrim", queue .. ".bell", 1, 0)
    elseif left ~= 0 and rings == 0 then
        redis.pcall("rpush", queue .. ".bell", "")
    end
end
if type(rang) == "table" and rang.err then return rang.err end
return reply
"""


def with_bell(stock: bytes) -> bytes:
    """The broker's stock script with a bell around it; its first write is one that a full Redis allows."""
    return BEFORE + stock + AFTER % MOST_RINGS


def bell_key(namespace: str, queue: str) -> str:
    """The key of a queue's bell: a list of empty strings."""
    return f"{namespace}:{queue}.bell"


class Bell:
    """The bell for one consumer, on a connection of its own; not thread-safe.

    `on_change(is_up)` is called at the first wait, and each time the bell fails or works again.
    """

    def __init__(
        self,
        client: Any,
        key: str,
        slice_s: float,
        *,
        on_change: Callable[[bool], None] = lambda is_up: None,
        log: logging.Logger,
    ) -> None:
        self._pool = client
        self._key = key
        self._slice_s = slice_s
        self._on_change = on_change
        self._log = log
        self._client: Any = None
        self._pid = 0
        self._is_up: bool | None = None
        self._again_at = 0.0

    def wait(self) -> bool:
        """Block until it rings, at most a slice; False at once if it cannot be waited for now."""
        if time.monotonic() < self._again_at:
            return False
        try:
            self._connection().blpop([self._key], timeout=self._slice_s)
        except redis.RedisError as error:
            self._failed(error)
            return False
        if not self._is_up:
            if self._is_up is not None:
                self._log.info("bell heard again key=%s", self._key)
            self._is_up = True
            self._on_change(True)
        return True

    def close(self) -> None:
        """Close the connection; the next wait makes another."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(redis.RedisError, OSError):
                client.connection.disconnect()  # a reply may still come
                client.close()

    def _connection(self) -> Any:
        if self._client is None or self._pid != os.getpid():  # a forked child must not use its parent's connection
            self._client = self._pool.client()
            self._pid = os.getpid()
        return self._client

    def _failed(self, error: redis.RedisError) -> None:
        self.close()
        self._again_at = time.monotonic() + TRY_AGAIN_S
        if self._is_up is not False:
            why = no_right(error, "SMSQ_BROKER_URL", "broker.acl") or str(error)[:80] or type(error).__name__
            self._log.warning("bell not heard, so the queue is polled key=%s why=%s", self._key, why)
            self._is_up = False
            self._on_change(False)
