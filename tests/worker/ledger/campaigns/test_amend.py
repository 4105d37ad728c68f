"""What a campaign goes by is changed while it runs: once, from the next claim on, and noted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.domain.errors import BadInput, BudgetSpent, SmsqError
from smsq.worker.ledger import Claim, ClaimRefusal, NoClaim
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS


def refusal(answer: Claim | NoClaim) -> ClaimRefusal | None:
    return answer.refusal if isinstance(answer, NoClaim) else None


def test_a_change_is_made_and_noted_once(desk: Any) -> None:
    """A second time nothing changes; the log has one entry with what it was and what it is."""
    campaign, _ = desk.campaign(1, rate=5.0)
    wishes = {"rate": "10.0", "weight": "1.0", "window": "9-21", "name": "autumn"}
    said = [desk.ledger.amend(campaign, wishes) for _ in range(2)]
    view, entries = desk.views.campaign(campaign), desk.views.log(campaign)

    assert said == [{"rate": ("5.0", "10.0"), "window": ("", "9-21"), "name": ("test", "autumn")}, {}]
    assert (view.rate, view.window, view.name, view.weight) == (10.0, "9-21", "autumn", 1.0)
    assert [(entry.what, [(each.name, each.before, each.after) for each in entry.changes]) for entry in entries][
        1:
    ] == [
        ("close", [("state", "enrolling", "running")]),
        ("set", [("rate", "5", "10"), ("window", "", "9-21"), ("name", "test", "autumn")]),
    ]


def test_a_slower_rate_holds_at_once(desk: Any) -> None:
    """Nobody pays more than a second for what left under the old one."""
    campaign, _ = desk.campaign(400, 1, 1, 1, rate=100.0)
    refs = desk.views.batch_refs(campaign)
    desk.claim(refs[0])
    desk.ledger.amend(campaign, {"rate": "1.0"})
    waits = desk.try_claim(refs[1])
    assert refusal(waits) is ClaimRefusal.PACED
    assert waits.wait_s <= 1.01
    desk.now += 1.01
    desk.claim(refs[1])
    assert refusal(desk.try_claim(refs[2])) is ClaimRefusal.PACED


def test_a_faster_rate_lets_go_what_was_held_back(desk: Any) -> None:
    """Within a moment, and no burst of what the old rate had saved up."""
    campaign, _ = desk.campaign(600, *[1] * 50, rate=1.0)
    refs = desk.views.batch_refs(campaign)
    desk.claim(refs[0])
    assert refusal(desk.try_claim(refs[1])) is ClaimRefusal.PACED
    desk.ledger.amend(campaign, {"rate": "10.0"})
    desk.now += 1.01
    assert desk.ledger.feed(campaign, 5, 100)[0][0] == refs[1]
    left = 0
    for tick in range(20):
        desk.now += 0.1
        for answer in [desk.try_claim(ref) for ref in refs[1 + left : 4 + left]]:
            if isinstance(answer, Claim):
                desk.accept(answer)
                left += 1
        assert left <= 2 + tick + 1

    assert left >= 18


def test_a_rate_is_taken_off(desk: Any) -> None:
    """And what waited for it is handed out again."""
    campaign, _ = desk.campaign(100, 1, rate=1.0)
    refs = desk.views.batch_refs(campaign)
    desk.claim(refs[0])
    assert refusal(desk.try_claim(refs[1])) is ClaimRefusal.PACED
    desk.ledger.amend(campaign, {"rate": "0.0"})

    assert set(desk.ledger.feed(campaign, 5, 100)[0]) == {refs[1]}
    desk.claim(refs[1])


def test_a_budget_must_let_one_more_batch_leave(desk: Any) -> None:
    """One below what is spent changes nothing, whatever else was wished with it."""
    campaign, (first, second) = desk.campaign(2, 2, budget=Decimal(50), part_price=Decimal(1))
    desk.accept(desk.claim(first), "2")
    with pytest.raises(BudgetSpent) as error:
        desk.ledger.amend(campaign, {"name": "other", "budget": "20000"})
    assert (error.value.least, desk.views.campaign(campaign).name) == (3, "test")
    desk.ledger.amend(campaign, {"budget": "30000"})
    assert refusal(desk.try_claim(second)) is ClaimRefusal.PAUSED
    assert desk.views.campaign(campaign).why == "budget"
    desk.ledger.amend(campaign, {"budget": "0"})

    assert desk.views.campaign(campaign).state == "paused"  # a person resumes it
    desk.ledger.control(campaign, "resume")
    desk.claim(second)


def test_of_one_that_is_over_only_the_name_changes(desk: Any) -> None:
    """For whoever looks at it later."""
    campaign, _ = desk.campaign(1)
    desk.ledger.control(campaign, "cancel")
    with pytest.raises(SmsqError, match="is cancelled: only its name"):
        desk.ledger.amend(campaign, {"rate": "1.0"})
    desk.ledger.amend(campaign, {"name": "a mistake"})
    assert desk.views.campaign(campaign).name == "a mistake"
    with pytest.raises(BadInput, match="there is no campaign nope"):
        desk.ledger.amend("nope", {"name": "x"})


def test_an_order_is_in_the_journal(desk: Any) -> None:
    """As a command that a person can give again; no space in it. Its repeat too: a reply may have been lost."""
    noted: list[str] = []
    desk.ledger.order_witness = lambda run, n, what: noted.append(what)
    campaign, _ = desk.campaign(1, close=False)
    desk.ledger.amend(campaign, {"name": "spring sale", "rate": "2.0"})
    desk.ledger.amend(campaign, {"name": "spring sale"})
    desk.ledger.set_rate(20.0, None)
    desk.ledger.set_sender_rate("My Shop", 5)

    assert noted == [
        f"set/{campaign}/name/spring%20sale/rate/2.0",
        f"set/{campaign}/name/spring%20sale",
        "limits/rate/20.0",
        "limits/sender/My%20Shop/5.0",
    ]


def test_a_person_pauses_what_was_paused_by_itself(desk: Any) -> None:
    """Then it does not go on by itself any more; the machine never undoes or renames a person's pause."""
    campaign, _ = desk.campaign(1)
    assert desk.ledger.pause_itself(campaign, "balance", "too low")
    assert not desk.ledger.resume_itself(campaign, "bad")
    desk.ledger.control(campaign, "pause", "a person said so")
    assert not desk.ledger.resume_itself(campaign, "balance")
    desk.ledger.pause_itself(campaign, "bad", "all failed")
    view = desk.views.campaign(campaign)

    assert (view.state, view.why, view.found) == ("paused", "a person said so", "")
