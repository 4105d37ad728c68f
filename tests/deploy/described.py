"""What descriptions of deployments may name: settings, commands, paths of health, ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from smsq.producers.cli import main
from smsq.worker.settings import FIELDS, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OF_OTHERS = {"SANDBOX_PASSWORD", "SANDBOX_CALLBACK_SECRET"}  # of our commands, and no settings
VARIABLES = {row.variable for row in FIELDS}
IN_FILES = {f"{row.variable}_FILE" for row in FIELDS if row.may_be_in_file}
SECRET = {row.variable for row in FIELDS if row.is_secret}


def unknown_settings(names: Iterator[str] | Sequence[str]) -> set[str]:
    """Of these names of the environment, those that no process of ours knows."""
    return set(names) - VARIABLES - IN_FILES - OF_OTHERS


def check_command(argv: Sequence[str]) -> None:
    """Have click read the words behind `smsq`; raises UsageError for a command, an option or a value there is not."""
    command = main.get_command(click.Context(main), argv[0])
    if command is None:
        raise click.UsageError(f"there is no command {argv[0]}")
    command.make_context(argv[0], list(argv[1:]))


def settings_in(file: Path) -> dict[str, str]:
    """The lines `NAME=value` of a file for systemd, Compose and Kubernetes."""
    rows = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(row.split("=", 1) for row in rows)


def loaded(values: Mapping[str, str]) -> Settings:
    """The settings that a process has in this environment."""
    return Settings.load({"SMSQ_HOME": "/nonexistent/smsq", **values})


def every(value: Any) -> Iterator[Any]:
    """A value and everything in it."""
    yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inside:
        yield from every(each)
