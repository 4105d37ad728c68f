"""The folders in which processes keep their counters, so that the exporter can add them up.

There is one folder per child and start: `$SMSQ_HOME/metrics/<name>-<pid of the starter>`. It is named in the
environment before prometheus-client is imported; a folder whose starter is gone is removed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def folder(home: Path, name: str, pid: int | None = None) -> Path:
    """Make and return the folder of `name`, started by `pid` (default: this process)."""
    path = home / "metrics" / f"{name}-{os.getpid() if pid is None else pid}"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def choose(home: Path, name: str, environ: MutableMapping[str, str] | None = None) -> None:
    """Name a folder in the environment, unless the supervisor did; call this before importing metrics."""
    environ = os.environ if environ is None else environ
    if VARIABLE not in environ:
        clean(home)
        environ[VARIABLE] = str(folder(home, name))


def clean(home: Path) -> None:
    """Remove the folders of starts that are over; also those with our own pid, which in a container all have."""
    for path in (home / "metrics").glob("*-*"):
        pid = path.name.rpartition("-")[2]
        if not pid.isdigit() or int(pid) == os.getpid() or not _lives(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def counters(home: Path) -> list[str]:
    """All files of this home that count: of dead processes the counters, not the gauges."""
    return [str(path) for path in (home / "metrics").glob("*/*.db") if not _is_gauge_of_dead(path.stem)]


def _is_gauge_of_dead(name: str) -> bool:
    """Whether a file such as `gauge_min_4711` belongs to a dead process."""
    kind, _, pid = name.rpartition("_")
    return kind.startswith("gauge") and pid.isdigit() and not _lives(int(pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
