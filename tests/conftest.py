"""What every test may ask for: a private Redis of the run, and an empty client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_py

from worker.embedded import EmbeddedRedis
from worker.redis_client import connect


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    """One server for the run (each xdist worker has its own).

    Its append-only file is synced by the system alone, for speed; a module that needs the real
    thing asks with `@pytest.mark.parametrize("redis_server", ["always"], indirect=True)`.
    """
    fsync: str = getattr(request, "param", "no")
    with EmbeddedRedis(tmp_path_factory.mktemp("redis"), fsync=fsync, dies_with_parent=True) as server:
        yield server


@pytest.fixture
def redis(redis_server: EmbeddedRedis) -> Iterator[redis_py.Redis]:
    """A client of database 0; both databases are empty at the start of each test."""
    client = connect(redis_server.url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fresh SMSQ_HOME."""
    return tmp_path / "home"
