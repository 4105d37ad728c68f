"""Settling message by message: what was accepted, refused, not taken, and what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.fact import Fact
from smsq.worker.domain.piece import Fate, Piece
from smsq.worker.domain.status import BatchState, IdState, Status
from smsq.worker.ledger import Claim, Settled
from smsq.worker.ledger.values import Named, Settling
from tests.worker.ledger.conftest import BOTH_WAYS, PHONE

pytestmark = BOTH_WAYS

SMPP = "smpp://one:3700"


def yes(*names: str) -> Piece:
    return Piece(Fate.ACCEPTED, names=names)


NO, LATER, LOST = Piece(Fate.REFUSED, 7), Piece(Fate.UNTAKEN), Piece(Fate.UNKNOWN)


def claimed(desk: Any, ref: Any) -> Claim:
    return desk.claim(ref, mirror=SMPP)  # type: ignore[no-any-return]


def settle(desk: Any, claim: Claim, *pieces: Piece, is_over: bool = True, again_s: float = 0.0) -> Settled:
    return desk.ledger.settle_each(  # type: ignore[no-any-return]
        Settling(claim, "accepted", 0, 1, None, 60.0, "", pieces, is_over, 5.0), again_s
    )


def test_all_accepted_settles(desk: Any) -> None:
    """Like one answer for all of them."""
    _, (ref,) = desk.campaign(3)
    claim = claimed(desk, ref)

    assert settle(desk, claim, yes("a"), yes("b"), yes("c")).word == "settled"
    assert desk.statuses(ref) == ["accepted"] * 3
    assert desk.view(ref).ids[0].state == IdState.ACCEPTED
    assert desk.redis.zcard("{smsq}:slots:bulk") == 0


def test_an_accepted_message_is_asked_about_later(desk: Any) -> None:
    """Its cost is not known: history tells it."""
    ref = desk.single()
    settle(desk, claimed(desk, ref), yes("a"))

    assert desk.redis.zscore("{smsq}:asks:urgent", str(ref)) == pytest.approx((desk.now + 60.0) * 1000)
    assert desk.view(ref).is_untold(0)


def test_what_was_not_taken_goes_again_and_the_rest_does_not(desk: Any) -> None:
    """Under another id, without a question: the gateway said so, or nothing of it was written."""
    _, (ref,) = desk.campaign(3)
    claim = claimed(desk, ref)

    assert settle(desk, claim, yes("a"), LATER, yes("c")).word == "again"
    assert desk.state(ref) == BatchState.READY
    again = claimed(desk, ref)
    assert (list(again.recipients), again.gateway_id != claim.gateway_id) == ([PHONE + 2], True)
    assert settle(desk, again, yes("d")).word == "settled"
    assert desk.statuses(ref) == ["accepted"] * 3


def test_a_full_batch_of_long_texts_settles(desk: Any) -> None:
    """Five hundred messages of fifteen parts have more names than a script may give to one command."""
    _, (ref,) = desk.campaign(500)
    names = [[f"{n}-{part}" for part in range(15)] for n in range(500)]
    came = [Named(name, Fact(gateway_id=0, recipient=0, status=Status.DELIVERED)) for each in names for name in each]
    for from_ in range(0, len(came), 200):
        desk.ledger.advance_named(came[from_ : from_ + 200])

    done = settle(desk, claimed(desk, ref), *[yes(*each) for each in names])

    assert (done.word, [each.name for each in done.early]) == ("settled", [each.name for each in came])
    (key,) = desk.redis.keys("{smsq}:names:*")
    assert desk.redis.hlen(key) == 7500


def test_what_was_not_taken_may_have_to_wait(desk: Any) -> None:
    """If the gateway is told too much a second."""
    _, (ref,) = desk.campaign(2)
    settle(desk, claimed(desk, ref), yes("a"), LATER, again_s=2.0)

    assert desk.redis.zscore("{smsq}:ready:bulk", str(ref)) == pytest.approx((desk.now + 2.0) * 1000)


def test_a_refused_message_ends_and_its_neighbours_live(desk: Any) -> None:
    """With the error of the gateway."""
    _, (ref,) = desk.campaign(3)

    assert settle(desk, claimed(desk, ref), yes("a"), NO, yes("c")).word == "settled"
    assert desk.statuses(ref) == ["accepted", "refused", "accepted"]
    assert desk.view(ref).receipts[11 + 1] == 7


def test_what_nobody_knows_is_doubtful_alone(desk: Any) -> None:
    """Its id stays open for it; for messages that certainly did not leave it does not."""
    _, (ref,) = desk.campaign(4)
    claim = claimed(desk, ref)

    assert settle(desk, claim, yes("a"), LOST, LATER, NO, is_over=False).word == "doubtful"
    batch = desk.view(ref)
    assert (batch.state, batch.ids[0].state) == (BatchState.DOUBTFUL, IdState.OPEN)
    assert desk.statuses(ref) == ["accepted", "doubtful", "doubtful", "refused"]
    assert [batch.ids[0].lacks(place) for place in range(4)] == [False, False, True, True]
    assert desk.redis.zcard("{smsq}:slots:bulk") == 1  # it may be running


def test_a_found_message_frees_its_neighbours(desk: Any) -> None:
    """The doubt ends with the last message in doubt: what did not leave goes then."""
    _, (ref,) = desk.campaign(2)
    claim = claimed(desk, ref)
    settle(desk, claim, LOST, LATER)

    desk.fact(claim.gateway_id, PHONE + 1)
    word = desk.probe(ref, {}, mirrors=(), control_s=None, asked_s=5.0, is_said=True)

    assert word == ("ready", "")
    again = claimed(desk, ref)
    assert list(again.recipients) == [PHONE + 2]


def test_a_stale_answer_proves_acceptance_only(desk: Any) -> None:
    """Its claim became doubtful meanwhile: refusals and messages not taken change nothing then."""
    _, (ref,) = desk.campaign(3)
    claim = claimed(desk, ref)
    desk.ledger.doubt(claim, "no_answer", 1.0)

    assert settle(desk, claim, yes("a"), NO, LATER).word == "stale"
    assert desk.statuses(ref) == ["accepted", "doubtful", "doubtful"]
    assert not any(desk.view(ref).ids[0].lacks(place) for place in range(3))


def test_a_repeat_changes_nothing(desk: Any) -> None:
    """A lost reply makes any client repeat the verb."""
    _, (ref,) = desk.campaign(3)
    claim = claimed(desk, ref)
    settle(desk, claim, yes("a"), LATER, NO)
    before = {key: value for key, value in desk.everything().items() if b"totals" not in key}

    assert settle(desk, claim, yes("a"), LATER, NO).word == "stale"
    assert {key: value for key, value in desk.everything().items() if b"totals" not in key} == before


def test_a_refusal_waits_for_an_earlier_attempt(desk: Any) -> None:
    """That may have been accepted: released by an operator, its id is still open."""
    ref = desk.single()
    first = claimed(desk, ref)
    desk.ledger.doubt(first, "no_answer", 1.0)
    desk.ledger.resolve(ref, desk.view(ref).fence, "release", "test")
    second = claimed(desk, ref)

    assert settle(desk, second, NO).word == "doubtful"
    assert desk.statuses(ref) == ["doubtful"]
    desk.fact(first.gateway_id, status=Status.DELIVERED)
    assert desk.statuses(ref) == ["delivered"]


def test_an_id_that_was_never_given_is_an_alarm(desk: Any) -> None:
    """And changes nothing."""
    from dataclasses import replace

    ref = desk.single()
    claim = claimed(desk, ref)

    assert settle(desk, replace(claim, gateway_id=5), yes("a")).word == "foreign"
    assert desk.totals()["alarm:foreign-id"] == 1
    assert desk.state(ref) == BatchState.SENDING


def test_the_youngest_accepted_message_is_the_control_of_its_wire(desk: Any) -> None:
    """One that is known by its comment shows that comments are shown; another proves nothing of them."""
    http, smpp = desk.single(PHONE), desk.single(PHONE + 1)
    first = desk.settled(http)
    second = claimed(desk, smpp)
    settle(desk, second, yes("a"))
    desk.now += 100

    plain, said = (desk.ledger.control_message(60.0, is_said=is_said) for is_said in (False, True))
    assert (plain.gateway_id, said.gateway_id) == (first.gateway_id, second.gateway_id)
