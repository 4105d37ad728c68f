"""The private Redis: one per home, safe settings, stopped by its owner and by nobody else."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis as redis_py

from smsq.worker.domain.errors import LedgerUnreachable
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis, Fall
from smsq.worker.processes.private_redis.redis_server import SOCKET_PATH_LIMIT
from smsq.worker.redis_client import connect


def is_running(pid: int) -> bool:
    """Whether `pid` still executes; a zombie that init has not fetched yet does not."""
    stat = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False, text=True).stdout
    return stat.strip() != "" and not stat.startswith("Z")


def await_true(claim: Callable[[], object]) -> None:
    """Look until `claim` holds; ten seconds is a failure."""
    deadline = time.monotonic() + 10
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_server_keeps_every_acknowledged_write(home: Path) -> None:
    """It syncs always, never evicts, and its data is there after a restart."""
    wanted = {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    with EmbeddedRedis(home) as server:
        client = connect(server.url)
        settings = {name: client.config_get(name)[name] for name in wanted}
        client.set("kept", "yes")
    with EmbeddedRedis(home) as server:
        kept = connect(server.url).get("kept")

    assert (settings, kept) == (wanted, b"yes")


def test_the_queues_have_a_server_that_keeps_nothing(home: Path) -> None:
    """Beside the ledger's, at an address of its own; it leaves no data, and comes back empty at the same place."""
    with EmbeddedRedis(home) as ledger, EmbeddedRedis(home, name="queues", is_kept=False) as queues:
        assert (ledger.pid, ledger.url) != (queues.pid, queues.url)
        client, url = connect(queues.url), queues.url
        client.set("hint", "1")
        os.kill(queues.pid, signal.SIGKILL)
        await_true(queues.ensure)

        assert connect(url).keys("*") == []
        assert connect(ledger.url).config_get("appendonly") == {"appendonly": "yes"}
    assert {path.name for path in (home / "queues").iterdir()} <= {"owner.lock", "server.lock", "socket", "redis.log"}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is taken for hanging soon."""
    monkeypatch.setattr("smsq.worker.processes.private_redis.embedded.ANSWER_TIMEOUT_S", 0.1)
    monkeypatch.setattr("smsq.worker.processes.private_redis.embedded.ASK_EVERY_S", 0.1)


@pytest.mark.usefixtures("hurried")
def test_queues_that_hang_are_started_again_and_a_ledger_that_hangs_is_not(home: Path) -> None:
    """A frozen server lives and answers nobody; nothing in the queues needs saving."""
    with EmbeddedRedis(home) as ledger, EmbeddedRedis(home, name="queues", is_kept=False) as queues:
        before = [ledger.pid, queues.pid]
        for pid in before:
            os.kill(pid, signal.SIGSTOP)
        while not (fall := queues.ensure()):
            assert ledger.ensure() is None
        os.kill(before[0], signal.SIGCONT)

        assert fall == Fall("hung")
        assert connect(queues.url).ping()
        assert queues.pid != before[1]
        assert ledger.pid == before[0]
        assert not is_running(before[1])


@pytest.mark.usefixtures("hurried")
def test_queues_that_refuse_newcomers_are_let_be(home: Path) -> None:
    """One that is full answers those it has: nothing hangs."""
    with EmbeddedRedis(home, name="queues", is_kept=False) as queues:
        before, client = queues.pid, connect(queues.url)
        client.config_set("maxclients", 1)
        looked_until = time.monotonic() + 1
        while time.monotonic() < looked_until:
            assert queues.ensure() is None

        client.config_set("maxclients", 100)
        assert queues.pid == before


@pytest.mark.usefixtures("hurried")
def test_queues_whose_socket_was_tidied_up_come_back_to_the_same_place(tmp_path: Path) -> None:
    """Nobody new could reach them; whoever was told the address finds them there."""
    home = tmp_path / ("long" * 20)
    with EmbeddedRedis(home, name="queues", is_kept=False) as queues:
        url, place = queues.url, Path(queues.url.removeprefix("unix://").partition("?")[0])
        assert not place.is_relative_to(home)
        shutil.rmtree(place.parent)
        await_true(queues.ensure)

        assert queues.url == url
        assert connect(url).ping()


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("is_frozen", [False, True])
def test_an_heir_of_queues_looks_after_them_too(home: Path, is_frozen: bool) -> None:
    """Frozen before it came or later; and it stops them."""
    script = (
        "import os, pathlib, sys; from smsq.worker.processes.private_redis.embedded import EmbeddedRedis;"
        "r = EmbeddedRedis(pathlib.Path(sys.argv[1]), name='queues', is_kept=False); r.start();"
        "print(r.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    orphan = int(subprocess.run([sys.executable, "-c", script, home], capture_output=True, check=False).stdout)
    if is_frozen:
        os.kill(orphan, signal.SIGSTOP)
    with EmbeddedRedis(home, name="queues", is_kept=False) as heir:
        if not is_frozen:
            assert heir.pid == orphan
            os.kill(orphan, signal.SIGSTOP)
            await_true(heir.ensure)
        after = heir.pid
        assert not is_running(orphan)
        os.kill(after, signal.SIGSTOP)
    assert not is_running(after)


def test_a_guest_leaves_a_dead_server_to_its_owner(home: Path) -> None:
    """Two that each start one would each believe that it is theirs."""
    with EmbeddedRedis(home) as owner, ThreadPoolExecutor(1) as pool:
        before = owner.pid
        os.kill(before, signal.SIGKILL)
        guest = EmbeddedRedis(home)
        coming = pool.submit(guest.start)
        await_true(owner.ensure)
        coming.result(10)

        assert (guest.is_owner, guest.pid) == (False, owner.pid)
        assert owner.pid != before


def test_whoever_cannot_start_beside_one_that_hangs_is_told_its_process(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger's server is not killed for that."""
    monkeypatch.setattr("smsq.worker.processes.private_redis.embedded.START_TIMEOUT_S", 0.5)
    monkeypatch.setattr("smsq.worker.processes.private_redis.embedded.ANSWER_TIMEOUT_S", 0.1)
    with EmbeddedRedis(home) as owner:
        pid = owner.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(LedgerUnreachable, match=rf"\(process {pid}\) does not answer"):
                EmbeddedRedis(home).start()
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_second_start_finds_the_first_and_leaves_it_running(home: Path) -> None:
    """A guest uses the owner's server and does not stop it."""
    with EmbeddedRedis(home) as owner:
        with EmbeddedRedis(home) as guest:
            same = (guest.url, guest.pid, guest.is_owner)

        assert same == (owner.url, owner.pid, False)
        assert connect(owner.url).ping()


