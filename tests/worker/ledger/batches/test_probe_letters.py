from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.domain.status import BatchState, IdState, Status
from smsq.worker.ledger import Claim
from tests.worker.ledger.conftest import BOTH_WAYS, ONE, PHONE, WINDOW_S

pytestmark = BOTH_WAYS

MAIL = "smtp://mail.example:25"


def posted(desk: Any, ref: Any, mirror: str = MAIL) -> Claim:
    """Handed over to a mail server."""
    claim: Claim = desk.claim(ref, mirror=mirror)
    desk.ledger.doubt(claim, "handed_over", 1.0)
    return claim


@pytest.mark.parametrize("mirror", [MAIL, "smtps://mail.example:465", "smtp+starttls://mail.example:587"])
def test_a_letter_that_is_missing_is_parked(desk: Any, mirror: str) -> None:
    """It may wait in a queue for hours: a person decides, its id stays open, and it is watched."""
    ref = desk.single()
    claim = posted(desk, ref, mirror)

    assert desk.probe(ref, {claim.gateway_id: [0]}) == ("parked", "held back")

    view = desk.view(ref)
    assert (view.why, view.ids[0].state, view.ids[0].absents) == ("held back", IdState.OPEN, "")
    assert desk.motion() == {"parked": 1, "watch": 1}


def test_a_letter_that_arrives_late_settles_what_was_parked(desk: Any) -> None:
    """Hours later, by a callback or by the watch."""
    ref = desk.single()
    claim = posted(desk, ref)
    desk.probe(ref, {claim.gateway_id: [0]})
    desk.now += 5 * 3600

    desk.call(claim.gateway_id, status=Status.DELIVERED)

    assert desk.state(ref) == BatchState.SETTLED
    assert desk.statuses(ref) == ["delivered"]


@pytest.mark.parametrize(
    "short",
    [
        pytest.param({"asked_s": WINDOW_S - 0.001}, id="within the window"),
        pytest.param({"known_s": WINDOW_S - 0.001}, id="known for too short"),
        pytest.param({"control_s": None}, id="no control"),
        pytest.param({"control_s": 195.0}, id="control too old for one window"),
        pytest.param({"wanting": True}, id="another mirror was not asked"),
    ],
)
def test_a_letter_is_not_parked_too_early(desk: Any, short: dict[str, Any]) -> None:
    """While it may be there and not yet be shown, it is asked about."""
    ref = desk.single()
    claim = posted(desk, ref)

    assert desk.probe(ref, {claim.gateway_id: [0]}, **short) == ("doubtful", "")


def test_all_messages_of_a_letter_must_be_missing(desk: Any) -> None:
    """One question has to ask about all that are undecided: nothing is added up over several."""
    _, (ref,) = desk.campaign(3)
    claim = posted(desk, ref)
    desk.fact(claim.gateway_id, PHONE + 1, Status.ACCEPTED)

    assert desk.probe(ref, {claim.gateway_id: [1]})[0] == "doubtful"
    assert desk.probe(ref, {claim.gateway_id: [2]}, asked_s=360.0)[0] == "doubtful"
    assert desk.probe(ref, {claim.gateway_id: [1, 2]}, asked_s=400.0) == ("parked", "held back")
    assert desk.statuses(ref) == ["accepted", "parked", "parked"]


def test_a_letter_whose_worker_died_is_parked(desk: Any) -> None:
    """Between the letter's last line and the settling: nobody said that it was handed over, and it may have been."""
    ref = desk.single()
    claim = desk.claim(ref, mirror=MAIL)
    desk.now += 46
    desk.ledger.expire(ref, 1.0, 3.0)

    assert desk.probe(ref, {claim.gateway_id: [0]}) == ("parked", "held back")
    assert desk.view(ref).ids[0].state == IdState.OPEN


def test_a_letter_stays_open_whatever_came_after_it(desk: Any) -> None:
    """An operator sent it once more over HTTP: that attempt may be absent, the letter may not, and nothing is late."""
    ref = desk.single(deadline_s=3600.0)
    letter = posted(desk, ref)
    desk.probe(ref, {letter.gateway_id: [0]})
    desk.ledger.resolve(ref, letter.fence, "release")
    request = desk.doubted(ref)
    desk.now += 4000

    both = {letter.gateway_id: [0], request.gateway_id: [0]}
    assert desk.probe(ref, both, asked_s=4000.0, known_s=4000.0) == ("parked", "held back")

    assert [known.state for known in desk.view(ref).ids] == [IdState.OPEN, IdState.OPEN]
    assert desk.view(ref).ids[0].absents == ""
    assert desk.view(ref).ids[1].absents == "/1"
    assert desk.statuses(ref) == ["parked"]


def test_a_code_that_left_as_a_letter_is_not_late(desk: Any) -> None:
    """Its deadline has passed, and it may still arrive."""
    ref = desk.single(deadline_s=60.0)
    claim = posted(desk, ref)

    assert desk.probe(ref, {claim.gateway_id: [0]}) == ("parked", "held back")
    assert desk.statuses(ref) == ["parked"]


def test_a_second_copy_of_a_letter_is_its_senders_choice(desk: Any) -> None:
    """Who prefers two copies to none gets one, labelled; without that choice nothing leaves again."""
    ref = desk.single(on_doubt="resend", deadline_s=3600.0)
    claim = posted(desk, ref)

    assert desk.probe(ref, {}, asked_s=62.0, unseen=[claim.gateway_id]) == ("ready", "resent")

    second = posted(desk, ref)
    both = {claim.gateway_id: [0], second.gateway_id: [0]}
    assert desk.probe(ref, both, unseen=list(both)) == ("parked", "held back")
    assert desk.view(ref).resent_by == "sender"


def test_a_failure_under_another_id_does_not_end_what_a_letter_may_hold(desk: Any) -> None:
    """The copy over HTTP was undeliverable; the letter may still bring it."""
    ref = desk.single()
    letter = posted(desk, ref)
    desk.probe(ref, {letter.gateway_id: [0]})
    desk.ledger.resolve(ref, letter.fence, "release")
    request = desk.claim(ref, mirror=ONE)
    desk.accept(request)

    desk.fact(request.gateway_id, status=Status.UNDELIVERABLE)

    assert desk.statuses(ref) == ["accepted"]
