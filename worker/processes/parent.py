"""End this process when its parent is gone, so that a killed master leaves no orphans."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

PARENT_GONE = 71  # exit code of a process whose parent died; EX_OSERR, not a failure of its own
_POLL_S = 0.5
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int | None = None, *, leave: Callable[[], None] | None = None) -> None:
    """Arrange for this process to end when its parent has ended.

    `parent` is the pid that started us (default: the present parent). On Linux the kernel sends
    SIGKILL; elsewhere a thread looks every half second and calls `leave` (default: exit at once
    with code 71). Calling it in a process whose parent is gone already ends it.
    """
    parent = os.getppid() if parent is None else parent
    leave = leave or (lambda: os._exit(PARENT_GONE))
    signalled = ask_kernel(signal.SIGKILL)
    if os.getppid() != parent:
        leave()
    if not signalled:
        threading.Thread(target=_watch, args=(parent, leave), name="parent", daemon=True).start()


def ask_kernel(signum: signal.Signals) -> bool:
    """Have the kernel send us `signum` when our parent ends; False if it cannot (only Linux can)."""
    return _libc is not None and _libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0) == 0


def _watch(parent: int, leave: Callable[[], None]) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    leave()
