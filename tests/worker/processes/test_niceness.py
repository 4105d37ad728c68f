"""Processes that let others go first, by real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smsq.worker.processes.niceness import make_session_nice

ROOT = Path(__file__).parents[3]
IMPORTS = """
import os, pathlib, subprocess, sys
from smsq.worker.processes.niceness import give_way
group = pathlib.Path("/proc/self/autogroup")
"""
LEADER = """
if sys.argv[1:]:
    group.write_text(sys.argv[1])
give_way(7)
print(os.nice(0), group.read_text().split()[-1])
"""
FOLLOWER = """
follower = "import os; from smsq.worker.processes.niceness import give_way; give_way(7); print(os.nice(0))"
print(subprocess.check_output([sys.executable, "-c", follower], text=True).strip(), group.read_text().split()[-1])
"""


def said_by_leader(script: str, *args: str) -> list[str]:
    """What a process that leads a session of its own says of its nice value and its session's."""
    argv = [sys.executable, "-c", IMPORTS + script, *args]
    done = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, start_new_session=True)
    return done.stdout.split()


@pytest.mark.usefixtures("shared_by_session")
def test_a_leader_makes_its_session_nice_and_nobody_elses() -> None:
    """In a session of others only the process is; never less nice than it was."""
    nice = str(max(7, os.nice(0)))

    assert said_by_leader(LEADER) == [nice, "7"]
    assert said_by_leader(LEADER, "12") == [nice, "12"]
    assert said_by_leader(FOLLOWER) == [nice, "0"]


def test_a_session_without_a_group_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's first session is in none, as a container's may be: its file is there and empty."""
    monkeypatch.setattr(os, "getsid", lambda pid: pid)
    monkeypatch.setattr(Path, "read_text", lambda path: "")

    assert make_session_nice(os.getpid(), 7)


def test_a_kernel_that_wants_to_be_asked_again_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes one change in 0.1 s; only a process without privileges sees that, so its refusal is made here."""
    refusals = iter([BlockingIOError])

    def write(path: Path, content: str) -> int:
        for refusal in refusals:
            raise refusal
        return len(content)

    monkeypatch.setattr(os, "getsid", lambda pid: pid)
    monkeypatch.setattr(Path, "read_text", lambda path: "/autogroup-1 nice 0\n")
    monkeypatch.setattr(Path, "write_text", write)

    assert [make_session_nice(1, 7), make_session_nice(1, 7)] == [False, True]


def test_what_has_ended_is_not_asked_again() -> None:
    """A process that is gone is as nice as it will be."""
    ended = subprocess.Popen(["true"], start_new_session=True)
    ended.wait()

    assert make_session_nice(ended.pid, 7)
