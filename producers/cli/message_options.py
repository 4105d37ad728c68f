"""The flags that come from the tables of channels and options: `--channel`, and one for each option."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import click

from smsq.worker.domain.batch import PLAIN_CHANNEL, Options
from smsq.worker.gateway.channels import names
from smsq.worker.gateway.options import OPTIONS

Command = Callable[..., Any]


def message_flags(*, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Give a command `--channel` and a flag for each option, except those `without`, which it has itself."""

    def give(function: Command) -> Command:
        for row in reversed(OPTIONS.values()):
            if row.name not in without:
                function = click.option(f"--{row.name}", help=row.help)(function)
        channels = ", ".join(names())
        return click.option("--channel", default=PLAIN_CHANNEL, show_default=True, help=f"Channel: {channels}.")(
            function
        )

    return give


def options_of(told: dict[str, Any]) -> Options:
    """Take what such flags gave out of a command's arguments; raises BadInput for a value that cannot be read."""
    fields: dict[str, Any] = {}
    for name, row in OPTIONS.items():
        if (written := told.pop(name, None)) is not None:
            fields[name] = row.read(written)
    return Options(channel=told.pop("channel"), **fields)
