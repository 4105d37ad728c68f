"""The flags of a message and of a campaign's file: `--channel` and one for each option come from their tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from smsq.worker.domain.batch import PLAIN_CHANNEL, Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.read_as import SEVERAL_PHONES
from smsq.worker.gateway.channels import names
from smsq.worker.gateway.options import OPTIONS

Command = Callable[..., Any]


def message_flags() -> Callable[[Command], Command]:
    """Give a command `--channel` and a flag for each option."""

    def give(function: Command) -> Command:
        for row in reversed(OPTIONS.values()):
            function = click.option(f"--{row.name}", help=row.help)(function)
        channels = ", ".join(names())
        return click.option("--channel", default=PLAIN_CHANNEL, show_default=True, help=f"Channel: {channels}.")(
            function
        )

    return give


per_row_flag = click.option(
    "--per-row",
    multiple=True,
    metavar="OPTION[=COLUMN]",
    help="What FILE has for each row: sender, channel, another option such as subj, or zone, region, at, key, "
    "reference, tags; with its column's name if that is another: tags=city,plan.",
)
zone_unknown_flag = click.option(
    "--zone-unknown",
    metavar="all|own|ZONE",
    help="Keep --window in each recipient's own time. If that is not known: all keeps it in every zone that is "
    "possible, own by this machine's clock, Asia/Omsk or +06:00 there.  [with zone or region: all]",
)


def file_flags(function: Command) -> Command:
    """Give a command its file, the text, and all that says how to read the one and to send the other."""
    options = (
        click.argument("file", type=click.Path(path_type=Path), nargs=-1, required=True),
        click.option(
            "--text",
            help="The text; {column} is replaced by that column's value in each row. hlr and ping have none.",
        ),
        click.option("--template", metavar="NAME[@N]", help="A saved template in place of --text."),
        click.option(
            "--language",
            help="Language of plural forms and dates in the text: ru, uk, en or kk.  [default: told by its letters]",
        ),
        click.option(
            "--plain-chars",
            is_flag=True,
            help="Write plain quotes, dashes and the like wherever that makes a text fewer parts.",
        ),
        click.option(
            "--phone-column", help="The column that holds recipients.  [default: phone, or email by --channel mail]"
        ),
        click.option("--region", default="RU", show_default=True, help="Country of phones that have no plus."),
        click.option(
            "--cap", help="Most messages of campaigns to one recipient, such as 3/day,10/week; with that of `smsq cap`."
        ),
        click.option("--topic", help="What it is about, such as news: those who opted out of that topic are left out."),
        click.option("--encoding", help="Encoding of FILE, such as koi8-r.  [default: told by its letters]"),
        click.option("--sheet", help="Sheet of an XLSX workbook.  [default: the first]"),
        click.option(
            "--several-phones",
            type=click.Choice(SEVERAL_PHONES),
            show_default="error",
            help="A cell with two phones: error rejects its row, each makes a row of each phone.",
        ),
        message_flags(),
        file_flag,
        per_row_flag,
        click.option(
            "--window", help="Send only at these hours of this machine, such as 9-21, or '09:30-20:00 not sat,sun'."
        ),
        click.option("--not-on", metavar="DAYS", help="Days on which nothing is sent, such as sat,sun,2026-12-31."),
        zone_unknown_flag,
    )
    for option in reversed(options):
        function = option(function)
    return function


def template_flags(function: Command) -> Command:
    """Give a command for one message `--template`, and `--set`, whose values are its argument `values`."""
    values = click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="A value for a field of it.")
    return click.option("--template", metavar="NAME[@N]", help="A saved template in place of TEXT.")(values(function))


def values_of(written: Sequence[str]) -> dict[str, str]:
    """What `--set` gave; raises BadInput."""
    values: dict[str, str] = {}
    for each in written:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise BadInput(f"--set takes FIELD=VALUE, such as --set name=Anna, not {each!r}")
        if name.strip() in values:
            raise BadInput(f"--set names {name.strip()} more than once")
        values[name.strip()] = value
    return values


def with_options(told: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a campaign's command with those flags, and `--per-row`, as `draft` takes them."""
    options = options_of(told)
    return {
        **told,
        "options": options,
        "per_row": named_columns(told["per_row"]),
        "window": _window(told["window"], told.pop("not_on")),
    }


def named_columns(written: Sequence[str]) -> dict[str, str]:
    """What `--per-row` gave: each option with its column."""
    named = (each.partition("=") for each in written)
    return {option: column or option for option, _, column in named}


def _window(window: str | None, days_off: str | None) -> str | None:
    """What `--window` and `--not-on` say together."""
    if not days_off:
        return window
    return f"{window},{days_off}" if window and " not " in window else f"{window or '0-24'} not {days_off}"


def options_of(told: dict[str, Any]) -> Options:
    """Take what such flags gave out of a command's arguments; raises BadInput for a value that cannot be read."""
    fields: dict[str, Any] = {}
    for name, row in OPTIONS.items():
        if (written := told.pop(name, None)) is not None:
            fields[name] = row.read(written)
    return Options(channel=told.pop("channel"), **fields)


def file_flag(function: Command) -> Command:
    """Give a command `--file`, whose values are its argument `files`."""
    return click.option(
        "--file",
        "files",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A file that goes with it, by mail or mms; may be given several times.",
    )(function)
