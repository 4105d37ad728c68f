"""The settings of a new installation: checked together, and written all or not at all.

`smsq.toml` is its owner's alone, and each secret lies in a file of its own in `secrets/` beside it. Nothing appears
before everything is on the disk under other names; `smsq.toml` takes its place last.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from smsq.worker.domain.errors import SmsqError
from smsq.worker.settings import FILE_NAME, Settings

FOLDER = "secrets"
HEAD = "# Written by `smsq init`. The environment (SMSQ_...) wins over this file; docs/settings.md has all settings.\n"


@dataclass(frozen=True, kw_only=True)
class FirstSettings:
    """What a person told; `secrets` are by the name of their setting, such as `password`."""

    plain: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)

    def check(self, home: Path) -> Settings:
        """The settings that these make, as every process will read them. Raises BadSettings."""
        told = {f"SMSQ_{name.upper()}": value for name, value in {**self.plain, **self.secrets}.items()}
        return Settings.load({"SMSQ_HOME": str(home), **told})

    def toml(self) -> str:
        """The content of `smsq.toml`: values, and the places of secrets."""
        told = {**self.plain, **{f"{name}_file": f"{FOLDER}/{name}" for name in self.secrets}}
        return HEAD + "".join(f"{name} = {_quoted(value)}\n" for name, value in told.items())


def _quoted(value: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON but for the last control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def in_the_way(folder: Path) -> list[Path]:
    """What is there already and would be replaced."""
    old = folder / FOLDER
    there = [folder / FILE_NAME, *(sorted(old.iterdir()) if old.is_dir() else [])]
    return [path for path in there if path.exists() or path.is_symlink()]


def write(folder: Path, told: FirstSettings) -> list[Path]:
    """Write everything; the files, `smsq.toml` last. Raises SmsqError, and then nothing of it is there.

    Modes are 0700 for the folder of secrets and 0600 for files, whatever the umask says.
    """
    place = folder / FOLDER
    mark = f".{secrets.token_hex(4)}.part"
    contents = {place / name: f"{value}\n" for name, value in told.secrets.items()}
    contents[folder / FILE_NAME] = told.toml()
    beside = {path: path.with_name(f".{path.name}{mark}") for path in contents}
    is_new = not place.exists()
    try:
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            place.chmod(0o700)
            for path, content in contents.items():
                _put(beside[path], content)
            with _undisturbed():
                for path, part in beside.items():
                    os.replace(part, path)
        except BaseException:
            for part in beside.values():
                with contextlib.suppress(OSError):
                    part.unlink()
            if is_new:
                with contextlib.suppress(OSError):
                    place.rmdir()  # unless something is in it
            raise
    except OSError as error:
        raise SmsqError(f"{folder} cannot be written: {error.strerror}") from None
    return list(contents)


def _put(path: Path, content: str) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(number, "w", encoding="utf-8", newline="\n") as file:
        os.fchmod(number, 0o600)
        file.write(content)
        file.flush()
        os.fsync(number)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait: of several files all are replaced or none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
