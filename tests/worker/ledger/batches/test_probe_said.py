"""Absence of messages that the gateway knows by our id in their comments only."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.status import BatchState, IdState
from smsq.worker.ledger import Claim
from tests.worker.ledger.conftest import BOTH_WAYS, ONE, PHONE

pytestmark = BOTH_WAYS

SMPP = "smpps://one:3443"


def doubted(desk: Any, ref: Any, mirror: str = SMPP) -> Claim:
    claim = desk.claim(ref, mirror=mirror)
    desk.ledger.doubt(claim, "no_answer", 1.0)
    return claim  # type: ignore[no-any-return]


def test_no_question_about_our_id_proves_absence(desk: Any) -> None:
    """The gateway never saw that id: it would answer "not there" of every message."""
    ref = desk.single()
    claim = doubted(desk, ref)

    word = desk.probe(ref, {claim.gateway_id: [0]}, mirrors=(ONE, SMPP))

    assert (word, desk.view(ref).ids[0].state) == (("doubtful", ""), IdState.OPEN)


def test_no_look_at_comments_proves_absence_of_another_wires(desk: Any) -> None:
    """Over HTTP a message has no comment of ours."""
    ref = desk.single()
    claim = doubted(desk, ref, ONE)

    word = desk.probe(ref, {claim.gateway_id: [0]}, mirrors=(ONE,), is_said=True)

    assert (word, desk.view(ref).ids[0].state) == (("doubtful", ""), IdState.OPEN)


def test_a_list_without_its_comment_proves_absence(desk: Any) -> None:
    """Asked after the window, with a control; then it may leave again, under another id."""
    ref = desk.single()
    claim = doubted(desk, ref)

    assert desk.probe(ref, {claim.gateway_id: [0]}, is_said=True) == ("ready", "")
    again = desk.claim(ref)
    assert again.gateway_id != claim.gateway_id


@pytest.mark.parametrize(
    "how",
    [
        {"asked_s": 299.0},
        {"known_s": 299.0},
        {"control_s": None},
        {"mirrors": ()},
        {"wanting": True},
        {"control_s": 100.0, "asked_s": 599.0},
    ],
    ids=[
        "too early",
        "known too shortly",
        "no control",
        "on no mirror",
        "another mirror unasked",
        "an old control, too early",
    ],
)
def test_absence_needs_all_that_it_needs_otherwise(desk: Any, how: dict[str, Any]) -> None:
    """The same window, control and mirrors as over HTTP."""
    ref = desk.single()
    claim = doubted(desk, ref)

    assert desk.probe(ref, {claim.gateway_id: [0]}, is_said=True, **how) == ("doubtful", "")


def test_an_older_id_of_another_wire_stays_open(desk: Any) -> None:
    """An operator released it while its first attempt, over HTTP, was in doubt: comments tell nothing of that."""
    ref = desk.single()
    first = doubted(desk, ref, ONE)
    desk.ledger.resolve(ref, desk.view(ref).fence, "release", "test")
    second = doubted(desk, ref)

    word = desk.probe(ref, {first.gateway_id: [0], second.gateway_id: [0]}, is_said=True)

    assert word == ("doubtful", "")
    assert [known.absents for known in desk.view(ref).ids] == ["", "/1"]


def test_an_older_id_of_this_wire_stays_open_too(desk: Any) -> None:
    """The same with the wires the other way round."""
    ref = desk.single()
    first = doubted(desk, ref)
    desk.ledger.resolve(ref, desk.view(ref).fence, "release", "test")
    second = doubted(desk, ref, ONE)

    word = desk.probe(ref, {first.gateway_id: [0], second.gateway_id: [0]})

    assert word == ("doubtful", "")
    assert [known.absents for known in desk.view(ref).ids] == ["", "/1"]


def test_what_is_no_sms_is_parked(desk: Any) -> None:
    """History may list a call elsewhere, or without its comment: an operator decides."""
    ref = desk.single(PHONE, "Hello", options=Options(channel="call"))
    claim = doubted(desk, ref)

    assert desk.probe(ref, {claim.gateway_id: [0]}, is_said=True) == ("parked", "unlisted")
    assert (desk.state(ref), desk.view(ref).ids[0].state) == (BatchState.PARKED, IdState.OPEN)


def test_without_comments_an_operator_decides_soon(desk: Any) -> None:
    """If history shows no comment of the control, patience is short; nothing is sent again."""
    ref = desk.single()
    desk.accept(desk.claim(desk.single(PHONE + 1), mirror=SMPP))  # the control
    doubted(desk, ref)

    word = desk.probe(ref, {}, mirrors=(), control_s=None, is_said=True, wanting=True, asked_s=900.0, patience_s=900.0)

    assert word == ("parked", "undecided")
