"""Processes that let others go first, by real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from worker.niceness import is_session_nice

ROOT = Path(__file__).parents[2]
AUTOGROUP = Path("/proc/self/autogroup")
SCRIPT = (
    "import os, pathlib; from worker.niceness import give_way; give_way(7); "
    "print(os.nice(0), pathlib.Path('/proc/self/autogroup').read_text().split()[-1])"
)


def said_by_one(*, leads: bool) -> list[str]:
    """Its nice value and its session's, by a process that gives way."""
    argv = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, start_new_session=leads)
    return done.stdout.split()


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not share the processor among sessions")
def test_a_leader_makes_its_session_nice_and_nobody_elses() -> None:
    """In a session of others only the process is; never less nice than it was."""
    nice, session = max(7, os.nice(0)), AUTOGROUP.read_text().split()[-1]

    assert said_by_one(leads=True) == [str(nice), "7"]
    assert said_by_one(leads=False) == [str(nice), session]
    assert AUTOGROUP.read_text().split()[-1] == session


def test_what_has_ended_is_not_asked_again() -> None:
    """A process that is gone is as nice as it will be."""
    ended = subprocess.Popen(["true"], start_new_session=True)
    ended.wait()

    assert is_session_nice(ended.pid, 7)
