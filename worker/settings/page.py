"""`docs/settings.md` and `deploy/env.example`, written from the table."""

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


EXAMPLE_HEAD = """\
# Every setting, with its default. Copy this file, and take the # away from what you set.
# systemd (EnvironmentFile), Docker Compose (env_file) and Kubernetes (a ConfigMap) read it: one NAME=value a line, no
# quotes, no spaces around the = sign. Secrets do not belong here: they are in files, which NAME_FILE names.
# Written by `python -m smsq.worker.settings env > deploy/env.example`.
"""


def env_example() -> str:
    """`deploy/env.example`."""
    rows = []
    for field in FIELDS:
        help_text = field.help.replace("`", "")
        default = f" Default: {field.shown.replace('`', '')}." if field.shown else ""
        name = f"{field.variable}_FILE" if field.is_secret else field.variable
        in_file = " This names a file that holds it." if field.is_secret else ""
        in_file = f" {field.variable}_FILE names a file that holds it." if field.is_address else in_file
        rows.append(f"\n# {help_text}{in_file}{default}\n#{name}={'' if field.shown else field.default or ''}\n")
    return EXAMPLE_HEAD + "".join(rows)
