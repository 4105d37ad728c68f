"""What the ledger counts is on the page of metrics, and nothing on the page is counted by nobody."""

from __future__ import annotations

import re
from pathlib import Path

import redis as redis_py

from smsq.worker.ledger.totals import by_metric
from smsq.worker.ledger.views import Views
from smsq.worker.metrics import METRICS
from tests.worker.ledger.conftest import Desk

LEDGER = Path(__file__).parents[2] / "worker" / "ledger"
COUNTS = [
    re.compile(r"'HINCRBY', (?:TOTALS|KEYS\[(?P<place>\d+)\]), '(?P<name>[a-z_]+)[:']"),
    re.compile(r"hincrby\(self\.key\(\"totals\"\), f?\"(?P<name>[a-z_]+)[:\"]"),
]
KEY = re.compile(r"(?:^|[ ,])(?P<place>\d+) (?P<name>[\w:<>]+)")


def counted() -> dict[str, str]:
    """Names of totals that a script or a method adds to, and where."""
    found = {}
    for path in [*LEDGER.rglob("*.lua"), *LEDGER.rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        head = "".join(re.findall(r"^-- (KEYS: .*(?:\n--  ? ?\w.*)*)", text, re.MULTILINE)).replace("\n--", "")
        keys = {match["place"]: match["name"] for match in KEY.finditer(head.partition("ARGV")[0])}
        for counts in COUNTS:
            for match in counts.finditer(text):
                place = match.groupdict().get("place")
                if place is None or keys.get(place) == "totals":
                    found[match["name"]] = path.name
    return found


def test_whatever_the_ledger_counts_has_a_row() -> None:
    """A field of `totals` is named by one row of the table of metrics, and each row by something that counts."""
    totals = [row.total for row in METRICS if row.total]
    named = {name for total in totals for name in (total.name, total.how_many) if name}

    assert len({total.name for total in totals}) == len(totals)
    assert counted().keys() == named, counted()


def test_rows_that_are_counted_are_read_at_the_scrape() -> None:
    """A total belongs to a row of source `scrape`, of the kind that its name says."""
    for row in METRICS:
        if row.total:
            assert row.source == "scrape"
            assert (row.kind == "summary") == bool(row.total.how_many)
            assert all(len(labels) == len(row.labels) for labels in row.total.shown)


def test_the_depth_of_a_ledger_has_every_metric_that_is_read_from_it(redis: redis_py.Redis) -> None:
    """Of a fresh one too, but for what the gateway has not told yet; the last two are the exporter's own."""
    shown = set(Views(Desk(redis).ledger, lambda code, at_the_door: "").depth().shown)
    summaries = {row.name for row in METRICS if row.kind == "summary"}
    shown -= {f"{name}_{part}" for name in summaries for part in ("sum", "count")}

    expected = {row.name for row in METRICS if row.source == "scrape"}
    assert shown | summaries == expected - {"smsq_ledger_up", "smsq_queue_hints"}


def test_totals_are_shown_by_their_labels() -> None:
    """Words for numbers, parts of a unit as the unit, what must be there from the beginning, and no gauge below 0."""
    shown = by_metric(
        {
            "batches:bulk:3": 2,
            "batches:urgent:0": -1,
            "cost:sms": 38_000,
            "doubt_ms:found": 6_500,
            "doubts_ended:found": 4,
            "messages:bulk:sms:delivered": 7,
            "pending": -2,
            "nobody:knows": 1,
        }
    )

    assert (shown["smsq_batches"]["bulk", "parked"], shown["smsq_batches"]["urgent", "ready"]) == (2, 0)
    assert shown["smsq_cost_total"] == {("sms",): 3.8}
    assert shown["smsq_doubt_settle_seconds_sum"] == {("found",): 6.5}
    assert shown["smsq_doubt_settle_seconds_count"] == {("found",): 4}
    assert shown["smsq_messages_total"] == {("bulk", "sms", "delivered"): 7}
    assert (shown["smsq_pending_statuses"], shown["smsq_double_accepts_total"]) == ({(): 0}, {(): 0})
    assert shown["smsq_resends_total"] == {("operator",): 0, ("sender",): 0}
