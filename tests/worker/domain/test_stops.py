"""When a campaign is paused without a person."""

from __future__ import annotations

from decimal import Decimal

import pytest

from smsq.worker.domain.stops import Tally, too_bad, too_low


@pytest.mark.parametrize(
    ("latest", "percent", "said"),
    [
        pytest.param(Tally(200, 101, 99, 0), 50, "", id="just below the share"),
        pytest.param(Tally(200, 100, 100, 0), 50, "100 of its latest 200", id="at the share"),
        pytest.param(Tally(200, 100, 20, 80), 50, "most of them refused by the gateway", id="refusals count too"),
        pytest.param(Tally(10_000, 0, 200, 0), 50, "", id="failures come sooner than deliveries"),
        pytest.param(Tally(800, 0, 200, 0), 50, "200 of its latest 200", id="half of what left counts at least"),
        pytest.param(Tally(200, 0, 200, 0), 0, "", id="switched off"),
        pytest.param(Tally(), 50, "", id="nothing has ended"),
    ],
)
def test_a_share_of_failures(latest: Tally, percent: float, said: str) -> None:
    """Of what has ended, but of no less than half of what has left."""
    found = too_bad(latest, percent)
    assert said in found
    assert bool(found) is bool(said)


def test_what_counts() -> None:
    """What never left is neither good nor bad."""
    counts = {"delivered": 5, "read": 1, "expired": 2, "undeliverable": 3, "refused": 4, "accepted": 7, "queued": 90}
    assert Tally.of(counts | {"late": 9, "optout": 9, "cancelled": 9}) == Tally(22, 6, 5, 4)


def test_a_balance_below_the_reserve() -> None:
    """Without a reserve an account may be emptied."""
    assert "about 9.50, is below the reserve of 10" in too_low(Decimal("9.5"), Decimal(10))
    assert too_low(Decimal(10), Decimal(10)) == too_low(Decimal("-1"), Decimal(0)) == ""
