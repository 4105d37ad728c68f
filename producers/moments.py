"""Moments, money and strange values as people read them.

A moment is by this machine's clock, with its distance from UTC: the clock that `--at` and `--window` go by, in the
form that `--at` takes. Machines are told UTC (`report.iso`).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal


def when(at: float) -> str:
    """A moment (Unix seconds) to the second, such as `2026-11-21T18:30:00+03:00`; nothing for 0."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds") if at else ""


def zone() -> str:
    """How far this machine's clock is from UTC now, such as `+03:00`."""
    return datetime.now().astimezone().isoformat()[-6:]


def plain(amount: Decimal) -> str:
    """Money without needless zeros.

    >>> plain(Decimal("3.8000")), plain(Decimal("100"))
    ('3.8', '100')
    """
    written = f"{amount:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def printable(value: str) -> str:
    """A value that cannot steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in value)
