"""Nice values that also count between sessions.

Linux shares the processor first among sessions, then among the processes of each ("autogroup", on by default in most
distributions). So a nice value alone has no effect on processes of other sessions, and each of our processes has a
session of its own. The nice value of a session is in `/proc/<pid>/autogroup` (proc_pid_autogroup(5)).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def give_way(nice: int) -> bool:
    """Make this process at least as nice as `nice`, and its session if it leads one; False: try again later."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    return make_session_nice(os.getpid(), nice)


def make_session_nice(pid: int, nice: int) -> bool:
    """Make the session that `pid` leads at least as nice as `nice`; False if it must be tried again.

    Without privileges the kernel accepts one change in 0.1 s from the whole machine.
    """
    try:
        if os.getsid(pid) != pid:
            return True  # other processes are in it
        path = Path(f"/proc/{pid}/autogroup")
        if int(path.read_text().rpartition(" ")[2]) < nice:
            path.write_text(str(nice))
    except BlockingIOError:
        return False
    except (OSError, ValueError):  # not Linux, no autogroup, or it has ended
        return True
    return True
