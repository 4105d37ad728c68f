"""A process that was suspended over the journal's lock: nobody waits for it without end, and it is named."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import JournalTrouble
from smsq.worker.host.file_locks import Holder, holders
from smsq.worker.host.journal import Journal
from smsq.worker.processes.host_ledger import HostLedger
from smsq.worker.processes.supervisor import Supervisor
from tests.worker.processes.test_supervisor import FOREVER, await_true, child, running

HOLD = (
    "import fcntl, os, sys, time; held = os.open(sys.argv[1], os.O_RDWR); fcntl.flock(held, int(sys.argv[2]));"
    "print('held', flush=True); time.sleep(600)"
)


@pytest.fixture
def suspend() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A process that holds a home's lock, and is stopped over it: `suspend(home, LOCK_EX, "recover")`."""
    started: list[subprocess.Popen[str]] = []

    def start(home: Path, how: int, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", HOLD, str(home / "journal" / "run"), str(how), "smsq.producers.cli", *words]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGSTOP)
        await_true(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_claim_does_not_wait_for_a_suspended_process(
    home: Path, suspend: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is trouble with the holder's name, and the claim goes back; enrolments need no lock."""
    monkeypatch.setattr("smsq.worker.host.followed.LOCK_S", 0.05)
    journal = Journal(home)
    journal.follow("r1")
    process = suspend(home, fcntl.LOCK_EX, "recover", "--yes")

    with pytest.raises(JournalTrouble, match=rf"process {process.pid} \(smsq recover\) is suspended"):
        journal.claim("r1", 1, 100, Ref(1))
    journal.enrolment("r1", 2, 7, "abc")
    assert journal.tidy() == 0
    assert journal.newest_run() == "r1"
    assert journal.report().batch == 7


def test_who_holds_it_is_named_without_what_is_private(home: Path, suspend: Callable[..., Any]) -> None:
    """The command alone: a phone and a text may stand behind it."""
    journal = Journal(home)
    process = suspend(home, fcntl.LOCK_SH, "send", "+79991234567", "Your code is 4821")

    assert journal.holders() == [Holder(process.pid, "smsq send", True)]
    assert holders(os.open(home / "journal" / "boots", os.O_RDONLY)) == []


def test_the_supervisor_goes_on_while_a_suspended_process_holds_the_lock(
    plant: Any, home: Path, suspend: Callable[..., Any]
) -> None:
    """A killed child is started again and a request to stop is obeyed; the holder is named to the person."""
    said: list[str] = []
    host_ledger = HostLedger(plant.runtime, said.append)
    process = suspend(home, fcntl.LOCK_EX, "recover")
    plant.ledger.redis.hset(plant.ledger.key("run"), "current", "another")
    supervisor = Supervisor(home, [child("a", FOREVER)], tick=host_ledger.tick)
    with running(supervisor) as codes:
        await_true(supervisor.pids)
        first = supervisor.pids()["a"]
        await_true(lambda: any(f"process {process.pid} (smsq recover) is suspended" in line for line in said))
        os.kill(first, signal.SIGKILL)
        await_true(lambda: supervisor.pids().get("a") not in (None, first))
    assert codes == [0]
    assert process.poll() is None  # it is nobody's worker


def test_a_master_that_hangs_holds_nobody_up(plant: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs: the loop goes on, and asks for the roll call again once it is over."""
    host_ledger, go_on, asked = HostLedger(plant.runtime), threading.Event(), []

    def hang() -> bool:
        asked.append(time.monotonic())
        return not go_on.wait(60)

    monkeypatch.setattr(host_ledger._master, "tick", hang)
    supervisor = Supervisor(home, [child("a", FOREVER)], tick=host_ledger.tick)
    with running(supervisor):
        await_true(supervisor.pids)
        first = supervisor.pids()["a"]
        os.kill(first, signal.SIGKILL)
        await_true(lambda: supervisor.pids().get("a") not in (None, first))
        assert len(asked) == 1
        go_on.set()
        await_true(lambda: len(asked) > 1)


def test_a_frozen_worker_over_the_lock_is_killed(plant: Any, home: Path, suspend: Callable[..., Any]) -> None:
    """Whoever started it: the roll call goes on."""
    process = suspend(home, fcntl.LOCK_SH, "worker", "--lane", "bulk")
    host_ledger = HostLedger(plant.runtime)
    plant.ledger.redis.hset(plant.ledger.key("run"), "current", "another")
    (home / "journal" / "run").write_text("earlier\n")

    def is_over() -> bool:
        host_ledger.tick()
        return process.poll() is not None and plant.ledger.beat().in_force

    await_true(is_over, 40)
