"""What waits to be sent and what it will cost, from numbers that campaigns count anyway."""

from __future__ import annotations

import pytest

from smsq.worker.ledger.campaigns.overview import FIELDS, Overview, mean_cost
from tests.worker.ledger.conftest import Desk


def row(**told: object) -> list[bytes | None]:
    """The fields of a campaign as the ledger answers them."""
    given = {name.replace(":", "_"): None for name in FIELDS} | {"state": "running"} | told
    return [None if value is None else str(value).encode() for value in given.values()]


def seen(*campaigns: list[bytes | None], urgent: int = 0, mean_cost: float | None = None) -> Overview:
    """What these come to at second 1000."""
    return Overview.of(campaigns, singles={"urgent": urgent, "bulk": 0}, mean_cost=mean_cost, now_ms=1_000_000)


def test_each_campaign_counts_in_one_state() -> None:
    """One with a date is scheduled until its first message; one that is over counts nowhere."""
    found = seen(
        row(),
        row(start_at=2_000_000),
        row(start_at=2_000_000, first_sent_at=900_000),
        row(state="paused"),
        row(every="monday"),
        row(state="cancelled", s_queued=5),
        row(state="done"),
        row(state=None),
    )

    assert {word: many for word, many in found.standings.items() if many} == {
        "running": 2,
        "scheduled": 1,
        "paused": 1,
        "recurring": 1,
        "cancelled": 1,
    }
    assert found.queued["bulk"] == 0


@pytest.mark.parametrize(
    ("why", "found", "reason"),
    [
        ("bad", "30 of its latest 40 final messages failed, most of them undelivered", "undelivered"),
        ("bad", "30 of its latest 40 final messages failed, most of them refused by the gateway", "refusals"),
        ("balance", "the balance is low", "balance"),
        ("budget", "", ""),
        ("a person said so", "", ""),
    ],
)
def test_a_campaign_that_stopped_by_itself_has_its_reason(why: str, found: str, reason: str) -> None:
    """A person's pause and a spent budget are nobody's alarm."""
    stopped = seen(row(state="paused", why=why, found=found)).stopped

    assert [name for name, many in stopped.items() if many] == ([reason] if reason else [])
    assert len(stopped) == 3


def test_the_price_of_what_waits_is_the_quoted_one() -> None:
    """By parts of a message on average; rows that are no messages have none."""
    quoted = row(s_queued=50, part_price=25_000, parts=180, rows=100, s_invalid=6, s_duplicate=2, left_out=2)

    assert seen(quoted).cost == 50 * 2.5 * 2
    assert seen(quoted, urgent=4, mean_cost=3.0).cost == 250 + 12
    assert seen(quoted, row(s_queued=10), mean_cost=3.0).cost == 250 + 30


def test_without_any_price_the_cost_is_unknown() -> None:
    """Rather than too low."""
    assert seen(row(s_queued=1)).cost is None
    assert seen(urgent=1).cost is None
    assert seen().cost == 0


def test_the_mean_cost_leaves_simulated_messages_out() -> None:
    """They cost nothing and would make the others cheap."""
    totals = {
        "cost:sms": 50_000,
        "messages:bulk:sms:accepted": 2,
        "messages:bulk:sms:delivered": 9,
        "messages:bulk:simulated:accepted": 98,
    }

    assert mean_cost(totals) == 2.5
    assert mean_cost({"messages:bulk:sms:accepted": 2}) is None


def test_the_ledger_counts_what_waits_by_lane(desk: Desk) -> None:
    """Single messages of both lanes, and a campaign's that were not claimed yet."""
    desk.single(lane="urgent")
    desk.single(lane="bulk")
    _, refs = desk.campaign(3, 2)
    desk.claim(refs[0])
    shown = desk.views.depth()

    assert shown.by("smsq_queued_messages") == {"urgent": 1, "bulk": 1 + 2}
    assert shown.by("smsq_campaigns")["running"] == 1
    assert shown.shown["smsq_queued_cost"] == {}


def test_the_cost_of_single_messages_is_learned(desk: Desk) -> None:
    """From what earlier ones have cost."""
    desk.settled(desk.single(lane="bulk"))
    desk.single(lane="bulk")

    assert desk.views.depth().one("smsq_queued_cost") == 1.5


def test_limits_of_the_gateway_show_how_much_is_used(desk: Desk) -> None:
    """Requests that may still run, errors of the span that runs, questions, and tries of a refused log-in."""
    desk.claim(desk.single(lane="bulk"))
    for _ in range(25):
        desk.ledger.erred(600.0)
    desk.ledger.take("ask", "one", 4, 60.0)
    desk.ledger.take("chores", "two", 4, 60.0, {"balance": (8, 60.0)})
    desk.ledger.halt_login("right")
    desk.ledger.take("chores", "three", 4, 60.0, {"login:right": (3, 1800.0)})
    used = desk.views.depth().by("smsq_limit_used_ratio")

    assert used == {"sends": 1 / 15, "errors": 0.25, "questions": 0.25, "balance": 0.1, "logins": 1 / 3}

    desk.now += 3600
    assert set(desk.views.depth().by("smsq_limit_used_ratio").values()) <= {0, 1 / 3}
