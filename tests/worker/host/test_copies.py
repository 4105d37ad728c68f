"""A home that is a copy of another: two hosts with one number would vouch for each other's claims."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsq.worker.domain.status import BatchState
from smsq.worker.ledger.hosts import HomeInUse
from smsq.worker.ledger.runs import HEARD_MS
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from tests.worker.conftest import ACCOUNT

HostOn = Callable[[str], Any]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that starts waits for no other to fall silent."""
    monkeypatch.setattr("smsq.worker.host.master.SILENT_AFTER_S", 0.0)


def copied(host_on: HostOn, tmp_path: Path, name: str, of: str) -> Any:
    shutil.copytree(tmp_path / of, tmp_path / name)
    return host_on(name)


@pytest.mark.usefixtures("impatient")
def test_a_copy_of_a_home_that_is_in_use_is_not_let_in(host_on: HostOn, tmp_path: Path) -> None:
    """The error names the home in use, and says what to do about the copy; its own number makes it a host."""
    first = host_on("a").start()
    twin = copied(host_on, tmp_path, "b", "a")
    assert twin.journal.host == first.journal.host

    with pytest.raises(HomeInUse, match=f"in use: .*{tmp_path}/a.* remove its folder `journal`"):
        twin.master.establish(ACCOUNT)
    assert first.until_cleared()
    shutil.rmtree(tmp_path / "b")
    assert host_on("b").start().until_cleared()


def test_what_a_copy_has_said_is_not_sent_again(server: EmbeddedRedis, host_on: HostOn, tmp_path: Path) -> None:
    """Let in while the other was not heard, it is the only one that claims; a restart of Redis frees nothing of its."""
    first = host_on("a").start()
    twin = copied(host_on, tmp_path, "b", "a")
    silent(first)
    twin.start()
    ref = first.enrol()
    twin.said(ref)

    assert not first.master.tick()
    assert "another home has the number of this host" in first.said_to_a_person[-1]
    waiting = first.enrol(1)
    claim = first.claim(waiting)
    assert not first.journal.claim(claim.run, claim.n, claim.gateway_id, waiting)
    server.stop()
    server.start()
    assert not first.until_cleared(0.3)
    assert twin.until_cleared()
    assert twin.state(ref) == BatchState.SENDING


@pytest.mark.usefixtures("impatient")
def test_a_home_may_move_once_the_old_one_is_silent(host_on: HostOn, tmp_path: Path) -> None:
    """A copy goes on for a home that is out of use; the old one then stays out, until the new one is silent."""
    first = host_on("a").start()
    moved = copied(host_on, tmp_path, "b", "a")
    silent(first)

    assert moved.start().until_cleared()
    with pytest.raises(HomeInUse):
        host_on("a").master.establish(ACCOUNT)
    silent(moved)
    assert host_on("a").start().until_cleared()


def test_the_same_home_starts_again_at_once(host_on: HostOn) -> None:
    """A killed host, and its other processes, are no copies."""
    host_on("a").start()

    assert host_on("a").start().until_cleared()


def silent(host: Any) -> None:
    """Have the ledger believe that the host was heard long ago."""
    ledger = host.ledger
    ledger.redis.hincrby(ledger.key("homes"), f"{host.journal.host}:at", -HEARD_MS)
