"""Totals of a report."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from smsq.producers.cli import campaign_report
from smsq.producers.totals import KINDS, MOST_NAMES, OTHERS, Totals
from smsq.worker.domain.receipt import Receipt

SENT = Receipt(
    id="1.0", phone="+79991234567", status="delivered", parts=2, cost=Decimal("7.6"), submitted_at=1_700_000_000
)
ROWS = [
    SENT,
    replace(SENT, phone="+77011234567", status="undeliverable", error_code=6, error="subscriber is offline"),
    replace(SENT, phone="+4915112345678", cost=Decimal("2.5"), parts=1, submitted_at=1_700_003_600),
    replace(SENT, phone="anna@example.ru", cost=Decimal(0), result={"network": "MTS", "mcc": "250", "mnc": "01"}),
    Receipt(id="", phone="+7 9", status="invalid", error="too few digits"),
    Receipt(id="", phone="+0", status="invalid", error="too few digits"),
]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("status", [("delivered", 3), ("undeliverable", 1), ("invalid", 2)]),
        ("error", [("none", 3), ("too few digits", 2), ("subscriber is offline", 1)]),
        ("operator", [("not told", 5), ("MTS", 1)]),
        ("country", [("none", 2), ("DE", 1), ("KZ", 1), ("RU", 1), ("address", 1)]),
        ("cost", [("0", 3), ("2.5", 1), ("7.6", 2)]),
    ],
)
def test_messages_are_counted_by(kind: str, expected: list[tuple[str, int]]) -> None:
    """Statuses in the order of reports, prices from the least, others by their size."""
    totals = Totals((kind,)).of(ROWS)

    assert sorted((name, each.messages) for name, each in totals.by(kind)) == sorted(expected)
    assert [each.messages for _, each in totals.by("status")] == [3, 1, 2] if kind == "status" else True
    assert sum(each.messages for _, each in totals.by(kind)) == totals.all.messages == len(ROWS)


def test_hours_are_of_this_machine_s_clock() -> None:
    """In the order of time; what never left is apart."""
    found = [(name[10:13] != "", each.messages) for name, each in Totals(("hour",)).of(ROWS).by("hour")]

    assert [many for _, many in found] == [3, 1, 2]


def test_parts_and_money_are_summed() -> None:
    """As decimals: no cent is lost over a million rows."""
    told = Totals(("status",)).of(ROWS).as_object()

    assert (told["messages"], told["parts"], told["cost"]) == (6, 7, 17.7)
    assert told["by"]["status"][0] == {"status": "delivered", "messages": 3, "parts": 5, "cost": 10.1}


def test_endless_names_do_not_fill_the_memory() -> None:
    """What comes after the first thousands is counted together."""
    rows = (replace(SENT, error=f"error {n}") for n in range(MOST_NAMES + 10))
    totals = dict(Totals(("error",)).of(rows).by("error"))

    assert (len(totals), totals[OTHERS].messages) == (MOST_NAMES + 1, 10)


def test_a_table_for_people_ends_with_all() -> None:
    """And no name steers a terminal."""
    lines = list(Totals(("error",)).of([replace(SENT, error="\x1b[2J")]).lines())

    assert lines[1].startswith("?[2J")
    assert lines[2].split() == ["all", "1", "2", "7.6"]


def test_the_command_knows_every_kind() -> None:
    """It names them without importing them."""
    assert tuple(KINDS) == campaign_report.KINDS
