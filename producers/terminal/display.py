"""How results look: for people on standard output, talk on standard error, JSON in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.terminal.output import escaped

if TYPE_CHECKING:
    from smsq.worker.domain.receipt import Receipt
    from smsq.worker.ledger.views import CampaignView, Failure


def talk(line: str) -> None:
    """Say something that is no result."""
    click.echo(line, err=True)


def counted(many: int, thing: str) -> str:
    """So many of a thing.

    >>> counted(1, "row"), counted(2, "batch")
    ('1 row', '2 batches')
    """
    return f"{many} {thing}" + ("" if many == 1 else "es" if thing.endswith("ch") else "s")


def print_json(told: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """One line for machines."""
    click.echo(escaped(json.dumps(told, ensure_ascii=not _is_unicode())))


def _is_unicode() -> bool:
    """Whether standard output takes every letter; elsewhere JSON writes them as numbers."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def recurs(view: CampaignView) -> str:
    """When a campaign recurs, and how often it has, in a sentence; '' if it does not."""
    from smsq.producers.moments import when

    told = view.recurring
    if told is None:
        return ""
    said = [f"every {told.calendar} ({told.zone})", f"next at {when(told.next_at)}" if told.next_at else "no more"]
    said += [f"until {when(told.until)}"] if told.until else []
    said.append(f"{told.occurred} of {told.most} begun" if told.most else f"{told.occurred} begun")
    said += [f"the newest is campaign {told.newest}"] if told.newest else []
    said += [f"{told.skipped} skipped, the newest because {told.skipped_why}"] if told.skipped else []
    return ", ".join(said)


def _every_object(view: CampaignView) -> dict[str, Any] | None:
    """The same for machines, null if it does not recur."""
    from smsq.producers.report import iso

    told = view.recurring
    if told is None:
        return None
    return {
        "calendar": told.calendar,
        "zone": told.zone,
        "next_at": iso(told.next_at) or None,
        "until": iso(told.until) or None,
        "count": told.most or None,
        "occurred": told.occurred,
        "newest": told.newest or None,
        "skipped": told.skipped,
        "skipped_why": told.skipped_why or None,
    }


KIN = {"retry": "retried", "copy": "copied", "edit": "replaced", "every": "recurring"}  # what one is to its origin


def campaign_object(view: CampaignView, failures: Sequence[Failure] | None = None) -> dict[str, Any]:
    """A campaign for machines; times in ISO 8601 (UTC), null if something was not said or did not happen."""
    from smsq.producers.report import iso

    told = {
        "id": view.id,
        "name": view.name,
        "state": view.standing,
        "rows": view.rows,
        "invalid": view.invalid,
        "statuses": dict(view.statuses),
        "doubles": view.doubles,
        "doubts": view.doubts,
        "doubt_seconds": round(view.doubt_seconds, 3),
        "cost": float(view.cost),
        "expected_cost": float(round(view.expected, 4)),
        "parts": view.parts,
        "why": view.why,
        "text": view.template,
        "template": view.saved_as or None,
        "channel": view.options.channel,
        "sender": view.options.sender,
        "file": view.file or None,
        "origin": view.origin or None,
        "made_as": view.kin or None,
        "every": _every_object(view),
        "rate": view.rate or None,
        "weight": view.weight,
        "stop_if_bad": view.stop_if_bad,
        "auto_resume": view.auto_resume,
        "window": view.window or None,
        "budget": float(view.budget) or None,
        "on_doubt": view.on_doubt,
        "starts_at": iso(view.start_at) or None,
        "created_at": iso(view.created_at) or None,
        "first_sent_at": iso(view.first_sent_at) or None,
        "done_at": iso(view.done_at) or None,
    }
    if failures is not None:
        told["failures"] = [asdict(each) for each in failures]
    return told


