"""Folders of counters: whose are added up, and whose are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from smsq.worker.processes import metrics_folder


def ended() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_how_a_dead_process_stood_is_forgotten_and_what_it_counted_is_not(home: Path) -> None:
    """A worker that died while it polled leaves no `smsq_bell_up 0` for ever."""
    dead, folder = ended(), metrics_folder.folder(home, "urgent")
    files = [f"gauge_min_{dead}.db", f"gauge_livesum_{dead}.db", f"counter_{dead}.db", f"gauge_min_{os.getpid()}.db"]
    for name in files:
        (folder / name).touch()

    assert sorted(Path(path).name for path in metrics_folder.counters(home)) == sorted(files[2:])


def test_a_start_under_the_same_number_begins_anew(home: Path) -> None:
    """In a container every start is process 1: what the last one left there is not ours."""
    old = metrics_folder.folder(home, "urgent") / f"gauge_min_{os.getpid()}.db"
    old.touch()
    metrics_folder.clean(home)

    assert not old.exists()
