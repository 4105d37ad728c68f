"""Several campaigns share by weight, counted in parts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from smsq.worker.domain.batch import Ref
from smsq.worker.ledger.values import Running
from smsq.worker.scheduler.feed import Feed
from smsq.worker.scheduler.shares import Shares


def one(name: str, weight: float = 1.0, parts: float = 1.0) -> Running:
    return Running(id=name, window="", is_fed=False, weight=weight, parts=parts)


def handed_out(shares: Shares, running: list[Running], batches: int) -> Counter[str]:
    found: Counter[str] = Counter()
    shares.join(running)
    for _ in range(batches):
        chosen = shares.next(running)
        shares.hand_out(chosen, 1)
        found[chosen.id] += 1
    return found


@pytest.mark.parametrize(
    ("running", "expected"),
    [
        pytest.param([one("a"), one("b")], {"a": 60, "b": 60}, id="equal weights"),
        pytest.param([one("a", 3), one("b", 1)], {"a": 90, "b": 30}, id="three to one"),
        pytest.param(
            [one("a", parts=300), one("b", parts=100)], {"a": 30, "b": 90}, id="batches of three times the parts"
        ),
        pytest.param([one("a", 2, 200), one("b", 1, 100), one("c", 1, 100)], {"a": 40, "b": 40, "c": 40}, id="both"),
    ],
)
def test_shares_are_those_of_the_weights(running: list[Running], expected: dict[str, int]) -> None:
    """Within a batch of each."""
    found = handed_out(Shares(), running, 120)
    assert all(abs(found[name] - many) <= 1 for name, many in expected.items()), found


def test_nobody_saves_up_a_share() -> None:
    """A campaign that could not go for a while, or that is new, is not ahead of the others for as long afterwards."""
    shares, old = Shares(), one("old")
    handed_out(shares, [old], 1000)
    found = handed_out(shares, [old, one("new")], 100)

    assert abs(found["old"] - found["new"]) <= 2


def test_the_feed_hands_out_by_weight(office: Any) -> None:
    """And what one cannot take the others get: the window is full all the same."""
    heavy, light = office.campaign(300, weight=3.0), office.campaign(300)
    few = office.campaign(2, weight=50.0)
    feed = Feed(office.runtime)
    feed.tick(office.now)
    fed = {view.id: view.fed for view in office.views.campaigns()}

    assert fed[few] == 2
    assert sum(fed.values()) == 28
    assert 2.2 <= fed[heavy] / fed[light] <= 4


def test_what_was_handed_out_and_cannot_go_takes_nobodys_place(office: Any) -> None:
    """A rate that falls while much of a campaign is handed out gives all of that back."""
    slow, fast = office.campaign(300), office.campaign(300, start_at=office.now + 5)
    feed = Feed(office.runtime)
    feed.tick(office.now)
    office.ledger.amend(slow, {"rate": "0.01"})
    for _, refs in office.hinted("bulk"):
        for ref in refs:
            office.try_claim(Ref.parse(ref))
    office.ahead_s = 6.0
    sent = 0
    for _ in range(12):
        feed.tick(office.now)
        for _, refs in office.hinted("bulk"):
            for ref in refs:
                if Ref.parse(ref).campaign == fast:
                    office.settled(Ref.parse(ref))
                    sent += 1
                else:
                    office.try_claim(Ref.parse(ref))

    assert sent == 300
