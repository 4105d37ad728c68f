"""The installation at one moment: what it reads, how rates are made, and a ledger that goes away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.producers.standing import Look, Rates, as_object, page_at
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.errors import LedgerUnreachable
from tests.producers.conftest import TERMS

PAGE = """# HELP smsq_mirror_up 1 if
# TYPE smsq_mirror_up gauge
smsq_mirror_up{mirror="one"} 1.0
smsq_mirror_up{mirror="two"} 0.0
smsq_gateway_request_seconds_sum{command="send",mirror="one"} %s
smsq_gateway_request_seconds_count{command="send",mirror="one"} %s
smsq_gateway_request_seconds_sum{command="status",mirror="one"} 900
"""


class Hands:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


def look_at(smsq: Smsq, pages: list[str | None] | None = None) -> tuple[Look, Hands]:
    """A look whose rates go by the test's own clock, at these metrics pages one after the other."""
    hands, left = Hands(), list(pages or [None])
    look = Look(smsq.runtime, lambda: left.pop(0) if len(left) > 1 else left[0])
    clock: Any = hands
    look._rates = Rates(clock)
    return look, hands


def test_the_ledger_is_shown_as_it_is(smsq: Smsq) -> None:
    """Lanes, what waits, a campaign and why it waits, who leads."""
    smsq.send("+79990000001", "Hi")
    smsq.send("+79990000002", "Hi", lane="bulk")
    campaign = smsq.campaigns.run([f"+{79990000010 + n}" for n in range(5)], text="Hi", name="spring")
    now = look_at(smsq)[0].now()
    lanes = {lane.name: lane for lane in now.lanes}

    assert (lanes["urgent"].queued, lanes["bulk"].queued, lanes["bulk"].processes) == (1, 6, 0)
    assert [(each.id, each.name, each.state, each.messages, each.left) for each in now.campaigns] == [
        (campaign.id, "spring", "running", 5, 0)
    ]
    assert "no worker" in now.campaigns[0].waits
    assert (now.is_led, now.mirrors, now.balance, now.queued_cost, now.halted) == (False, None, None, None, "")
    assert (now.memory or 0) > 0
    assert json.loads(json.dumps(as_object(now)))["lanes"][0]["name"] == "urgent"


def test_rates_are_those_of_the_last_seconds(smsq: Smsq) -> None:
    """A claim is a request; a campaign's rate is that of its messages."""
    look, hands = look_at(smsq)
    assert look.now().requests == 0
    ledger = smsq.runtime.ledger
    for n in range(4):
        sent = smsq.send(f"+{79990000001 + n}", "Hi", lane="bulk")
        claim: Any = ledger.claim(Ref(MessageId.parse(sent.id).batch), f"n{n}", **vars(TERMS))
        ledger.settle_accepted(claim, 1, None, 60.0)
    hands.now += 2
    now = look.now()

    assert (now.requests, now.accepted, now.final, now.pending) == (2, 2, 0, 4)


def test_rates_forget_what_is_old() -> None:
    """And a counter that begins anew has grown by nothing."""
    hands = Hands()
    clock: Any = hands
    rates, seen = Rates(clock), []
    for value in (0, 100, 100, 100, 100, 5, 15):
        seen.append(rates.of({"one": value})["one"])
        hands.now += 4

    assert seen == [0, 25, 12.5, 0, 0, 0, 2.5]


def test_mirrors_come_from_the_page_of_this_host(smsq: Smsq) -> None:
    """State, sends a second, and how long a send took of late; questions are no sends."""
    look, hands = look_at(smsq, [PAGE % (1, 10), PAGE % (3, 20)])
    look.now()
    hands.now += 5
    one, two = look.now().mirrors or ()

    assert (one.name, one.is_up, one.requests, one.seconds) == ("one", True, 2, 0.2)
    assert (two.name, two.is_up, two.requests, two.seconds) == ("two", False, 0, None)


def test_a_page_that_nobody_serves_is_none() -> None:
    """Nor one at an address that is none."""
    assert (page_at("127.0.0.1:9"), page_at("nonsense")) == (None, None)


def test_the_last_picture_stays_while_the_ledger_is_away(smsq: Smsq, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, and as new as before once it is back. At the first look there is none."""

    def away() -> None:
        raise LedgerUnreachable("Redis does not answer")

    look, _ = look_at(smsq)
    smsq.send("+79990000001", "Hi")
    real: Callable[[], Any] = smsq.runtime.views.depth
    before = look.now()
    monkeypatch.setattr(smsq.runtime.views, "depth", away)
    old = look.now()
    monkeypatch.setattr(smsq.runtime.views, "depth", real)

    assert (old.lanes, old.at, old.trouble) == (before.lanes, before.at, "Redis does not answer")
    assert look.now().trouble == ""
    monkeypatch.setattr(smsq.runtime.views, "depth", away)
    with pytest.raises(LedgerUnreachable):
        Look(smsq.runtime, lambda: None).now()
