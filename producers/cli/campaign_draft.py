"""From the flags of `smsq campaign check` and `run` to a draft: file, text or saved template, options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli.message_options import with_options
from smsq.producers.terminal.display import counted, print_json, talk

if TYPE_CHECKING:
    from smsq.producers.intake.drafts import Draft


def drafted(
    file: Sequence[Path], text: str | None, template: str | None, files: Sequence[Path], how: dict[str, Any]
) -> Draft:
    """The draft that a command asks for; its files are named and not kept. Raises BadInput.

    The ledger is needed for a saved template alone.
    """
    from smsq.producers.api import Smsq
    from smsq.producers.files import named
    from smsq.producers.intake.drafts import draft
    from smsq.producers.templates import text_of
    from smsq.worker.settings import Settings

    how = with_options(how)
    said, saved_as = text or "", ""
    if template is not None:
        with Smsq() as smsq, smsq.named():
            said, saved_as, language = text_of(smsq, text, template)
        how["language"] = how.get("language") or language
        talk(f"the text is the template {saved_as}")
    settings = Settings.load(sends=False)
    how["options"] = named(settings, how["options"], files)
    return replace(
        draft(list(file), text=said, guests=settings.guests, transport=settings.transport, **how), saved_as=saved_as
    )


def would_run(drafted: Draft, *, again: bool, only_new: bool, as_json: bool) -> None:
    """What `run` would enrol, on standard output; nothing is written, and no price is asked for."""
    from smsq.producers.api import Smsq
    from smsq.producers.cli.campaign_begin import seen
    from smsq.producers.cli.campaign_check import check_object, forecast_lines, found_lines

    with Smsq() as smsq, smsq.named():
        found = smsq.campaigns.would_run(drafted, again=again, only_new=only_new, seen=seen())
        expected = smsq.campaigns.forecast(drafted, found)
    if as_json:
        why = "a dry run asks for no price"
        print_json(
            check_object(drafted, found, None, None, why, expected)
            | {"dry_run": True, "campaign": found.continues or None}
        )
        return
    for line in (*found_lines(drafted, found), *forecast_lines(expected)):
        click.echo(line)
    begun = f"campaign {found.continues} has begun with these rows, and would go on: " if found.continues else ""
    messages, parts = counted(found.messages, "message"), counted(found.parts, "part")
    click.echo(f"dry run: {begun}{messages}, {parts}; nothing was enrolled")