def list_lines(
    views: Sequence[CampaignView], width: int | None = None, below: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Campaigns for people, a header above them; names give way if a terminal has `width` columns.

    `below` has a sentence for some ids, which is written whole under their line.
    """
    from smsq.producers.moments import when
    from smsq.producers.progress import GOOD
    from smsq.producers.report import printable

    row = "{:<7} {:<10} {:>9} {:>9}  {:<25}  {}"

    def fitted(line: str) -> str:
        return line if width is None or len(line) <= width else line[: max(1, width - 1)] + "…"

    yield fitted(row.format("id", "state", "rows", "delivered", "created", "name"))
    for view in views:
        delivered = sum(view.statuses.get(name, 0) for name in GOOD)
        said = (view.id, view.standing, view.rows, delivered, when(view.created_at), printable(view.name))
        yield fitted(row.format(*said))
        if below and view.id in below:
            yield f"        {below[view.id]}"


def print_campaign(view: CampaignView, waits: str = "", failures: Sequence[Failure] = ()) -> None:
    """A campaign for people, why it does not move, and why messages of it failed."""
    from smsq.producers.moments import plain, when
    from smsq.producers.report import printable
    from smsq.worker.domain.batch import PLAIN_CHANNEL
    from smsq.worker.gateway.channels import channel

    invalid = f", of them {view.invalid} not sent (bad or duplicate)" if view.invalid else ""
    row = channel(view.options.channel)
    lines = [
        ("campaign", f"{view.id}  {printable(view.name)}"),
        ("state", f"{view.standing}, begins {when(view.start_at)}" if view.is_scheduled else view.standing),
        ("waits", waits),
        ("file", printable(view.file)),
        ("recurs", recurs(view)),
        ("made of", f"campaign {view.origin} ({KIN.get(view.kin, view.kin)})" if view.origin else ""),
        ("channel", "" if view.options.channel == PLAIN_CHANNEL else f"{view.options.channel}: {row.meaning}"),
        ("text", one_line(view.template) or ("(no longer kept)" if row.has_text else "")),
        ("template", view.saved_as),
        ("options", _options(view)),
        ("sender", printable(view.options.sender or "the account's default")),
        ("begins", when(view.start_at)),
        ("window", f"{view.window} {_by_which_clock(view)}" if view.window else ""),
        ("rate", f"{view.rate:g} parts a second at most" if view.rate else ""),
        ("weight", f"{view.weight:g} beside other campaigns" if view.weight != 1 else ""),
        ("stop if bad", "" if view.stop_if_bad is None else f"{view.stop_if_bad:g}%" if view.stop_if_bad else "never"),
        ("auto-resume", "on" if view.auto_resume else ""),
        ("budget", plain(view.budget) if view.budget else ""),
        ("on doubt", "park" if view.on_doubt == "park" else ""),
        ("created", when(view.created_at)),
        ("first sent", when(view.first_sent_at)),
        ("done", when(view.done_at)),
        ("rows", f"{view.rows}{invalid}"),
        ("parts", str(view.parts)),
        ("cost", plain(view.cost) + _expected(view)),
        *((f"  {name}", str(many)) for name, many in view.statuses.items()),
        *((f"  {each.status}", _failure(each)) for each in failures),
        ("doubts", _settled_doubts(view)),
        ("doubles", str(view.doubles)),
    ]
    for name, value in lines:
        if value:
            click.echo(f"{name:<16}{value}")


def _by_which_clock(view: CampaignView) -> str:
    """By whose clock a campaign's window is kept."""
    from smsq.producers.moments import zone

    if view.zones:
        return f"by the recipients' clocks, in {counted(len(view.zones), 'time zone')}"
    return f"by the scheduler's clock (here UTC{zone()})"


def _options(view: CampaignView) -> str:
    """What else was asked of the gateway, the sender aside."""
    from smsq.producers.report import printable
    from smsq.worker.gateway.options import given_options, written

    given = {name: written(value) for name, value in given_options(view.options).items() if name != "sender"}
    return printable(", ".join(f"{name} {value}" for name, value in {**given, **view.options.extra}.items()))


def one_line(text: str) -> str:
    """A text as one line of a terminal shows it."""
    from smsq.producers.report import printable

    return printable("↵".join(text.splitlines()))


def _expected(view: CampaignView) -> str:
    """What is not in the cost yet."""
    from smsq.producers.moments import plain

    if not view.expected:
        return ""
    return f", and about {plain(round(view.expected, 2))} more for sent messages of unknown cost"


def _failure(failure: Failure) -> str:
    from smsq.producers.report import printable

    why = f"{failure.error} ({failure.error_code})" if failure.error_code else failure.error
    return printable(f"{failure.messages} of them: {why or 'no reason was given'}")


def _settled_doubts(view: CampaignView) -> str:
    """How many requests had an unknown outcome, and how long it took to find out."""
    if not view.doubts:
        return ""
    many = "1 request" if view.doubts == 1 else f"{view.doubts} requests"
    return f"{many}, settled after {view.doubt_seconds:.1f} s (the longest {view.doubt_longest_seconds:.1f} s)"


def print_receipt(receipt: Receipt, waits: str = "") -> None:
    """A message for people; `waits` is why no status comes, if that is known."""
    from smsq.producers.moments import plain, when
    from smsq.producers.report import printable
    from smsq.producers.waits import reason

    error = f"{receipt.error} ({receipt.error_code})" if receipt.error_code else receipt.error
    lines = [
        ("message", receipt.id),
        ("phone", printable(receipt.phone)),
        ("status", receipt.status),
        ("why", printable(reason(receipt.why))),
        ("waits", waits),
        ("may double", "sent again on purpose: it may arrive twice" if receipt.may_double else ""),
        ("error", printable(error)),
        ("gateway id", str(receipt.gateway_id or "")),
        ("parts", str(receipt.parts or "")),
        ("cost", plain(receipt.cost) if receipt.cost else ""),
        ("attempts", str(receipt.attempts)),
        ("submitted", when(receipt.submitted_at)),
        ("status since", when(receipt.status_at)),
        *((name.replace("_", " "), printable(value)) for name, value in receipt.result.items()),
    ]
    for name, value in lines:
        if value:
            click.echo(f"{name:<16}{value}")
