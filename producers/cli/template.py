"""`smsq template …`: texts kept under a name, with versions, for campaigns and single messages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli import Suggesting
from smsq.producers.terminal import output
from smsq.producers.terminal.display import one_line, print_json, talk
from smsq.producers.terminal.stdin import from_stdin

if TYPE_CHECKING:
    from smsq.worker.ledger.templates import SavedTemplate

as_json_option = click.option("--json", "as_json", is_flag=True, help="For machines, on standard output.")
LONGEST_FILE = 100_000  # bytes of a text in a file


@click.group("template", cls=Suggesting)
def group() -> None:
    """Keep texts under a name, with versions.

    A version never changes. `smsq campaign run --template NAME` sends the newest, NAME@2 the second one.
    """


@group.command("add")
@click.argument("name")
@click.argument("text", required=False)
@click.option("--file", type=click.Path(path_type=Path), help="A file in UTF-8 with the text.")
@click.option(
    "--language", help="Language of plural forms and dates: ru, uk, en or kk.  [default: told by its letters]"
)
@as_json_option
def add(name: str, text: str | None, file: Path | None, language: str | None, as_json: bool) -> None:
    """Keep TEXT as the newest version of NAME.

    If TEXT is -, it is read from standard input. The text of the newest version makes no new one.
    """
    from smsq.producers.api import Smsq

    if (text is None) == (file is None):
        raise click.UsageError("say which text: smsq template add NAME TEXT, or --file FILE")
    said = _read(file) if file is not None else from_stdin(text or "")[0]
    with Smsq() as smsq, smsq.named():
        added = smsq.templates.add(name, said, language=language)
        output.changed()
    if as_json:
        print_json(_object(added.template) | {"created": added.created})
        return
    if not added.created:
        talk("its newest version has this text already")
    click.echo(added.template.called)


def _read(path: Path) -> str:
    """The text in a file; the line end behind it is no part of it."""
    from smsq.worker.domain.errors import BadInput

    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST_FILE + 1)
        if len(raw) > LONGEST_FILE:
            raise BadInput(f"{path} has more than {LONGEST_FILE} bytes: it holds the text of one template")
        return raw.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} is not UTF-8: byte {error.start + 1} belongs to no character; save it as UTF-8"
        ) from None


@group.command("list")
@as_json_option
def list_templates(as_json: bool) -> None:
    """List the newest version of each template."""
    from smsq.producers.api import Smsq
    from smsq.producers.moments import when

    with Smsq() as smsq, smsq.named():
        found = smsq.templates.list()
    if as_json:
        print_json([_object(each) for each in found])
        return
    width = max((len(each.called) for each in found), default=0)
    for each in found:
        click.echo(f"{each.called:<{width}}  {when(each.added_at)}  {one_line(each.text)}")
    if not found:
        talk("no template is kept; `smsq template add NAME TEXT` keeps one")


@group.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="Which version.  [default: the newest]")
@as_json_option
def show(name: str, version: int | None, as_json: bool) -> None:
    """Show a template: its text, the columns that it needs, who added it and when."""
    from smsq.producers.api import Smsq
    from smsq.producers.moments import when
    from smsq.producers.report import printable

    with Smsq() as smsq, smsq.named():
        found = smsq.templates.show(name, version)
    if as_json:
        print_json(_object(found))
        return
    told = _object(found)
    lines = [
        ("template", found.called + ("" if found.is_newest else " (there is a newer version)")),
        ("text", one_line(found.text)),
        ("columns", printable(", ".join(told["fields"])) or "none"),
        ("language", found.language),
        ("added", f"{when(found.added_at)} by {printable(found.added_by)}"),
    ]
    for label, value in lines:
        if value:
            click.echo(f"{label:<16}{value}")


@group.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove all versions of a template. Campaigns keep the text that they were begun with."""
    from smsq.producers.api import Smsq
    from smsq.producers.terminal.display import counted

    with Smsq() as smsq, smsq.named():
        removed = smsq.templates.remove(name)
        output.changed()
    click.echo(f"{name} is removed, with {counted(removed, 'version')}")


def _object(found: SavedTemplate) -> dict[str, Any]:
    from smsq.producers.intake.templates import fields_of
    from smsq.producers.report import iso

    return {
        "name": found.name,
        "version": found.version,
        "is_newest": found.is_newest,
        "text": found.text,
        "fields": list(fields_of(found.text, language=found.language or None)),
        "language": found.language or None,
        "added_at": iso(found.added_at),
        "added_by": found.added_by,
    }
