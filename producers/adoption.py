"""The ledger of a producer: the one that its settings name, else that of the `smsq up` of its home.

`smsq up` leaves `up.json` in its home, readable by its owner only, with the address of its Redis and the settings that
producers must share with its workers. The file counts only while the process that wrote it lives.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from smsq.worker.domain.errors import LedgerUnreachable
from smsq.worker.settings import FILE_NAME, Settings


class Up(msgspec.Struct, frozen=True):
    """The content of `up.json`, which has no secrets."""

    pid: int
    redis_url: str
    broker_url: str
    home: str
    settings: dict[str, str] = {}
    control: str = ""  # URL of its sandbox's control endpoint, '' without a sandbox
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
    settings = Settings.load(environ, file, sends=False)  # passwords for sending are the workers'
    if settings.redis_url is not None:
        return _with_its_queues(settings)
    up = _up_of(settings.home)
    told = {"SMSQ_HOME": up.home, "SMSQ_REDIS_URL": up.redis_url, "SMSQ_BROKER_URL": up.broker_url}
    return _with_its_key(Settings.load({**environ, **up.settings, **told}, file, sends=False), up)


def adopt_given(settings: Settings) -> Settings:
    """The same for a program that built its settings itself: all are kept, and the ledger's address is added.

    Raises LedgerUnreachable as `adopt` does.
    """
    if settings.redis_url is not None:
        return _with_its_queues(settings)
    up = _up_of(settings.home)
    way = {"home": Path(up.home), "redis_url": up.redis_url, "broker_url": settings.broker_url or up.broker_url}
    return _with_its_key(msgspec.structs.replace(settings, **way), up)


def _with_its_queues(settings: Settings) -> Settings:
    """Add the queues of this home's `smsq up`, if the settings name its private ledger and no queues."""
    up = running(settings.home) if settings.broker_url is None else None
    if up is None or up.redis_url != settings.redis_url:
        return settings
    return msgspec.structs.replace(settings, broker_url=up.broker_url)


def _with_its_key(settings: Settings, up: Up) -> Settings:
    """Use one secret key on both sides: if `smsq up` was given none, both read that of its home."""
    return msgspec.structs.replace(settings, secret_key=None) if up.own_key else settings


def _up_of(home: Path) -> Up:
    up = running(home)
    if up is None:
        raise LedgerUnreachable(
            f"nothing runs in {home.expanduser().absolute()} and SMSQ_REDIS_URL is not set: start `smsq up` (or "
            "`smsq up --sandbox`) in another terminal; if it already runs, set SMSQ_HOME to the .smsq of its folder; "
            "or set SMSQ_REDIS_URL"
        )
    return up


def running(home: Path) -> Up | None:
    """What this home's `smsq up` announced, None if none runs."""
    try:
        up = _UP.decode((home.expanduser() / "up.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return up if _lives(up.pid) else None


def _lives(pid: int) -> bool:
    if os.name == "nt":  # no `smsq up` runs on Windows, and os.kill would end the process
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, under another user
        return True
    return True
