"""The only place that makes Redis clients.

The client never repeats a command: a lost reply is an error for the caller, since only the caller knows whether its
command may run twice. Replies are bytes.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from smsq.worker.domain.errors import BadSettings
from smsq.worker.settings import watched

TIMEOUT_S = 5.0  # for one reply: an fsync on a slow disk takes tens of milliseconds, the fork of a rewrite hundreds
CONNECT_TIMEOUT_S = 3.0
ASK_SENTINEL_S = 1.0  # to connect to one, and for its answer; then the next is asked
MANY = 2**31  # connections of one client: as many as it has threads; redis-py would stop at a hundred

# The errors of servers for missing rights: of a command, inside a script, and the two of Redis before 7.2.
#   NOPERM User worker has no permissions to run the 'flushall' command
#   NOPERM No permissions to access a key
#   ERR ACL failure in script: User web has no permissions to run the 'del' command script: 3f1c…, on @user_script:12.
#   NOPERM this user has no permissions to run the 'flushall' command or its subcommand
#   ERR The user executing the script can't run this command or subcommand script: 3f1c…, on @user_script:12.
_NO_RIGHT = ("ACL failure in script", "The user executing the script can't")
_COMMAND = re.compile(r"to run the '([^']+)' command")


def connect(
    url: str,
    *,
    timeout_s: float = TIMEOUT_S,
    blocking_s: float = 0.0,
    max_connections: int | None = None,
) -> redis.Redis:
    """A client for `url`; nothing is sent before its first command.

    `blocking_s` is its longest blocking pop: the wait for a reply is that much longer than `timeout_s`. With RESP 2 and
    no library name a new connection costs no round trip of its own. Raises BadSettings for options in `url` that no
    connection takes.
    """
    try:
        make = _watched if watched.is_watched(url) else redis.Redis.from_url
        client: redis.Redis = make(
            url,
            socket_timeout=timeout_s + blocking_s,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
            protocol=2,
            driver_info=None,
            decode_responses=False,
            max_connections=max_connections or MANY,
        )
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)  # so that it fails now
    except (ValueError, TypeError, redis.RedisError):  # their messages may have a part of the password
        raise BadSettings(
            f"the address of Redis at {where(url)} has options that are not valid: see SMSQ_REDIS_URL and "
            "SMSQ_BROKER_URL, and the options after their question mark"
        ) from None
    return client


def _watched(url: str, **how: Any) -> redis.Redis:
    """A client of the master that the sentinels of `url` name, asked at each new connection; raises ValueError."""
    told = watched.read(url)
    tls: dict[str, Any] = {name: told.options[name] for name in watched.OF_TLS if name in told.options}
    if url.startswith("rediss"):
        tls["ssl"] = True
    to_sentinels: dict[str, Any] = {
        **tls,
        "username": told.options.get("sentinel_username"),
        "password": told.options.get("sentinel_password"),
        "socket_timeout": ASK_SENTINEL_S,
        "socket_connect_timeout": ASK_SENTINEL_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }
    login = {"username": told.username, "password": told.password, "db": told.database}
    sentinel: Any = Sentinel(told.sentinels, sentinel_kwargs=to_sentinels)  # type: ignore[no-untyped-call]
    client: redis.Redis = sentinel.master_for(told.name, **tls, **login, **how)
    return client


def at_each_exchange(client: redis.Redis, what: Callable[[], None]) -> None:
    """Call `what` each time `client`, unused so far, sends commands or is about to wait for a reply."""
    pool = client.connection_pool
    kind: Any = pool.connection_class

    class Noted(kind):  # type: ignore[misc]
        def send_packed_command(self, *args: Any, **options: Any) -> Any:
            what()
            return super().send_packed_command(*args, **options)

        def read_response(self, *args: Any, **options: Any) -> Any:
            what()
            return super().read_response(*args, **options)

    pool.connection_class = Noted


class Clients:
    """A client with one connection for each thread: the pool of redis-py costs 20-35 µs of CPU a command.

    `make` makes such a client.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._local = threading.local()

    @contextmanager
    def of_this_thread(self) -> Iterator[Any]:
        """The client of the calling thread.

        If a command ends early (Ctrl-C too), its connection is closed, so that no reply is taken for another's.
        """
        client = getattr(self._local, "client", None)
        if client is None or self._local.pid != os.getpid():  # a forked child must not use its parent's connection
            client = self._local.client = self._make()
            self._local.pid = os.getpid()
        _check(client.connection)
        try:
            yield client
        except redis.ResponseError:
            raise  # a whole reply
        except BaseException:
            self._local.client = None
            client.connection.disconnect()
            client.close()
            raise


def _check(connection: Any) -> None:
    """Have a connection that the server closed while it was idle made anew at its next command."""
    try:
        stale = connection.can_read(timeout=0)
    except (redis.RedisError, OSError):
        stale = True
    if stale:
        connection.disconnect()


def ask(connection: Any, words: tuple[Any, ...]) -> Any:
    """Give one command to a connection and return its reply; raises an error reply.

    It does not use the client's `execute_command`, which costs as much again as packing, write and read together.
    Nothing is repeated here either; a connection that failed is closed before its error is raised.
    """
    connection.send_packed_command([hiredis.pack_command(words)])
    return connection.read_response()


def ask_all(connection: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Give several commands in one write and return their replies in order, error replies among them."""
    connection.send_packed_command([b"".join([hiredis.pack_command(words) for words in commands])])
    replies: list[Any] = []
    for _ in commands:
        try:
            replies.append(connection.read_response())
        except redis.ResponseError as error:
            replies.append(error)
    return replies


def next_database(url: str) -> str:
    """The same server, the database after the one that `url` names."""
    if watched.is_watched(url):
        return watched.with_database(url, watched.read(url).database + 1)
    place, _, query = url.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    scheme, _, rest = place.partition("://")
    server, _, number = rest.partition("/")
    if scheme == "unix" or "db" in options:
        options["db"] = str(int(options.get("db") or 0) + 1)
    else:
        place = f"{scheme}://{server}/{int(number or 0) + 1}"
    return f"{place}?{urlencode(options)}" if options else place


def no_right(error: redis.RedisError, variable: str, file: str) -> str:
    """What to do if Redis does not know our user or refuses it a right; '' for any other error."""
    words = str(error)
    if isinstance(error, redis.AuthenticationError):
        return f"Redis refuses the user or the password in {variable}"
    if not isinstance(error, redis.exceptions.NoPermissionError) and not any(sign in words for sign in _NO_RIGHT):
        return ""
    found = _COMMAND.search(words)
    what = f"the command {found[1].upper()}" if found else "a key" if "access" in words else "a command"
    return (
        f"Redis forbids {what} to the user in {variable}: use the user for this kind of process, "
        f"or load deploy/redis/{file} of this version"
    )


def where(url: str) -> str:
    """`url` without user, password and options, to be shown."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
