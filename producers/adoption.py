"""Whose ledger a producer writes to: the one it was told of, else that of the `smsq up` of its home.

`smsq up` leaves `up.json` in its home, readable by its owner alone: where its Redis is, and the settings
that producers must share with its workers. It counts only while the process that wrote it lives.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from smsq.worker.domain.errors import LedgerUnreachable
from smsq.worker.settings import FILE_NAME, Settings


class Up(msgspec.Struct, frozen=True):
    """What `up.json` holds; secrets are not in it."""

    pid: int
    redis_url: str
    broker_url: str
    home: str
    settings: dict[str, str] = {}
    control: str = ""  # where its sandbox is told what to do, '' without one
    own_key: bool = False  # whether its secret key is the one in its home


_UP = msgspec.json.Decoder(Up)


def adopt(environ: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """The settings of a producer; raises LedgerUnreachable if no Redis is named and nothing is up.

    If `SMSQ_REDIS_URL` is not set, what the running `smsq up` announced wins over the environment:
    its workers already live by it. Raises BadSettings as `Settings.load` does.
    """
    if file is None and environ is None and Path(FILE_NAME).is_file():
        file = Path(FILE_NAME)
    environ = os.environ if environ is None else environ
    settings = Settings.load(environ, file)
    if settings.redis_url is not None:
        return _with_its_queues(settings)
    up = _up_of(settings.home)
    told = {"SMSQ_HOME": up.home, "SMSQ_REDIS_URL": up.redis_url, "SMSQ_BROKER_URL": up.broker_url}
    return _with_its_key(Settings.load({**environ, **up.settings, **told}, file), up)


def adopt_given(settings: Settings) -> Settings:
    """The same for a program that built its settings itself: all are kept, the way to the ledger is learnt.

    Raises LedgerUnreachable as `adopt` does.
    """
    if settings.redis_url is not None:
        return _with_its_queues(settings)
    up = _up_of(settings.home)
    way = {"home": Path(up.home), "redis_url": up.redis_url, "broker_url": settings.broker_url or up.broker_url}
    return _with_its_key(msgspec.structs.replace(settings, **way), up)


def _with_its_queues(settings: Settings) -> Settings:
    """The queues of the `smsq up` of this home, if its private ledger is named and no queues are."""
    up = running(settings.home) if settings.broker_url is None else None
    if up is None or up.redis_url != settings.redis_url:
        return settings
    return msgspec.structs.replace(settings, broker_url=up.broker_url)


def _with_its_key(settings: Settings, up: Up) -> Settings:
    """One secret key on both sides: if `smsq up` was given none, both read that of its home."""
    return msgspec.structs.replace(settings, secret_key=None) if up.own_key else settings


def _up_of(home: Path) -> Up:
    up = running(home)
    if up is None:
        raise LedgerUnreachable(
            f"nothing is up in {home.expanduser().absolute()} and no Redis is named: start `smsq up` "
            "(or `smsq up --sandbox`) in another terminal, set SMSQ_HOME to the .smsq of the folder in which it runs "
            "already, or set SMSQ_REDIS_URL"
        )
    return up


def running(home: Path) -> Up | None:
    """What the `smsq up` of this home announced, None if none runs."""
    try:
        up = _UP.decode((home.expanduser() / "up.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return up if _lives(up.pid) else None


def _lives(pid: int) -> bool:
    if os.name == "nt":  # no `smsq up` runs there, and to ask there is to kill
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives and is somebody else's
        return True
    return True
