"""Folders of counters: whose are added up, and whose are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from smsq.worker.processes import metrics_folder
from smsq.worker.processes.counters import Reader


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

    with metrics_folder.counters(home) as paths:
        assert sorted(Path(path).name for path in paths) == sorted(files[2:])


def test_a_start_under_the_same_number_begins_anew(home: Path) -> None:
    """In a container every start is process 1: what the last one left there is not ours."""
    old = metrics_folder.folder(home, "urgent") / f"gauge_min_{os.getpid()}.db"
    old.touch()
    metrics_folder.clean(home)

    assert not old.exists()


COUNT = """
import sys
from smsq.worker.metrics import Metrics
metrics = Metrics.of_process()
for _ in range(int(sys.argv[1])):
    metrics.hint_lost("bulk")
    metrics.actor_ran("send_batches", "done", 0.07)
metrics.bell_up("bulk", False)
"""


def count(home: Path, times: int, *, starter: int | None = None) -> None:
    """Have a process count, which ends then."""
    environ = {**os.environ, metrics_folder.VARIABLE: str(metrics_folder.folder(home, "bulk", starter))}
    subprocess.run([sys.executable, "-c", COUNT, str(times)], env=environ, check=True)


def shown(home: Path) -> dict[tuple[str, str], float]:
    """What is counted, by the sample's name and its bucket."""
    with metrics_folder.counters(home) as paths:
        families = list(Reader().families(paths))
    return {(s.name, s.labels.get("le", "")): s.value for family in families for s in family.samples}


def test_a_sum_goes_on_when_a_process_starts_again(home: Path) -> None:
    """Its starter goes on, and begins anew later: nothing is counted twice or lost, no gauge of the dead is left."""
    count(home, 2)
    count(home, 3, starter=ended())
    before = shown(home)
    metrics_folder.move_dead(home)
    moved = shown(home)
    count(home, 4)
    metrics_folder.clean(home)
    metrics_folder.clean(home)
    after = shown(home)

    assert before == moved
    assert (before["smsq_hints_lost_total", ""], after["smsq_hints_lost_total", ""]) == (5, 9)
    assert [after["smsq_actor_seconds_bucket", le] for le in ("0.05", "0.1", "+Inf")] == [0, 9, 9]
    assert (after["smsq_actor_seconds_count", ""], after["smsq_actor_runs_total", ""]) == (9, 9)
    assert ("smsq_bell_up", "") not in after
    assert [path.name for path in (home / "metrics").glob("**/*.db")] == ["past.db"]


def test_our_sum_is_that_of_the_library(home: Path) -> None:
    """Of all samples, whatever their kind."""
    count(home, 2)
    count(home, 3)
    with metrics_folder.counters(home) as paths:
        theirs = MultiProcessCollector.merge(paths)  # type: ignore[no-untyped-call]
    known = {(s.name, s.labels.get("le", "")): s.value for family in theirs for s in family.samples}

    assert shown(home) == known


def test_a_reader_sees_what_is_counted_meanwhile(home: Path) -> None:
    """Also a label that is new in a file that it has read before."""
    with metrics_folder.counters(home) as paths:
        assert paths == []
    file = metrics_folder.folder(home, "bulk") / f"counter_{os.getpid()}.db"
    values, reader = MmapedDict(str(file)), Reader()  # type: ignore[no-untyped-call]

    def seen(**told: float) -> dict[str, float]:
        for queue, value in told.items():
            key = mmap_key("smsq_hints_lost", "smsq_hints_lost_total", ["queue"], [queue], "help")
            values.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
        return {s.labels["queue"]: s.value for family in reader.families([str(file)]) for s in family.samples}

    assert seen(bulk=1) == {"bulk": 1}
    assert seen(bulk=2) == {"bulk": 2}
    assert seen(bulk=2, urgent=1) == {"bulk": 2, "urgent": 1}
    values.close()  # type: ignore[no-untyped-call]


def test_what_no_table_has_is_not_shown(home: Path) -> None:
    """A metric of an earlier version ends with its processes, and does not go on for ever."""
    file = metrics_folder.folder(home, "bulk", ended()) / f"counter_{ended()}.db"
    values = MmapedDict(str(file))  # type: ignore[no-untyped-call]
    values.write_value(mmap_key("smsq_old", "smsq_old_total", [], [], "help"), 1.0, 0.0)  # type: ignore[no-untyped-call]
    values.close()  # type: ignore[no-untyped-call]

    assert shown(home) == {}
    metrics_folder.clean(home)
    assert shown(home) == {}
