"""Enrolling a code rings for a worker in the same round trip, if one is known to listen; else its caller hints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from smsq.worker.domain.errors import LedgerFull
from smsq.worker.ledger import Claim, Enrolled, NewMessage
from smsq.worker.ledger.batches.waking import BELL
from smsq.worker.ledger.constants import MOST_READY_RINGS
from smsq.worker.ledger.values import ClaimCall, Terms
from tests.worker.ledger.conftest import BOTH_WAYS, ONE

pytestmark = BOTH_WAYS

KEY = "{smsq}:" + BELL
HEARD_S = 2.5
TERMS = Terms(
    owner="urgent/host/1/a", mirror=ONE, lease_s=45.0, parallel=10, urgent_slots=3, slot_kept_s=75.0, credentials="x"
)


@pytest.fixture
def heard(desk: Any) -> None:
    """A worker of the urgent lane said with its beat that it listens."""
    desk.ledger.beat("urgent/host/1/a", hears_for_s=HEARD_S)


def enrol(desk: Any, **options: Any) -> Enrolled:
    found: Enrolled = desk.ledger.enrol(NewMessage(79990000099, "Hi", **{"lane": "urgent", **options}))
    return found


def rings(desk: Any) -> int:
    return int(desk.redis.llen(KEY))


@pytest.mark.usefixtures("heard")
def test_a_code_rings_and_needs_no_hint(desk: Any) -> None:
    """One ring for each; the worker that takes it claims what is next."""
    assert [enrol(desk).is_hint_needed, enrol(desk).is_hint_needed] == [False, False]
    assert rings(desk) == 2

    assert desk.ledger.await_ready(0.05)
    assert isinstance(desk.ledger.claim_next("nonce", TERMS, ClaimCall("a", 1, "urgent")), Claim)
    assert rings(desk) == 1


@pytest.mark.parametrize("last_heard_s", [None, HEARD_S], ids=["never", "no longer"])
def test_without_a_worker_that_listens_a_hint_is_given(desk: Any, last_heard_s: float | None) -> None:
    """Workers of an older version do not listen, and one that died does no more."""
    desk.ledger.beat("urgent/host/1/old")
    if last_heard_s is not None:
        desk.ledger.beat("urgent/host/1/a", hears_for_s=last_heard_s)
        desk.now += last_heard_s

    assert enrol(desk).is_hint_needed
    assert rings(desk) == 0


@pytest.mark.usefixtures("heard")
def test_campaigns_and_other_messages_do_not_ring(desk: Any) -> None:
    """The bell is that of the urgent lane."""
    assert enrol(desk, lane="bulk").is_hint_needed
    desk.campaign(2, 2)

    assert rings(desk) == 0


@pytest.mark.usefixtures("heard")
def test_a_repeat_does_not_ring(desk: Any) -> None:
    """It is no new message; who sent it first has rung."""
    enrol(desk, key="order-17")
    again = enrol(desk, key="order-17")

    assert (again.created, rings(desk)) == (False, 1)


@pytest.mark.usefixtures("heard")
def test_a_full_bell_leaves_the_rest_to_those_it_wakes(desk: Any) -> None:
    """They go on until nothing is left, so nobody needs a hint; without rings it would wait for the sweep."""
    found = [enrol(desk) for _ in range(MOST_READY_RINGS + 2)]

    assert not any(each.is_hint_needed for each in found)
    assert rings(desk) == MOST_READY_RINGS
    claim = desk.ledger.claim_next("nonce", TERMS, ClaimCall("a", 1, "urgent"))
    assert (isinstance(claim, Claim), claim.left) == (True, MOST_READY_RINGS + 1)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("trouble", ["another type", "no right"])
def test_a_bell_that_cannot_be_rung_is_told_to_the_caller(desk: Any, trouble: str) -> None:
    """The message is enrolled all the same, and its caller gives a hint."""
    if trouble == "another type":
        desk.redis.set(KEY, "no list")
    else:
        desk.redis.acl_setuser("default", enabled=True, commands=["-rpush"], reset=False)
    try:
        found = enrol(desk)
    finally:
        desk.redis.acl_setuser("default", enabled=True, commands=["+rpush"], reset=False)

    assert (found.created, found.is_hint_needed) == (True, True)


@pytest.mark.usefixtures("heard")
def test_a_full_server_rings_for_nothing(desk: Any) -> None:
    """What was not enrolled wakes nobody; a beat goes on saying that its worker listens."""
    enrol(desk)
    desk.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(LedgerFull):
            enrol(desk)
        desk.now += 1.0
        desk.ledger.beat("urgent/host/1/a", hears_for_s=HEARD_S)
    finally:
        desk.redis.config_set("maxmemory", 0)

    assert rings(desk) == 1
    desk.now += 2.0
    assert not enrol(desk).is_hint_needed


@pytest.mark.usefixtures("heard")
def test_a_lost_ring_costs_the_wait_for_the_sweep(desk: Any) -> None:
    """As a lost hint: it is due two seconds after it was handed out."""
    ref = str(enrol(desk).id).removesuffix(".0")
    desk.redis.delete(KEY)
    assert desk.ledger.due("ready:urgent", 10, 2.0) == []

    desk.now += 2.0
    assert [str(each) for each in desk.ledger.due("ready:urgent", 10, 2.0)] == [ref]


def test_the_bell_is_bounded_and_heard_once(desk: Any) -> None:
    """Who cannot use its ring rings for another; a wait that hears nothing ends."""
    for _ in range(MOST_READY_RINGS + 3):
        assert desk.ledger.ring_ready()
    heard = iter(lambda: desk.ledger.await_ready(0.05), False)

    assert (rings(desk), count(heard)) == (MOST_READY_RINGS, MOST_READY_RINGS)


def count(each: Iterator[bool]) -> int:
    return sum(1 for _ in each)
