"""Where values come from: the environment, `smsq.toml`, and files that hold a secret."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smsq.worker import ownership
from smsq.worker.domain import guests
from smsq.worker.domain.errors import BadSettings
from smsq.worker.settings import readers
from smsq.worker.settings.masks import masked
from smsq.worker.settings.table import FIELDS, PREFIX, Field

FILE_NAME = "smsq.toml"
PROGRAM = "redis_server"  # the one setting that is run


def from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment sets, by variable; raises BadSettings for an unknown name."""
    return _known({name: value for name, value in environ.items() if name.startswith(PREFIX)})


def from_file(file: Path) -> dict[str, str]:
    """What a toml file sets, by variable: its keys are the names without `SMSQ_`, in lower case."""
    try:
        content = tomllib.loads(ownership.read_own(file).decode("utf-8-sig"))
    except OSError as error:
        raise BadSettings(f"{file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{file} is not TOML: {error}") from None
    if PROGRAM in content:  # a folder from somebody else must not choose what runs here
        raise BadSettings(f"{file}: {PROGRAM} names a program, which no file may; set SMSQ_REDIS_SERVER instead")
    return _known({PREFIX + key.upper(): _flat(value) for key, value in content.items()})


def _flat(value: object) -> str:
    """A value of a toml file as the environment would write it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ",".join(f"{name}:{each}" for name, each in value.items())
    return str(value)


def _known(written: dict[str, str]) -> dict[str, str]:
    in_files = [f"{field.variable}_FILE" for field in FIELDS if field.may_be_in_file]
    names = [field.variable for field in FIELDS] + in_files
    for name in written:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.5)
            raise BadSettings(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return {name: value for name, value in written.items() if value.strip()}


def together(environ: Mapping[str, str], file: Mapping[str, str]) -> dict[str, str]:
    """What both set; a setting of the environment wins, whether it holds the value or names a file that does."""
    set_there = {name.removesuffix("_FILE") for name in environ}
    return {**{name: value for name, value in file.items() if name.removesuffix("_FILE") not in set_there}, **environ}


def with_values(environ: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """`environ` with these settings, which take the place of files that hold them."""
    replaced = {f"{variable}_FILE" for variable in values}
    return {**{name: value for name, value in environ.items() if name not in replaced}, **values}


def value_of(field: Field, written: Mapping[str, str]) -> Any:
    """One setting's value, read and checked."""
    given = written.get(field.variable)
    if field.may_be_in_file and (path := written.get(f"{field.variable}_FILE")):
        if given is not None:
            raise BadSettings(f"{field.variable} and {field.variable}_FILE are both set; keep one")
        given = _secret_in(path, f"{field.variable}_FILE")
    if given is None:
        given = field.default
    if given is None:
        return None
    try:
        return field.read(given.strip())
    except ValueError as error:
        value = (
            "what it holds"
            if field.is_secret or field.read in (readers.test_codes, readers.phones_list, guests.read)
            else repr(masked(given, is_address=field.is_address))
        )
        raise BadSettings(f"{field.variable}: {value} is not valid; give {error}") from None


def _secret_in(path: str, variable: str) -> str:
    try:
        held = Path(path).expanduser().read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        raise BadSettings(f"{variable}: {path} cannot be read") from None
    if not held:
        raise BadSettings(f"{variable}: {path} is empty")
    return held


def secret_files(environ: Mapping[str, str] | None = None) -> list[Path]:
    """Every file that holds a secret of this installation: those that settings name, and `smsq.toml` if it has any.

    Reads the environment as `Settings.load` does; raises BadSettings likewise.
    """
    file = Path(FILE_NAME) if Path(FILE_NAME).is_file() else None
    told = from_file(file) if file else {}
    written = together(from_environ(os.environ if environ is None else environ), told)
    secrets = [field.variable for field in FIELDS if field.is_secret]
    files = [f"{field.variable}_FILE" for field in FIELDS if field.may_be_in_file]
    named = [Path(written[name]).expanduser() for name in files if name in written]
    has_some = {*secrets, "SMSQ_REDIS_URL", "SMSQ_BROKER_URL"} & told.keys()
    return [*named, *([file] if file and has_some else [])]
