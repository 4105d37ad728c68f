"""The folders in which processes keep their counters, so that the exporter can add them up.

There is one folder per child and start: `$SMSQ_HOME/metrics/<name>-<pid of the starter>`. It is named in the
environment before prometheus-client is imported. A folder whose starter is gone is removed; what its processes have
counted is kept in one file, `past/past.db`, and goes on being counted.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from smsq.worker.host import file_locks

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
LOCK_S = 0.5  # how long one waits for others who move or read counters; then it is done without the lock


def folder(home: Path, name: str, pid: int | None = None) -> Path:
    """Make and return the folder of `name`, started by `pid` (default: this process)."""
    path = home / "metrics" / f"{name}-{os.getpid() if pid is None else pid}"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def choose(home: Path, name: str, environ: MutableMapping[str, str] | None = None) -> None:
    """Name a folder in the environment, unless the supervisor did; call this before importing metrics."""
    environ = os.environ if environ is None else environ
    if VARIABLE not in environ:
        environ[VARIABLE] = str(home / "metrics" / f"{name}-{os.getpid()}")  # before `clean` imports prometheus-client
        clean(home)
        folder(home, name)


def clean(home: Path) -> None:
    """Move what dead processes have counted into one file, and remove their files and folders.

    For the start of a process that starts others: folders with its own number are of an earlier one, since in a
    container all have the same.
    """
    _move(home, [path for path in _folders(home) if not _is_of_living(path.name) or _is_own(path.name)])


def move_dead(home: Path) -> None:
    """The same while children of this process run."""
    _move(home, [path for path in _folders(home) if not _is_of_living(path.name)])


def _move(home: Path, old: list[Path]) -> None:
    """Move the counters of dead processes, and of all that counted in these folders."""
    dead = [path for path in (home / "metrics").glob("*-*/*.db") if path.parent in old or not _is_of_living(path.stem)]
    if dead:
        from smsq.worker.processes.counters import PAST, move_to_past

        past = home / "metrics" / "past"
        with _locked(home, file_locks.ALONE), contextlib.suppress(OSError):  # on a full disk they stay where they are
            past.mkdir(exist_ok=True, mode=0o700)
            move_to_past(dead, past / PAST)
    for path in old:
        if not any(path.glob("*.db")):
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def counters(home: Path) -> Iterator[list[str]]:
    """All files of this home that count, and stay where they are meanwhile; of dead processes no gauges."""
    with _locked(home, file_locks.SHARED):
        found = (home / "metrics").glob("*/*.db")
        yield [str(path) for path in found if not path.name.startswith("gauge") or _is_of_living(path.stem)]


@contextlib.contextmanager
def _locked(home: Path, how: int) -> Iterator[None]:
    """Hold the lock of the counters, or go on without it if somebody holds it for long."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(home / "metrics", os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            stack.enter_context(file_locks.held(descriptor, how, LOCK_S))
        yield


def _folders(home: Path) -> list[Path]:
    return [path for path in (home / "metrics").glob("*-*") if path.is_dir()]


def _is_own(name: str) -> bool:
    return _pid(name) == os.getpid()


def _is_of_living(name: str) -> bool:
    """Whether the process lives whose number a name such as `bulk-4711` or `gauge_min_4711` ends with."""
    pid = _pid(name)
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _pid(name: str) -> int | None:
    found = re.search(r"[-_](\d+)$", name)
    return int(found[1]) if found else None
