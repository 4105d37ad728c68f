"""The private servers of `smsq up`: what cures one of them that is silent, which is not what cures a foreign one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from smsq.worker.processes.private_redis.redis_server import SHORT

if TYPE_CHECKING:
    from smsq.producers.adoption import Up

LEDGER, QUEUES = "redis", "queues"  # their folders in the home


def cure(up: Up | None, url: str, name: str) -> str:
    """What to do about the server at `url`, which does not answer; '' if it is not a server of `up` itself.

    `name` is LEDGER or QUEUES. Names its process, and what `smsq up` does by itself.
    """
    if up is None or url not in (up.redis_url, up.broker_url) or not _is_private(up, url, name):
        return ""
    pid = _process(Path(up.home) / name)
    if pid is None:
        return f"its process has ended: `smsq up` restarts it by itself, or says in {_log(up)} why it cannot"
    if name == QUEUES:
        return f"it is process {pid}: `smsq up` kills and restarts it within seconds, since it keeps no data"
    return (
        f"it is process {pid}: `smsq up` does not kill it, since its disk may only be slow, and restarts it once it "
        f"has ended; if the disk is in order, `kill -9 {pid}` loses nothing that was acknowledged"
    )


def _is_private(up: Up, url: str, name: str) -> bool:
    """Whether `up` started that server itself: a socket in its home, or in a short folder that it made."""
    path = Path(url.removeprefix("unix://").partition("?")[0])
    return path == Path(up.home) / name / "redis.sock" or path.parent.name.startswith(SHORT)


def _process(folder: Path) -> int | None:
    """The pid of the process that holds the folder, as its starter wrote it down; None if it is dead."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / "server.lock").read_text(encoding="utf-8"))
        os.kill(pid, 0)
        return pid
    return None


def _log(up: Up) -> Path:
    return Path(up.home) / "logs" / "supervisor.log"
