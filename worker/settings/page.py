"""`docs/settings.md`, written from the table."""

from __future__ import annotations

import msgspec

from smsq.worker.settings.table import FIELDS


class Described(msgspec.Struct, frozen=True):
    """A row of the settings page."""

    variable: str
    default: str
    help: str


def describe() -> list[Described]:
    """Every setting with its default and its sentence, for the documentation and the command line."""
    return [
        Described(
            field.variable,
            field.shown or (f"`{field.default}`" if field.default else ""),
            field.help + (f" Or a file that holds it: `{field.variable}_FILE`." if field.may_be_in_file else ""),
        )
        for field in FIELDS
    ]


def page() -> str:
    """`docs/settings.md`."""
    rows = "\n".join(f"| `{row.variable}` | {row.default} | {row.help} |" for row in describe())
    return (
        "# Settings\n\nSettings come from the environment, or from `smsq.toml` in the working directory (the same "
        "names without\n`SMSQ_`, in lower case). The environment wins.\nAn unknown name or a value that is not valid "
        "stops the start, with a sentence that says what to change.\n"
        "Written by `python -m smsq.worker.settings > docs/settings.md`.\n\n"
        f"| name | default | |\n|---|---|---|\n{rows}\n"
    )
