"""What every test may ask for: the run's private Redis, an empty client of it, a gateway with a worker's means."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from smsq.worker.actors.doubts import DoubtSettler
from smsq.worker.actors.send import Sender
from smsq.worker.actors.statuses import Statuses
from smsq.worker.domain.batch import MessageId, Ref, pack
from smsq.worker.domain.status import BatchState
from smsq.worker.domain.text import parts
from smsq.worker.host.master import Master
from smsq.worker.ledger import Ledger, NewMessage, Plan
from smsq.worker.processes.lane import owner_name
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.questions.asker import Asker
from smsq.worker.queues import broker
from smsq.worker.redis_client import connect
from smsq.worker.runtime import Runtime
from smsq.worker.sandbox import Profile, Sandbox
from smsq.worker.settings import Settings

# As in the Makefile: children find what others have compiled.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

WORKERS_PER_CORE = 2  # half of what tests do is to wait: for a gateway, a lease, a process
MOST_WORKERS = 8


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means."""
    return min(MOST_WORKERS, WORKERS_PER_CORE * (os.cpu_count() or 1))


def pytest_configure() -> None:
    """A run in the background is deaf to Ctrl-C, and so would be the commands that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


LONGEST_FILE = "test_protocol_model.py"  # minutes of walking, on one core


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, then the longest file, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: (item.get_closest_marker("slow") is None, item.path.name != LONGEST_FILE))


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


@dataclass
class Plant:
    """A gateway, a ledger and what one worker process works with; nothing runs by itself."""

    runtime: Runtime
    sandbox: Sandbox

    @property
    def ledger(self) -> Ledger:
        return self.runtime.ledger

    @cached_property
    def sender(self) -> Sender:
        return Sender(self.runtime, owner_name("bulk"))

    @cached_property
    def asker(self) -> Asker:
        return Asker(self.runtime)

    @cached_property
    def asks(self) -> Statuses:
        return Statuses(self.runtime, self.asker)

    @cached_property
    def doubts(self) -> DoubtSettler:
        return DoubtSettler(self.runtime, self.asker)

    def send(self, *refs: Ref) -> None:
        """One actor, once."""
        self.sender.send_batches([str(ref) for ref in refs])

    def enrol(self, phone: int = 79991234567, text: str = "Hi", **options: Any) -> Ref:
        """One message in the ledger; its batch."""
        return Ref(MessageId.parse(self.ledger.enrol(NewMessage(phone, text, **options)).id).batch)

    def campaign(self, *batches: Sequence[int], text: str = "Hello", texts: Sequence[str] | None = None) -> list[Ref]:
        """A campaign of these batches of phones, handed out; its batches."""
        plan = Plan(name="test", digest=secrets.token_hex(8), text=None if texts else text, template=text)
        opened = self.ledger.open_campaign(plan)
        row, packed = 1, []
        for phones in batches:
            rows = range(row, row + len(phones))
            personal = [texts[place - 1] for place in rows] if texts else None
            total = sum(map(parts, personal)) if personal else parts(text) * len(phones)
            packed.append(pack(phones, personal, list(rows), total))
            row += len(phones)
        self.ledger.enrol_range(opened.id, 1, packed, [], row - 1)
        self.ledger.close_campaign(opened.id)
        return self.ledger.feed(opened.id, len(batches), 100)[0]

    def state(self, ref: Ref) -> BatchState:
        """Where a batch stands."""
        batch = self.ledger.read([ref])[0]
        assert batch is not None
        return BatchState(batch.state)

    def statuses(self, ref: Ref) -> list[str]:
        """The report's status of each message of a batch."""
        batch = self.ledger.read([ref])[0]
        assert batch is not None
        found = [self.runtime.views.receipt(MessageId(ref.number, place)) for place in range(batch.count)]
        return [receipt.status for receipt in found if receipt is not None]


QUICK = {
    "SMSQ_LOGIN": "demo",
    "SMSQ_PASSWORD": "demo",
    "SMSQ_READ_TIMEOUT_S": "0.8",
    "SMSQ_LEASE_S": "1.9",
    "SMSQ_DOUBT_SETTLE_S": "2",
    "SMSQ_PEER_CLOSE_S": "0.2",
    "SMSQ_ARRIVAL_S": "0.2",
    "SMSQ_VISIBLE_S": "0.2",
    "SMSQ_MASS_ASK_EVERY_S": "0.1",
    "SMSQ_CONNECT_TIMEOUT_S": "1",
}


@pytest.fixture
def make_plant(redis: redis_py.Redis, redis_server: EmbeddedRedis, home: Path) -> Iterator[Callable[..., Plant]]:
    """Build a plant: `make_plant(mirrors=2, profile=Profile(…), SMSQ_BATCH_SIZE="50")`; by `letters`, over SMTP."""
    sandboxes: list[Sandbox] = []
    runtimes: list[Runtime] = []

    def build(mirrors: int = 2, profile: Profile | None = None, *, letters: bool = False, **settings: str) -> Plant:
        quick = profile or Profile(
            mass_ask_every_s=0.09, minute_s=0.09, duplicate_window_s=0.5, deliver_after_s=(0.05, 0.1)
        )
        sandbox = Sandbox(quick, ports=(0,) * mirrors, smtp_port=0 if letters else None).start()
        sandboxes.append(sandbox)
        environ = {**QUICK, "SMSQ_HOME": str(home), "SMSQ_REDIS_URL": redis_server.url, **settings}
        environ.setdefault("SMSQ_MIRRORS", ",".join(sandbox.mirrors))
        if letters:
            environ |= {"SMSQ_TRANSPORT": "smtp", "SMSQ_SMTP_URL": sandbox.mail}
        runtime = Runtime.build(Settings.load(environ))
        runtimes.append(runtime)
        master = Master(runtime.ledger, runtime.journal)
        master.establish(runtime.settings.account)
        assert master.tick() or master.tick()
        return Plant(runtime, sandbox)

    yield build
    for runtime in runtimes:
        runtime.transport.close()
        runtime.http.close()
        runtime.ledger.redis.close()
        runtime.journal.close()
    for sandbox in sandboxes:
        sandbox.stop()


@contextlib.contextmanager
def soon_stopped(lane: str) -> Iterator[None]:
    """Workers of this lane that are made here look often whether they shall stop, not only when their bell rings."""
    often = {**broker.QUEUES, lane: replace(broker.QUEUES[lane], slice_s=0.05)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker, "QUEUES", often)
        yield


@pytest.fixture
def plant(make_plant: Callable[..., Plant]) -> Plant:
    """A plant with two mirrors and nothing wrong."""
    return make_plant()
