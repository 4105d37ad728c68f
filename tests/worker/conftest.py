"""Hosts with their journals and masters on a server of the test's own, which can be stopped, restored and emptied."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.status import BatchState
from smsq.worker.host.journal import Journal
from smsq.worker.host.master import Master
from smsq.worker.ledger import Claim, Ledger, NewMessage, NoClaim
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.redis_client import connect
from smsq.worker.sealing import Sealer

ACCOUNT = "smsc.ru/demo"
MIRROR = "https://one"


@dataclass
class Host:
    """A home with its journal and its master, on a ledger that others may share."""

    ledger: Ledger
    journal: Journal

    def __post_init__(self) -> None:
        self.said_to_a_person: list[str] = []
        self.master = Master(self.ledger, self.journal, self.said_to_a_person.append)
        self.ledger.witness = self.journal.enrolment
        self.ledger.order_witness = self.journal.order

    def start(self) -> Host:
        self.master.establish(ACCOUNT)
        self.until_cleared()
        return self

    def until_cleared(self, seconds: float = 3.0) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.master.tick():
                return True
            time.sleep(0.01)
        return False

    def enrol(self, n: int = 0, key: str | None = None) -> Ref:
        message = NewMessage(79990000000 + n, "Hi", lane="bulk", key=key)
        return Ref(MessageId.parse(self.ledger.enrol(message).id).batch)

    def claim(self, ref: Ref, nonce: str = "n") -> Claim | NoClaim:
        return self.ledger.claim(
            ref, nonce, owner="bulk/h/1/a", mirror=MIRROR, lease_s=45.0, parallel=10, urgent_slots=3,
            slot_kept_s=75.0, credentials="right",
        )  # fmt: skip

    def said(self, ref: Ref) -> Claim:
        claim = self.claim(ref)
        assert isinstance(claim, Claim)
        assert self.journal.claim(claim.run, claim.n, claim.gateway_id, ref, MIRROR, claim.known_as)
        return claim

    def state(self, ref: Ref) -> BatchState:
        batch = self.ledger.read([ref])[0]
        assert batch is not None
        return BatchState(batch.state)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server of the test's own, to stop and to start."""
    with EmbeddedRedis(tmp_path / "server", fsync="no", dies_with_parent=True) as own:
        yield own


@pytest.fixture
def host_on(server: EmbeddedRedis, tmp_path: Path) -> Callable[[str], Host]:
    """A host by its name, with a home of its own; not started yet."""

    def host(name: str) -> Host:
        ledger = Ledger(connect(server.url))
        ledger.sealer = Sealer(["a secret of thirty-two characters"])
        return Host(ledger, Journal(tmp_path / name))

    return host


class Copy:
    """The server's data as they once were."""

    def __init__(self, server: EmbeddedRedis, place: Path) -> None:
        self._server = server
        self._data = place / "server" / "redis"
        self._copy = place / "copy"

    def make(self) -> None:
        """Copy the data and go on."""
        self._server.stop()
        shutil.copytree(self._data, self._copy, ignore=shutil.ignore_patterns("*.sock", "*.pid"))
        self._server.start()

    def restore(self) -> None:
        """Go on with the copy's data."""
        self._server.stop()
        for path in self._copy.iterdir():
            target = self._data / path.name
            if path.is_dir():
                shutil.rmtree(target)
                shutil.copytree(path, target)
            elif path.suffix in (".rdb", ".aof"):
                shutil.copy(path, target)
        self._server.start()


@pytest.fixture
def copy(server: EmbeddedRedis, tmp_path: Path) -> Copy:
    """To be made, and restored."""
    return Copy(server, tmp_path)


@pytest.fixture(scope="session")
def shared_by_session() -> None:
    """Skip where Linux does not share the processor among sessions.

    A session of its own tells: the one that pytest lives in may be the machine's first, which is in no group.
    """
    told = subprocess.run(["cat", "/proc/self/autogroup"], capture_output=True, start_new_session=True)
    if b" nice " not in told.stdout:
        pytest.skip("this kernel does not share the processor among sessions")
