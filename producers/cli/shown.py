"""How results look: for people on standard output, talk on standard error, JSON in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from smsq.producers.cli.output import escaped

if TYPE_CHECKING:
    from smsq.worker.domain.receipt import Receipt
    from smsq.worker.ledger.views import CampaignView


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


def campaign_object(view: CampaignView) -> dict[str, Any]:
    """A campaign for machines."""
    return {
        "id": view.id,
        "name": view.name,
        "state": view.state,
        "rows": view.rows,
        "invalid": view.invalid,
        "statuses": dict(view.statuses),
        "doubles": view.doubles,
        "doubts": view.doubts,
        "doubt_seconds": round(view.doubt_seconds, 3),
        "cost": float(view.cost),
        "parts": view.parts,
        "why": view.why,
    }


def print_campaign(view: CampaignView, waits: str = "") -> None:
    """A campaign for people, and why it does not move."""
    from smsq.producers.report import iso, plain, printable

    lines = [
        ("campaign", f"{view.id}  {printable(view.name)}"),
        ("state", view.state),
        ("waits", waits),
        ("created", iso(view.created_at)),
        ("first sent", iso(view.first_sent_at)),
        ("done", iso(view.done_at)),
        ("rows", f"{view.rows}, of them {view.invalid} not sent (bad or duplicate)"),
        ("parts", str(view.parts)),
        ("cost", plain(view.cost)),
        *((f"  {name}", str(many)) for name, many in view.statuses.items()),
        ("doubts", _settled_doubts(view)),
        ("doubles", str(view.doubles)),
    ]
    for name, value in lines:
        if value:
            click.echo(f"{name:<16}{value}")


def _settled_doubts(view: CampaignView) -> str:
    """How many requests had an unknown outcome, and how long it took to find out."""
    if not view.doubts:
        return ""
    many = "1 request" if view.doubts == 1 else f"{view.doubts} requests"
    return f"{many}, settled after {view.doubt_seconds:.1f} s (the longest {view.doubt_longest_seconds:.1f} s)"


def print_receipt(receipt: Receipt) -> None:
    """A message for people."""
    from smsq.producers.report import iso, plain, printable
    from smsq.producers.waits import reason

    error = f"{receipt.error} ({receipt.error_code})" if receipt.error_code else receipt.error
    lines = [
        ("message", receipt.id),
        ("phone", printable(receipt.phone)),
        ("status", receipt.status),
        ("why", printable(reason(receipt.why))),
        ("may double", "sent again by choice: two copies rather than none" if receipt.may_double else ""),
        ("error", printable(error)),
        ("gateway id", str(receipt.gateway_id or "")),
        ("parts", str(receipt.parts or "")),
        ("cost", plain(receipt.cost) if receipt.cost else ""),
        ("attempts", str(receipt.attempts)),
        ("submitted", iso(receipt.submitted_at)),
        ("status since", iso(receipt.status_at)),
    ]
    for name, value in lines:
        if value:
            click.echo(f"{name:<14}{value}")
