"""The supervisor's view of the ledger: whose heart beats on this host, and whether sending may go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import redis as redis_py

from smsq.worker.domain.errors import BadSettings, LedgerForeign, LedgerWeak
from smsq.worker.processes.host_ledger import HostLedger
from smsq.worker.processes.lane import owner_name
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings


def runtime(server: EmbeddedRedis, home: Path, **told: str) -> Runtime:
    """A runtime on this server; its ledger need not be durable unless told."""
    environ = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": server.url, "SMSQ_ACCEPT_LOSS": "1", **told}
    return Runtime.build(Settings.load({"SMSQ_LOGIN": "demo", "SMSQ_PASSWORD": "x", **environ}))


def test_beats_are_read_by_pid_and_of_this_host_alone(
    redis_server: EmbeddedRedis, redis: redis_py.Redis, home: Path
) -> None:
    """A worker that beat has an age, one that never did has none, and another host's pid is not ours."""
    built = runtime(redis_server, home)
    host_ledger = HostLedger(built)
    host_ledger.begin()
    built.ledger.beat(owner_name("bulk"))
    built.ledger.beat("bulk/elsewhere/999999/abc")
    age = host_ledger.heartbeat(os.getpid())

    assert age is not None
    assert 0 <= age < 5
    assert host_ledger.heartbeat(999999) is None


def test_a_ledger_of_another_account_is_refused(redis_server: EmbeddedRedis, redis: redis_py.Redis, home: Path) -> None:
    """The stamp of the first account stays."""
    HostLedger(runtime(redis_server, home)).begin()

    with pytest.raises(LedgerForeign):
        HostLedger(runtime(redis_server, home, SMSQ_LOGIN="other")).begin()


def test_nobody_establishes_no_ledger(redis_server: EmbeddedRedis, redis: redis_py.Redis, home: Path) -> None:
    """A start without a password leaves the ledger to whoever comes with the right one."""
    environ = {"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": redis_server.url, "SMSQ_ACCEPT_LOSS": "1"}

    for told in ({}, {"SMSQ_LOGIN": "me"}):
        with pytest.raises(BadSettings, match="set SMSQ_LOGIN and SMSQ_PASSWORD"):
            HostLedger(Runtime.build(Settings.load({**environ, **told}))).begin()
    assert redis.keys() == []


def test_a_ledger_that_could_lose_writes_is_refused(
    redis_server: EmbeddedRedis, redis: redis_py.Redis, home: Path
) -> None:
    """The run's own server syncs by itself: good enough for tests, not for sending."""
    with pytest.raises(LedgerWeak):
        HostLedger(runtime(redis_server, home, SMSQ_ACCEPT_LOSS="0")).begin()
