"""Owners and modes of our settings, secrets and home: which other users may change or read them.

A user who can write `smsq.toml` or the home chooses the mirrors that get the password, and the ledger that decides what
is sent twice. So such files are refused, with the command that cures it. `smsq doctor` reports files that others may
read. Systems without owners and modes (Windows) have nothing to check.
"""

from __future__ import annotations

import getpass
import os
import shlex
import stat
from pathlib import Path

from smsq.worker.domain.errors import BadSettings

_NOBODY = 0xFFFFFFFF  # nobody logged in: the process belongs to a service
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_READ = stat.S_IRWXG | stat.S_IRWXO


def user_name() -> str:
    """The user of this process, such as `anna`; `anna as smsq` if she logged in and then became `smsq`, as by sudo."""
    if not hasattr(os, "geteuid"):
        return getpass.getuser()
    name = _user(os.geteuid())
    try:  # Linux keeps who logged in, whatever user they become, and nobody but root can change it
        with open("/proc/self/loginuid", encoding="ascii") as file:
            came_as = int(file.read())
    except (OSError, ValueError):
        return name
    return name if came_as in (_NOBODY, os.geteuid()) else f"{_user(came_as)} as {name}"


def check_home(home: Path) -> None:
    """Raise BadSettings if `home` belongs to another user or others may write in it; it need not exist."""
    path = home.expanduser().absolute()
    try:
        found = path.stat()
    except OSError:  # the code that needs it will report the error
        return
    _check(path, found, "SMSQ_HOME")


def read_own(path: Path) -> bytes:
    """What a settings file holds. Raises BadSettings as `check_home` does, OSError if it cannot be read."""
    with path.open("rb") as file:
        _check(path.absolute(), os.fstat(file.fileno()), "the file with the settings")
        return file.read()


def readable_by_others(path: Path) -> str:
    """How others may read this file, and the cure, in words; '' if they may not or it is not there."""
    try:
        found = path.expanduser().stat()
    except OSError:
        return ""
    if not hasattr(os, "geteuid"):
        return ""
    if found.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to {_user(found.st_uid)}; chown {_user(os.geteuid())} {shlex.quote(str(path))}"
    if found.st_mode & _OTHERS_READ:
        return f"others may read {path} (mode {_mode(found)}); chmod 600 {shlex.quote(str(path))}"
    return ""


def _check(path: Path, found: os.stat_result, what: str) -> None:
    if not hasattr(os, "geteuid"):
        return
    quoted = shlex.quote(str(path))
    if found.st_uid not in (os.geteuid(), 0):
        owner = _user(found.st_uid)
        raise BadSettings(
            f"{what}, {path}, belongs to {owner}, and this process runs as {_user(os.geteuid())}: run it as {owner} "
            f"(sudo -u {owner} …), or, if it is yours, chown -R {_user(os.geteuid())} {quoted}"
        )
    if found.st_mode & _OTHERS_WRITE:
        raise BadSettings(
            f"{what}, {path}, can be written by others (owner {_user(found.st_uid)}, mode {_mode(found)}): "
            f"look at what is in it, then chmod go-w {quoted}"
        )


def _mode(found: os.stat_result) -> str:
    return f"{stat.S_IMODE(found.st_mode):04o}"


def _user(number: int) -> str:
    """The name of a user, their number if there is none."""
    try:
        import pwd

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError):
        return str(number)
