"""`smsq optout …`: the list of those who want no messages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import Suggesting
from smsq.producers.terminal import output
from smsq.producers.terminal.display import counted, print_json, talk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smsq.worker.domain.optout import OptOut

SHOWN = 20  # broken rows that a person is shown
as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")


@click.group("optout", cls=Suggesting)
def group() -> None:
    """Keep the list of those who want no messages.

    An opt-out is from everything, from one --sender, or from one --topic that campaigns name. Nothing that is claimed
    after it goes there: it leaves campaigns that are being sent, with the status optout. One-time codes go.
    """


def scoped(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what an opt-out is from."""
    command = click.option("--topic", help="From this topic alone.  [default: from everything]")(command)
    return click.option("--sender", help="From this sender alone.  [default: from everything]")(command)


reason_option = click.option("--reason", default="", help="Why, for people; it is kept with the entry.")


@group.command("add")
@click.argument("phones", metavar="PHONE...", nargs=-1, required=True)
@scoped
@reason_option
@as_json_option
def add(phones: tuple[str, ...], sender: str | None, topic: str | None, reason: str, as_json: bool) -> None:
    """Put PHONE on the list; a mail address or a Telegram nick or #id too. - reads lines from standard input."""
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        given = _checked(phones)
        new = sum(smsq.optouts.add(phone, sender=sender, topic=topic, reason=reason) for phone in given)
        output.changed()
    _tell(as_json, f"{counted(new, 'opt-out')} added", added=new, known=len(given) - new)
    if new < len(given):
        talk(f"{counted(len(given) - new, 'opt-out')} were on the list already, and are as they were")


@group.command("remove")
@click.argument("phones", metavar="PHONE...", nargs=-1, required=True)
@scoped
@as_json_option
def remove(phones: tuple[str, ...], sender: str | None, topic: str | None, as_json: bool) -> None:
    """Take PHONE off the list, in that scope alone. What a campaign has left out already stays out."""
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        given = _checked(phones)
        gone, other = 0, []
        for phone in given:
            if smsq.optouts.remove(phone, sender=sender, topic=topic):
                gone += 1
            else:
                other += [str(each.scope) for each in smsq.optouts.of(phone)]
        output.changed()
    _tell(as_json, f"{counted(gone, 'opt-out')} removed", removed=gone, unknown=len(given) - gone)
    if gone < len(given):
        elsewhere = f"; there are entries for {', '.join(sorted(set(other)))}" if other else ""
        talk(f"{len(given) - gone} of {len(given)} were not on the list in this scope{elsewhere}")


@group.command("list")
@click.argument("phone", required=False)
@scoped
@as_json_option
def list_entries(phone: str | None, sender: str | None, topic: str | None, as_json: bool) -> None:
    """List all entries, or those of PHONE."""
    from smsq.producers.api import Smsq
    from smsq.producers.moments import when
    from smsq.producers.report import printable
    from smsq.worker.domain.optout import Scope

    with Smsq() as smsq, smsq.named():
        if phone is None:
            found = list(smsq.optouts.list(sender=sender, topic=topic))
        else:
            scope = Scope.of(sender, topic) if sender or topic else None
            found = [each for each in smsq.optouts.of(phone) if scope is None or each.scope == scope]
    found.sort(key=lambda each: (each.at, each.key))
    if as_json:
        print_json([_object(each) for each in found])
        return
    if not found:
        talk("nobody is on the list" if phone is None else "this one is not on the list")
    for each in found:
        click.echo(f"{each.shown:<18} {each.scope!s:<20} {when(each.at):<25}  {printable(each.reason)}".rstrip())


@group.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@scoped
@reason_option
@click.option("--skip-bad", is_flag=True, help="Import the good rows although others are broken.")
@click.option("--phone-column", default="phone", show_default=True, help="The column that holds the recipients.")
@click.option("--encoding", help="Encoding of the file.  [default: UTF-8 or windows-1251]")
@as_json_option
def import_file(file: Path, as_json: bool, **how: Any) -> None:
    """Put every row of the CSV FILE on the list.

    Columns sender, topic, reason and at, as `export` writes them, are read if they are there; the options hold for rows
    that name none. If a row is broken nothing is imported, unless --skip-bad says so.
    """
    from smsq.producers.api import Smsq

    with Smsq() as smsq, smsq.named():
        done = smsq.optouts.import_file(file, **how)
        output.changed()
    for reject in done.rejects[:SHOWN]:
        talk(f"  row {reject.row}: {reject.value or '(nothing)'}: {reject.reason}")
    if done.bad > SHOWN:
        talk(f"  and {done.bad - SHOWN} more")
    skipped = f", {counted(done.bad, 'broken row')} left out" if done.bad else ""
    said = f"{counted(done.rows, 'row')}: {done.added} added, {done.known} known already{skipped}"
    bad = [{"row": each.row, "reason": each.reason, "value": each.value} for each in done.rejects]
    _tell(as_json, said, rows=done.rows, added=done.added, known=done.known, bad=done.bad, rejects=bad)


@group.command("export")
@click.option(
    "--output", "path", type=click.Path(path_type=Path), help="Write to this file.  [default: standard output]"
)
@click.option("--mode", default="600", show_default=True, help="Permissions of that file, as for chmod: 640, 644.")
@scoped
def export(path: Path | None, mode: str, sender: str | None, topic: str | None) -> None:
    """Write the list as CSV; `import` reads it again. Forgotten recipients are written as their hashes."""
    from smsq.producers.api import Smsq
    from smsq.producers.terminal.files import bits, opened

    may = bits(mode)
    with Smsq() as smsq, smsq.named(), opened(path, may) as out:
        many = smsq.optouts.export(out, sender=sender, topic=topic)
    if path is not None:
        talk(f"{counted(many, 'opt-out')} written to {path}")


def _checked(phones: tuple[str, ...]) -> list[str]:
    """The recipients given, all of which can be read: nothing is changed if one cannot."""
    from smsq.producers.fields import recipient_of
    from smsq.producers.optouts import KINDS
    from smsq.worker.domain.errors import BadInput
    from smsq.worker.domain.optout import is_hash

    given = list(_lines(phones))
    if not given:
        raise BadInput("- means standard input, and nothing came from there")
    for place, phone in enumerate(given, 1):
        if not is_hash(phone):
            try:
                recipient_of(phone, KINDS)
            except BadInput as error:
                where = f" ({place} of {len(given)})" if len(given) > 1 else ""
                raise type(error)(f"{phone!r}{where}: {error.sentence}; nothing was changed") from None
    return given


def _lines(phones: tuple[str, ...]) -> Iterator[str]:
    for phone in phones:
        if phone == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield phone


def _tell(as_json: bool, said: str, **told: Any) -> None:
    if as_json:
        print_json(told)
    else:
        click.echo(said)


def _object(each: OptOut) -> dict[str, Any]:
    from smsq.producers.report import iso

    return {
        "phone": each.shown,
        "sender": each.scope.sender or None,
        "topic": each.scope.topic or None,
        "reason": each.reason,
        "at": iso(each.at),
    }
