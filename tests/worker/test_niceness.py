"""Processes that let others go first, by real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from worker.niceness import make_session_nice

ROOT = Path(__file__).parents[2]
AUTOGROUP = Path("/proc/self/autogroup")
SCRIPT = """
import os, pathlib, sys
from worker.niceness import give_way
group = pathlib.Path("/proc/self/autogroup")
if sys.argv[1] != "0":
    group.write_text(sys.argv[1])
give_way(7)
print(os.nice(0), group.read_text().split()[-1])
"""


def said_by_one(*, leads: bool, was: int = 0) -> list[str]:
    """Its nice value and its session's, by a process that gives way; `was` is how nice the session was before."""
    argv = [sys.executable, "-c", SCRIPT, str(was)]
    done = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, start_new_session=leads)
    return done.stdout.split()


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not share the processor among sessions")
def test_a_leader_makes_its_session_nice_and_nobody_elses() -> None:
    """In a session of others only the process is; never less nice than it was."""
    nice, session = str(max(7, os.nice(0))), AUTOGROUP.read_text().split()[-1]

    assert said_by_one(leads=True) == [nice, "7"]
    assert said_by_one(leads=True, was=12) == [nice, "12"]
    assert said_by_one(leads=False) == [nice, session]
    assert AUTOGROUP.read_text().split()[-1] == session


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
