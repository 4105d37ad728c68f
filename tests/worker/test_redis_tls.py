"""The ledger and the queues over TLS: `rediss://` with a certificate that is checked, and its user's password."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from smsq.worker.host.master import Master
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.queues.hints import Hints
from smsq.worker.redis_client import connect
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from tests.worker.transports.conftest import certificate as certificate  # a fixture
from tests.worker.transports.conftest import tls as tls  # another

PASSWORD = "s3cret/#?"
WRITTEN = "s3cret%2F%23%3F"


@pytest.fixture
def port(redis_server: EmbeddedRedis, redis: redis_py.Redis, tls: ssl.SSLContext) -> Iterator[int]:
    """A port that speaks TLS, as a server or a proxy before it does, and wants a user."""
    place = redis.connection_pool.connection_kwargs["path"]
    redis.acl_setuser("worker", enabled=True, passwords=[f"+{PASSWORD}"], commands=["+@all"], keys=["*"])

    ends: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(place)
        ends.extend((writer, inner_writer))
        await asyncio.gather(carry(reader, inner_writer), carry(inner_reader, writer))

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls), loop)
    server = started.result(10)
    yield server.sockets[0].getsockname()[1]
    redis.acl_deluser("worker")

    async def stop() -> None:
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for end in ends:
            end.transport.abort()
        await asyncio.sleep(0.05)  # transports close their sockets in the next rounds of the loop

    asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_ledger_and_queues_over_tls(port: int, certificate: Path, home: Path) -> None:
    """Verbs, hints and their depth travel encrypted, signed in as a user."""
    url = f"rediss://worker:{WRITTEN}@127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
    environ = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": url, "SMSQ_LOGIN": "demo", "SMSQ_PASSWORD": "x"}
    runtime = Runtime.build(Settings.load(environ))
    master = Master(runtime.ledger, runtime.journal)
    master.establish(runtime.settings.account)
    master.tick()

    assert Hints(runtime.broker).balance()
    assert runtime.broker.depth("chores") == 1
    assert runtime.ledger.beat().in_force
    runtime.ledger.close()
    runtime.broker.close()


def test_a_certificate_that_is_not_trusted_is_refused(port: int) -> None:
    """Before the password is sent."""
    with (
        contextlib.closing(connect(f"rediss://worker:{WRITTEN}@127.0.0.1:{port}/0")) as client,
        pytest.raises(redis_py.ConnectionError, match="certificate verify failed"),
    ):
        client.ping()