def test_the_owner_stops_it(home: Path) -> None:
    """After the context nothing runs and nothing listens."""
    with EmbeddedRedis(home) as server:
        pid, url = server.pid, server.url

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(redis_py.ConnectionError):
        connect(url).ping()


def test_a_killed_server_is_started_again_with_its_data(home: Path) -> None:
    """`ensure` notices the death and keeps the address."""
    with EmbeddedRedis(home) as server:
        before, url = server.pid, server.url
        connect(url).set("kept", "yes")
        unharmed = server.ensure()
        os.kill(before, signal.SIGKILL)
        while not (fall := server.ensure()):
            pass

        assert (unharmed, fall, server.url) == (None, Fall("died", "ended by SIGKILL"), url)
        assert server.pid != before
        assert connect(url).get("kept") == b"yes"


def test_what_a_server_said_last_is_known(home: Path) -> None:
    """Its own last warnings, without the numbers before them."""
    with EmbeddedRedis(home) as server:
        connect(server.url).shutdown()
        while not (fall := server.ensure()):
            pass

        assert fall.fate == "died"
        assert re.fullmatch(r"(Valkey|Redis) is now ready to exit, bye bye\.\.\.", fall.why.rpartition("; ")[2])


def test_a_server_whose_starter_was_killed_gets_a_new_owner(home: Path) -> None:
    """The next one to come finds the orphan, and stops it when it leaves."""
    script = (
        "import os, pathlib, sys; from smsq.worker.processes.private_redis.embedded import EmbeddedRedis;"
        "r = EmbeddedRedis(pathlib.Path(sys.argv[1])); r.start(); print(r.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    orphan = int(subprocess.run([sys.executable, "-c", script, home], capture_output=True, check=False).stdout)
    with EmbeddedRedis(home) as heir:
        found = (heir.pid, heir.is_owner)

    assert found == (orphan, True)
    with pytest.raises(redis_py.ConnectionError):
        connect(heir.url).ping()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_it_can_be_told_to_leave_with_its_starter(home: Path) -> None:
    """With `dies_with_parent` a killed starter takes the server along."""
    script = (
        "import os, pathlib, sys; from smsq.worker.processes.private_redis.embedded import EmbeddedRedis;"
        "r = EmbeddedRedis(pathlib.Path(sys.argv[1]), dies_with_parent=True);"
        "r.start(); print(r.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    first = int(subprocess.run([sys.executable, "-c", script, home], capture_output=True, check=False).stdout)

    await_true(lambda: not is_running(first))


def test_a_long_home_gets_a_short_socket(tmp_path: Path) -> None:
    """The socket's path fits the limit wherever home is, a guest finds it, and it is removed at the end."""
    home = tmp_path / ("deep" * 30)
    with EmbeddedRedis(home) as owner:
        path = owner.url.removeprefix("unix://").partition("?")[0]
        with EmbeddedRedis(home) as guest:
            found = guest.url

        assert len(os.fsencode(path)) <= SOCKET_PATH_LIMIT
        assert found == owner.url
    assert not Path(path).parent.exists()


def test_a_server_that_ends_at_once_is_an_error_not_a_wait(home: Path) -> None:
    """A binary that is no Redis fails the start with its exit code."""
    with pytest.raises(LedgerUnreachable, match=r"ended at once \(exit 1\)"):
        EmbeddedRedis(home, "false").start()
