"""What producers' tests share: an established ledger, a program's way in, a chores lane that really asks a gateway."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from smsq.producers.api import Smsq
from smsq.producers.cli import main
from smsq.worker.actors import declare
from smsq.worker.host.master import Master
from smsq.worker.ledger.values import Terms
from smsq.worker.processes.lane import owner_name
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.queues.workers import make_worker
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from tests.conftest import soon_stopped

# What a worker claims by.
TERMS = Terms(
    owner="bulk/host/1/a",
    mirror="https://one",
    lease_s=45.0,
    parallel=10,
    urgent_slots=3,
    slot_kept_s=75.0,
    credentials="right",
)


@pytest.fixture
def environ(redis: redis_py.Redis, redis_server: EmbeddedRedis, home: object) -> dict[str, str]:
    """The environment of an installation whose ledger is established and in force."""
    told = {
        "SMSQ_HOME": str(home),
        "SMSQ_REDIS_URL": redis_server.url,
        "SMSQ_BROKER_URL": redis_server.broker_url,
        "SMSQ_LOGIN": "demo",
        "SMSQ_PASSWORD": "demo",
        "SMSQ_MIRRORS": "http://127.0.0.1:9",  # nobody listens there
    }
    runtime = Runtime.build(Settings.load(told))
    master = Master(runtime.ledger, runtime.journal)
    master.establish(runtime.settings.account)
    assert master.tick()
    runtime.ledger.redis.close()
    return told


@pytest.fixture
def smsq(environ: dict[str, str]) -> Iterator[Smsq]:
    """A program's way in."""
    with Smsq(environ=environ) as way_in:
        yield way_in


@contextlib.contextmanager
def lane_up(runtime: Runtime, lane: str) -> Iterator[None]:
    """A worker of this lane, in this process, that has beaten."""
    owner = owner_name(lane)
    declare(runtime, lane, owner)
    worker = make_worker(runtime.broker, lane, 1)
    with soon_stopped(lane):
        worker.start()
        runtime.ledger.beat(owner)
        try:
            yield
        finally:
            worker.stop(timeout=5000)


@pytest.fixture
def chores() -> Callable[[Runtime], contextlib.AbstractContextManager[None]]:
    """What brings the chores lane of a runtime up, as a context."""
    return lambda runtime: lane_up(runtime, "chores")


@pytest.fixture
def run(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command as an operator types it, in that installation."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def words(*typed: str) -> Result:
        return CliRunner().invoke(main, list(typed), catch_exceptions=False)

    return words
