"""Letting others go first: nice values that count between sessions too.

Linux shares the processor among sessions first and among the processes of each then ("autogroup", on by default
in most distributions), so that a nice value alone changes nothing against processes of other sessions; and our
processes, like services, have a session each. The session's own nice value is in `/proc/<pid>/autogroup`
(proc_pid_autogroup(5)).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def give_way(nice: int) -> bool:
    """Make this process at least as nice as `nice`, and its session if it leads it; False: ask again later."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    return make_session_nice(os.getpid(), nice)


def make_session_nice(pid: int, nice: int) -> bool:
    """Make the session that `pid` leads at least as nice as `nice`; False if the kernel wants to be asked again.

    Without privileges it takes one change in 0.1 s from the whole machine.
    """
    try:
        if os.getsid(pid) != pid:
            return True  # others live in it
        path = Path(f"/proc/{pid}/autogroup")
        if int(path.read_text().rpartition(" ")[2]) < nice:
            path.write_text(str(nice))
    except BlockingIOError:
        return False
    except (OSError, ValueError):  # not Linux, no autogroup, or it has ended
        return True
    return True
