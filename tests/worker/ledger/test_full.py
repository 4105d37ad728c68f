"""A Redis without memory: nothing comes in, nothing leaves; what left is settled, asked about and expired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from smsq.worker.domain.batch import pack
from smsq.worker.domain.campaign import Reject
from smsq.worker.domain.errors import LedgerFull
from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import BatchState, Status
from smsq.worker.ledger import NewMessage
from smsq.worker.ledger.batches.asking import Control
from tests.worker.ledger.conftest import BOTH_WAYS

pytestmark = BOTH_WAYS

PHONE = 79990000000


@contextmanager
def full(desk: Any) -> Iterator[None]:
    desk.redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        desk.redis.config_set("maxmemory", 0)


def test_nothing_comes_in_and_nothing_is_half_written(desk: Any) -> None:
    """Not even where its numbers had been drawn before."""
    desk.single()  # draws a block of numbers
    opened = desk.ledger.open_campaign(desk.plan())
    batch = pack([PHONE], None, [1], 1)
    before = desk.everything()
    attempts: list[Callable[[], Any]] = [
        lambda: desk.ledger.enrol(NewMessage(PHONE, "Hi", key="k")),
        lambda: desk.ledger.open_campaign(desk.plan()),
        lambda: desk.ledger.enrol_range(opened.id, 1, [batch], [Reject(2, "invalid", "", "x")], 2),
        lambda: desk.ledger.enrol_range(opened.id, 1, [], [], 2),
    ]
    with full(desk):
        for attempt in attempts:
            with pytest.raises(LedgerFull, match="nothing was written"):
                attempt()
        assert desk.everything() == before


def test_a_strangers_message_does_not_keep_ours_back(desk: Any) -> None:
    """Facts merge first; that the account is shared is counted when there is room."""
    ref = desk.single()
    claim = desk.claim(ref)
    facts = [
        Fact(gateway_id=gateway_id, recipient=PHONE, status=Status.DELIVERED, at=1)
        for gateway_id in (77, claim.gateway_id)
    ]
    with full(desk), pytest.raises(LedgerFull):
        desk.ledger.advance(facts)
    assert desk.statuses(ref) == ["delivered"]


def test_claims_stop(desk: Any) -> None:
    """With a pace, without one, with expired slots to clear."""
    _, refs = desk.campaign(1, 1)
    desk.doubted(refs[0])
    desk.now += 500
    before = desk.everything()
    with full(desk):
        for rate in (None, 100.0):
            with pytest.raises(LedgerFull):
                desk.try_claim(refs[1], rate=rate)
        assert desk.everything() == before
    desk.claim(refs[1])


def test_an_answer_under_a_strange_id_is_told_from_a_lack_of_memory(desk: Any) -> None:
    """Settling begins with a write that is allowed, whatever it comes to: nobody repeats it for the rest of a lease."""
    claim = desk.claim(desk.single())
    with full(desk):
        assert desk.accept(replace(claim, gateway_id=77)) == "foreign"
    assert desk.views.depth().by("smsq_alarms_total") == {"foreign-id": 1}


def test_what_left_is_brought_to_its_end(desk: Any) -> None:
    """Settle, refuse, release, doubt, expire, facts, questions, absence, an operator's word."""
    campaign, refs = desk.campaign(*[2] * 7)
    claims = [desk.claim(ref) for ref in refs]
    assert desk.ledger.control_message(60.0) is None
    desk.ledger.establish("smsc.ru/demo", host="h1")
    with full(desk):
        desk.ledger.beat("bulk/host/1/a")
        assert desk.accept(claims[0]) == "settled"
        assert desk.ledger.settle_refused(claims[1], 6)[0] == "settled"
        assert desk.ledger.release(claims[2], unwritten=True) == "released"
        for each in (3, 4, 6):
            assert desk.ledger.doubt(claims[each], "no_answer", 1.0) == "doubtful"
        assert desk.fact(claims[3].gateway_id, claims[3].recipients[0]) == 1
        assert desk.fact(claims[3].gateway_id, claims[3].recipients[1]) == 1
        desk.now += 61
        assert desk.ledger.expire(refs[5], 1.0, 3.0) == "doubtful"
        assert desk.ledger.due("doubt", 10, 5.0)
        assert desk.ledger.take("ask", "t", 3, 40.0, {"mass": (1, 60.0)}) == 0.0
        desk.ledger.give_back("ask", "t", {"mass": (1, 60.0)})
        desk.ledger.note_visible(7.0)
        desk.ledger.control_seen("https://one", desk.now, Control(1, PHONE, desk.now))
        assert desk.ledger.establish("smsc.ru/demo", host="h1") == "known"
        assert desk.ledger.lead("one", 2.0)
        assert desk.ledger.throttled(1.0) == 1.0
        assert desk.probe(refs[4], {claims[4].gateway_id: [0, 1]})[0] == "ready"
        assert desk.ledger.resolve(refs[6], claims[6].fence, "drop") == "settled"
        assert desk.ledger.asked(refs[0], (5.0,)) == 5.0
        assert desk.ledger.watched(refs[4], 60.0)
        assert desk.ledger.control(campaign, "cancel") == "cancelled"
        assert desk.ledger.drop(refs[2], "cancelled") == "settled"
        assert desk.ledger.control_message(60.0) is not None
    assert [desk.state(ref) for ref in refs] == [
        BatchState.SETTLED, BatchState.SETTLED, BatchState.SETTLED, BatchState.SETTLED, BatchState.READY,
        BatchState.DOUBTFUL, BatchState.SETTLED,
    ]  # fmt: skip
