"""`smsq hlr check` and `smsq ping check`: ask about every phone of a file; the report is the answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from smsq.producers.cli import DONE, UNDELIVERED, Suggesting
from smsq.producers.cli.campaign_begin import begin, followed, opened, say_why_it_waits
from smsq.producers.terminal import output
from smsq.producers.terminal.display import talk

Command = Callable[..., Any]

UNANSWERED = (
    "parked",
    "late",
    "optout",
    "blocked",
    "capped",
    "refused",
    "cancelled",
)  # of these phones nothing was learnt
_OPTIONS = (
    click.argument("file", type=click.Path(path_type=Path)),
    click.option("--phone-column", default="phone", show_default=True, help="The column that holds phones."),
    click.option("--region", default="RU", show_default=True, help="Country of phones that have no plus."),
    click.option("--encoding", help="Encoding of FILE, such as koi8-r.  [default: UTF-8 or windows-1251]"),
    click.option("--name", help="Name of the check.  [default: the file's name]"),
    click.option("--rate", type=float, help="Most requests per second for this check."),
    click.option("--budget", help="Pause the check once it has spent this much, in the account's currency."),
    click.option("--yes", is_flag=True, help="Ask the gateway without asking for confirmation."),
    click.option(
        "--follow/--no-follow", default=True, show_default=True, help="Wait for every answer, and show progress."
    ),
    click.option("--only-new", is_flag=True, help="Leave out phones that were already checked."),
    click.option("--again", is_flag=True, help="Check phones again that were already checked."),
    click.option(
        "--report",
        "path",
        type=click.Path(path_type=Path),
        help="Write the answers to this file: JSON if its name ends so, else CSV.  [default: a table]",
    ),
    click.option("--mode", default="600", show_default=True, help="Permissions of that file, as for chmod: 640, 644."),
    click.option("--json", "as_json", is_flag=True, help="The answers as an array on standard output."),
)


def _group(channel: str, sentence: str, more: str) -> click.Group:
    """The group of one channel, with its one command."""

    def check(file: Path, **told: Any) -> None:
        sys.exit(_check(channel, file, **told))

    check.__doc__ = f"""{sentence}

    Each phone is charged. {more} The same command, run again, goes on where it stopped.
    """
    for option in reversed(_OPTIONS):
        check = option(check)

    @click.group(channel, cls=Suggesting)
    def group() -> None: ...

    group.help = sentence
    group.add_command(click.command("check")(check))
    return group


def _check(
    channel: str,
    file: Path,
    *,
    yes: bool,
    follow: bool,
    only_new: bool,
    again: bool,
    path: Path | None,
    mode: str,
    as_json: bool,
    **how: Any,
) -> int:
    """Run the campaign of such a check, and write its report; return the exit code."""
    from smsq.producers.intake.drafts import draft
    from smsq.producers.intake.repeats import check_flags
    from smsq.producers.terminal.files import bits
    from smsq.worker.domain.batch import Options
    from smsq.worker.domain.errors import BadInput
    from smsq.worker.settings import Settings

    check_flags(again=again, only_new=only_new)
    may = bits(mode)
    if not follow and (path is not None or as_json):
        raise BadInput("without --follow there are no answers yet: `smsq campaign report ID` shows them later")
    drafted = draft(file, text="", guests=Settings.load(sends=False).guests, options=Options(channel=channel), **how)
    with opened() as smsq:
        view = begin(smsq, drafted, name=how["name"], yes=yes, again=again, only_new=only_new)
        output.changed()
        if not follow:
            say_why_it_waits(smsq, view)
            click.echo(view.id)
            return DONE
        view, _ = followed(smsq, view.id)
        _write(smsq, view, path, may, as_json)
    unanswered = sum(view.statuses.get(name, 0) for name in UNANSWERED)
    if unanswered:
        talk(f"campaign {view.id}: {unanswered} without an answer; `smsq campaign show {view.id}` says why")
    return UNDELIVERED if unanswered else DONE


def _write(smsq: Any, view: Any, path: Path | None, may: int, as_json: bool) -> None:
    """The answers, to a file, to standard output, or to both."""
    from smsq.producers.report import WRITERS, found_columns
    from smsq.producers.terminal.files import opened as opened_file

    found = found_columns(view)
    if path is not None:
        form = "json" if path.suffix.lower() == ".json" else "csv"
        with opened_file(path, may) as out:
            WRITERS[form](smsq.campaigns.report(view.id), out, None, found)
        talk(f"campaign {view.id}: the answers are in {path}")
    if as_json or path is None:
        with opened_file(None, may) as out:
            WRITERS["json" if as_json else "table"](smsq.campaigns.report(view.id), out, None, found)


hlr = _group(
    "hlr",
    "Ask the operators about every phone of FILE (HLR).",
    "Nothing reaches the phones. The answers are whether a phone is on, its operator, country and roaming.",
)
ping = _group(
    "ping",
    "Find out which phones of FILE are on (ping).",
    "Their owners see nothing.",
)
