"""A ledger that a real Sentinel watches: after each fail-over the roll call compares what the new master has."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smsq.worker.processes.private_redis.redis_server import find_server
from smsq.worker.redis_client import connect
from tests.journeys.server import Server, end_with_us
from tests.journeys.town import Town, quiet_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

NAME = "ledger"
PASSWORD = "canary-password-92"


@contextlib.contextmanager
def sentinel(folder: Path, port: int, master: Server) -> Iterator[str]:
    """A sentinel of its own, which decides alone; the address of what it watches, for the settings."""
    folder.mkdir()
    conf = folder / "sentinel.conf"
    lines = [f"port {port}", "bind 127.0.0.1", f"dir {folder}", f"requirepass {PASSWORD}"]
    lines += [f"sentinel monitor {NAME} 127.0.0.1 {master.port} 1", f"sentinel down-after-milliseconds {NAME} 1000"]
    lines += [f"sentinel failover-timeout {NAME} 10000", f"sentinel auth-pass {NAME} {PASSWORD}"]
    conf.write_text("\n".join(lines) + "\n")
    with open(folder / "out", "wb") as out:
        process = subprocess.Popen(
            [find_server(None, folder), str(conf), "--sentinel"], stdout=out, stderr=out, preexec_fn=end_with_us
        )
    try:
        yield f"redis+sentinel://:{PASSWORD}@127.0.0.1:{port}/{NAME}/0?sentinel_password={PASSWORD}"
    finally:
        process.kill()
        process.wait()


class Locked(Server):
    """A server that wants a password, whose client has it."""

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"


@contextlib.contextmanager
def watched(make_town: Callable[..., Town], folder: Path) -> Iterator[tuple[Town, Server]]:
    """A town on a watched pair: the town and the replica."""
    town = make_town(start=False, think_ms=50, SMSQ_BATCH_SIZE="50")
    assert town.server is not None
    primary = town.server = Locked(town.server.folder, town.server.port)
    login = ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
    primary.options = login
    primary.start()
    replica_port, sentinel_port = quiet_ports(2)
    replica = Locked(folder / "replica", replica_port)
    with sentinel(folder / "sentinel", sentinel_port, primary) as url:
        replica.options = [*login, "--replicaof", "127.0.0.1", str(primary.port)]
        replica.start()
        town.environ["SMSQ_REDIS_URL"] = url
        with contextlib.closing(connect(url)) as client:
            town.wait_for(lambda: client.info("replication")["slave0"], "a replica", 30)
        town.start()
        try:
            yield town, replica
        finally:
            replica.stop()


def promoted(town: Town, replica: Server) -> None:
    """Wait until Sentinel has made a master of the replica, which is the town's server from now on."""
    with contextlib.closing(replica.client()) as client:
        town.wait_for(lambda: client.info("replication")["role"] == "master", "the fail-over", 60)
    town.server = replica
    del town.views


@pytest.mark.fault
def test_sentinel_fails_over_to_a_replica_in_step(make_town: Callable[..., Town], tmp_path: Path) -> None:
    """Fail-over by Sentinel, the replica in step: after the roll call it goes on by itself, 0 lost, 0 doubled."""
    with watched(make_town, tmp_path) as (town, replica):
        journey = town.campaign(500)
        journey.send(2)
        journey.verdict(within_s=90)
        assert town.server is not None
        town.server.kill()
        promoted(town, replica)
        town.wait_for(town.in_force, "claims being granted by the new master", 60)
        journey.campaign(1500)
        journey.send(3)

        journey.verdict(within_s=120)
        assert town.leaks() == []
