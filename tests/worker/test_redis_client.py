"""Clients of Redis: no command is repeated, and addresses are derived and shown safely."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
import redis as redis_py

from smsq.worker.domain.errors import BadSettings
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.redis_client import ask, ask_all, at_each_exchange, connect, next_database, where


@pytest.mark.parametrize(
    ("url", "following"),
    [
        ("redis://host:6379", "redis://host:6379/1"),
        ("redis://user:p%40ss@host:6379/3", "redis://user:p%40ss@host:6379/4"),
        ("rediss://host/0?ssl_cert_reqs=required", "rediss://host/1?ssl_cert_reqs=required"),
        ("redis://host?db=2", "redis://host?db=3"),
        (
            "redis+sentinel://:p@a:1,b:2/name?sentinel_password=x",
            "redis+sentinel://:p@a:1,b:2/name/1?sentinel_password=x",
        ),
        ("rediss+sentinel://a,b/name/3", "rediss+sentinel://a,b/name/4"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=1"),
        ("unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=1"),
    ],
)
def test_the_next_database_is_on_the_same_server(url: str, following: str) -> None:
    """Queues go there unless they have a server of their own."""
    assert next_database(url) == following


def test_an_address_is_shown_without_its_password() -> None:
    """What goes into messages has no secret in it."""
    assert where("rediss://user:secret@host:6379/0?password=x") == "rediss://host:6379/0"


def test_sentinels_are_asked_with_their_own_log_in_and_the_master_with_its() -> None:
    """Neither repeats a command, and a sentinel that is away costs a second."""
    client = connect("redis+sentinel://me:p%23@a:1,b/name/3?sentinel_username=s&sentinel_password=t", timeout_s=2.0)
    pool = client.connection_pool
    first, second = (each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels)

    assert (pool.service_name, [first["host"], second["host"]], [first["port"], second["port"]]) == (
        "name",
        ["a", "b"],
        [1, 26379],
    )
    assert (first["username"], first["password"], first["socket_timeout"]) == ("s", "t", 1.0)
    told = pool.connection_kwargs
    assert (told["username"], told["password"], told["db"], told["socket_timeout"]) == ("me", "p#", 3, 2.0)
    assert (told["retry"].get_retries(), first["retry"].get_retries()) == (0, 0)


@pytest.mark.parametrize("options", ["db=s3cret", "socket_timeout=s3cret", "no_such_option=s3cret", "protocol=9"])
def test_options_that_no_connection_takes_are_a_sentence(options: str) -> None:
    """When the client is made, without repeating them; a traceback of the library would."""
    with pytest.raises(
        BadSettings, match=r"the address of Redis at redis://host:6379/0 has options that are not valid"
    ) as caught:
        connect(f"redis://me:s3cret@host:6379/0?{options}")

    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"


def test_a_lost_reply_is_an_error_and_the_command_is_not_repeated() -> None:
    """Only the caller knows whether its command may run twice."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    heard.append(line.recv(1000))

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        client = connect(f"redis://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(redis_py.ConnectionError):
            client.incr("n")
        with client.client() as single, pytest.raises(redis_py.ConnectionError):
            ask(single.connection, ("INCRBY", "n", 1))
        client.close()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)

    assert heard == [b"*3\r\n$6\r\nINCRBY\r\n$1\r\nn\r\n$1\r\n1\r\n"] * 2


def test_words_of_every_kind_arrive(redis: redis_py.Redis) -> None:
    """Text, bytes, whole and broken numbers, as the client itself sends them."""
    with redis.client() as single:
        assert ask(single.connection, ("RPUSH", b"list", "привет", b"\0\r\n", 7, 0.5)) == 4
        assert ask(single.connection, ("LRANGE", "list", 0, -1)) == ["привет".encode(), b"\0\r\n", b"7", b"0.5"]


def test_an_error_among_replies_keeps_its_place(redis: redis_py.Redis) -> None:
    """And the connection goes on with the next command."""
    with redis.client() as single:
        first, error, last = ask_all(single.connection, [("SET", "a", 1), ("HGET", "a", "b"), ("GET", "a")])
        with pytest.raises(redis_py.ResponseError, match="WRONGTYPE"):
            ask(single.connection, ("HGET", "a", "b"))

        assert (first, last) == (b"OK", b"1")
        assert isinstance(error, redis_py.ResponseError)
        assert ask(single.connection, ("GET", "a")) == b"1"


def test_a_blocking_pop_may_last_as_long_as_it_was_announced(
    redis_server: EmbeddedRedis, redis: redis_py.Redis
) -> None:
    """The wait for a reply is longer than the pop itself."""
    client = connect(redis_server.url, timeout_s=0.1, blocking_s=1.0)

    assert client.blpop(["empty"], timeout=0.3) is None
    client.close()


def test_a_lane_of_many_threads_has_a_connection_for_each(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> None:
    """The ledger keeps one per thread; `SMSQ_PARALLEL_SENDS` may be far more than a hundred."""
    client = connect(redis_server.url)
    held = [client.client() for _ in range(150)]

    assert all(each.ping() for each in held)
    for each in held:
        each.close()
    client.close()


def test_each_exchange_is_noted(redis_server: EmbeddedRedis) -> None:
    """On any connection of the client, before a command leaves and before its reply is waited for."""
    noted: list[str] = []
    client = connect(redis_server.url)
    at_each_exchange(client, lambda: noted.append("now"))

    def more(act: Callable[[], object]) -> int:
        before = len(noted)
        act()
        return len(noted) - before

    assert client.ping()
    assert more(client.ping) == 2
    with client.client() as single:
        single.ping()
        assert more(single.ping) == 2
        assert more(lambda: ask(single.connection, ("PING",))) == 2
    with client.pipeline(transaction=False) as pipe:
        pipe.ping().ping().ping()
        assert more(pipe.execute) == 4
    client.close()
