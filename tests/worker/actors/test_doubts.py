"""Settling doubt on real sockets: presence proves, absence must be earned, and nothing is ever sent twice."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from smsq.worker.domain.fact import Fact
from smsq.worker.domain.status import BatchState, IdState, Status
from smsq.worker.ledger import Claim
from smsq.worker.ledger.batches.asking import Probe
from smsq.worker.questions.asker import ASKS_A_MINUTE

PHONES = [79990000000 + n for n in range(30)]


def settle_until(plant: Any, ref: Any, states: set[BatchState], seconds: float = 12.0) -> BatchState:
    """Ask as the status lane would, until the batch stands in one of `states`."""
    until = time.monotonic() + seconds
    while plant.state(ref) not in states and time.monotonic() < until:
        for which in ("doubt:urgent", "doubt"):
            for due in plant.ledger.due(which, 10, 1.0):
                plant.doubts.settle_doubts([str(due)])
        plant.runtime.clock.wait(0.02)
    return plant.state(ref)


def test_a_found_message_settles_a_doubt(plant: Any) -> None:
    """Its answer was lost; status.php knows it."""
    ref = plant.enrol()
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(ref)

    plant.doubts.settle_doubts([str(ref)])

    assert plant.state(ref) == BatchState.SETTLED
    assert plant.sandbox.report()["accepted"] == 1


def test_a_message_that_never_arrived_is_sent_once_after_the_window(plant: Any) -> None:
    """A control shows that the mirror tells the truth; only then the absence counts and a new id is drawn."""
    control = plant.enrol(79991110000, "control")
    plant.send(control)
    ref = plant.enrol()
    plant.sandbox.misfortune("error_502", next_few=1)
    plant.send(ref)
    assert plant.state(ref) == BatchState.DOUBTFUL

    assert settle_until(plant, ref, {BatchState.READY, BatchState.PARKED}) == BatchState.READY
    plant.send(ref)

    assert plant.state(ref) == BatchState.SETTLED
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"], report["limits_broken"]) == (2, 0, {})


def test_absence_is_not_trusted_without_a_control(plant: Any) -> None:
    """With nothing ever accepted there is nothing to compare with: the batch waits."""
    ref = plant.enrol()
    plant.sandbox.misfortune("error_502", next_few=1)
    plant.send(ref)

    assert settle_until(plant, ref, {BatchState.READY}, seconds=4.5) == BatchState.DOUBTFUL


def test_a_control_speaks_for_its_own_mirror(plant: Any) -> None:
    """The mirror that carried the attempt shows nothing, not even the control that the other shows."""
    ref = plant.enrol()
    plant.sandbox.misfortune("error_502", next_few=1)
    plant.send(ref)
    plant.runtime.clock.wait(0.6)  # the control is younger than anything that could still arrive
    plant.send(plant.enrol(79991110000, "control"))
    plant.sandbox.mirror(1, lag=600.0)

    assert settle_until(plant, ref, {BatchState.READY}, seconds=2.7) == BatchState.DOUBTFUL
    plant.sandbox.mirror(1, lag=0.0)
    assert settle_until(plant, ref, {BatchState.READY}) == BatchState.READY


def test_a_message_that_shows_late_is_never_sent_again(plant: Any) -> None:
    """Invisible for longer than a few questions, but not longer than the window."""
    plant.send(plant.enrol(79991110000, "control"))
    ref = plant.enrol()
    for number in range(1, len(plant.sandbox.mirrors) + 1):
        plant.sandbox.mirror(number, lag=0.9)
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(ref)
    plant.doubts.settle_doubts([str(ref)])
    assert plant.state(ref) == BatchState.DOUBTFUL
    assert plant.sandbox.report()["requests"]["status"] > 0

    settle_until(plant, ref, {BatchState.SETTLED, BatchState.READY})

    assert plant.state(ref) == BatchState.SETTLED
    assert plant.sandbox.report()["accepted"] == 2  # with the control


def test_a_batch_whose_answer_was_lost_settles_for_every_phone(plant: Any) -> None:
    """Two are asked about alone, the rest together; none is sent again."""
    (ref,) = plant.campaign(PHONES)
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(ref)

    assert settle_until(plant, ref, {BatchState.SETTLED}) == BatchState.SETTLED
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"]) == (30, 0)


def test_one_bad_number_in_a_batch_does_not_hold_the_others(make_plant: Callable[..., Any]) -> None:
    """Refused, but who? After the window each goes alone; the bad one ends refused, the others accepted."""
    from smsq.worker.sandbox import Profile

    plant = make_plant(
        profile=Profile(
            mass_ask_every_s=0.09,
            minute_s=0.09,
            duplicate_window_s=0.2,
            dead_prefixes=(str(PHONES[2]),),
            is_strict=True,
        )
    )
    plant.send(plant.enrol(79991110000, "control"))
    (ref,) = plant.campaign(PHONES[:4])
    plant.send(ref)
    assert plant.state(ref) == BatchState.DOUBTFUL

    assert settle_until(plant, ref, {BatchState.READY}) == BatchState.READY
    plant.send(ref)

    assert sorted(plant.statuses(ref)) == ["accepted", "accepted", "accepted", "refused"]
    assert plant.sandbox.report()["twice"] == 0


def test_the_others_go_on_after_one_that_went_alone_and_lost_its_answer(make_plant: Callable[..., Any]) -> None:
    """Of a batch sent one by one, the first is found and nothing can be asked about the others: they are sent too."""
    from smsq.worker.sandbox import Profile

    strict = Profile(mass_ask_every_s=0.09, minute_s=0.09, duplicate_window_s=0.2, is_strict=True)
    plant = make_plant(profile=replace(strict, dead_prefixes=(str(PHONES[2]),)))
    plant.send(plant.enrol(79991110000, "control"))
    (ref,) = plant.campaign(PHONES[:3])
    plant.send(ref)
    assert settle_until(plant, ref, {BatchState.READY}) == BatchState.READY
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(ref)
    assert plant.state(ref) == BatchState.DOUBTFUL

    assert settle_until(plant, ref, {BatchState.READY}) == BatchState.READY
    plant.send(ref)

    assert plant.state(ref) == BatchState.SETTLED
    assert plant.statuses(ref)[2] == "refused"
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"]) == (3, 0)  # with the control


def test_the_rest_goes_on_when_a_callback_found_the_one_that_was_asked_about(plant: Any) -> None:
    """Nothing is left to ask about, and that is recorded: no open id can hold the other."""
    (ref,) = plant.campaign(PHONES[:2])
    claim = claimed(plant, ref)
    plant.ledger.doubt(claim, "refused_who", 0.0, alone=True)
    known = Probe(
        claim.lease_until, 1.0, [plant.sandbox.mirrors[0]], claim.lease_until, False, {claim.gateway_id: [0, 1]}
    )
    ended = plant.ledger.probe(
        ref, known, window_s=0.0, arrival_s=0.0, next_ask_s=1.0, patience_s=60.0, blind_patience_s=60.0,
        resend_after_s=61.0,
    )  # fmt: skip
    assert ended == ("ready", "")
    alone = claimed(plant, ref)
    plant.ledger.doubt(alone, "no_answer", 0.0)
    plant.ledger.advance([Fact(gateway_id=alone.gateway_id, recipient=alone.recipients[0], status=Status.DELIVERED)])
    assert plant.state(ref) == BatchState.DOUBTFUL

    plant.doubts.settle_doubts([str(ref)])

    assert plant.state(ref) == BatchState.READY


def claimed(plant: Any, ref: Any) -> Claim:
    """What a worker that says nothing is granted."""
    claim = plant.ledger.claim(
        ref, secrets.token_hex(8), owner="w", mirror=plant.sandbox.mirrors[0], lease_s=30, parallel=10, urgent_slots=3,
        slot_kept_s=1, credentials="x",
    )  # fmt: skip
    assert isinstance(claim, Claim)
    return claim


CODE = {"text": "Your code is 4821", "on_doubt": "resend", "deadline_s": 60.0}


def test_a_second_copy_leaves_once_where_its_sender_chose_it(make_plant: Callable[..., Any]) -> None:
    """After the gateway's minute, long before the window, without any control; then all of it is asked about."""
    plant = make_plant(SMSQ_DOUBT_SETTLE_S="30")
    ref = plant.enrol(**CODE)
    plant.sandbox.misfortune("error_502", next_few=2, command="send")
    plant.send(ref)
    assert settle_until(plant, ref, {BatchState.READY}) == BatchState.READY
    plant.send(ref)

    assert settle_until(plant, ref, {BatchState.READY, BatchState.SETTLED}, seconds=2.5) == BatchState.DOUBTFUL
    batch = plant.ledger.read([ref])[0]
    assert ([known.state for known in batch.ids], batch.resent_by) == ([IdState.OPEN] * 2, "sender")
    report = plant.sandbox.report()
    assert (report["accepted"], report["limits_broken"]) == (0, {})


def test_a_second_copy_waits_for_an_answer_that_shows_nothing(make_plant: Callable[..., Any]) -> None:
    """While questions are answered with rubbish nothing leaves; the first good answer finds the message."""
    plant = make_plant(SMSQ_DOUBT_SETTLE_S="30")
    ref = plant.enrol(**CODE)
    plant.sandbox.misfortune("lose_answer", next_few=1, command="send")
    plant.sandbox.misfortune("error_502", next_few=1000, command="status")
    plant.send(ref)
    assert settle_until(plant, ref, {BatchState.READY}, seconds=2.5) == BatchState.DOUBTFUL

    plant.sandbox.clear()
    assert settle_until(plant, ref, {BatchState.SETTLED, BatchState.READY}) == BatchState.SETTLED
    assert plant.sandbox.report()["accepted"] == 1


@pytest.mark.parametrize(
    ("lane", "offsets"),
    [("urgent", [1.0, 3.0, 8.0, 15.0, 45.0, 90.0, 180.0]), ("bulk", [5.0, 15.0, 45.0, 90.0, 180.0])],
)
def test_questions_come_at_their_offsets_from_the_claim(
    make_plant: Callable[..., Any], lane: str, offsets: list[float]
) -> None:
    """A code's soon; then just after the window."""
    plant = make_plant(SMSQ_DOUBT_SETTLE_S="300")
    age, asked = 0.1, []
    while age < 300:
        age += plant.doubts._offset(lane, age, age)
        asked.append(round(age, 1))
        age += 0.05

    assert asked == [*offsets, 300.5]


def test_a_claim_whose_worker_died_becomes_doubtful_never_ready(plant: Any) -> None:
    """Nobody can know whether it had spoken."""
    ref = plant.enrol()
    plant.ledger.beat("dead/host/1/x")
    plant.ledger.claim(
        ref, "n", owner="dead/host/1/x", mirror=plant.sandbox.mirrors[0], lease_s=30, parallel=10, urgent_slots=3,
        slot_kept_s=1, credentials="x",
    )  # fmt: skip

    alive = plant.ledger.expire(ref, 1.0, 3.0)
    dead = plant.ledger.expire(ref, 1.0, -1.0)

    assert (alive, dead) == ("alive", "doubtful")
    assert plant.state(ref) == BatchState.DOUBTFUL


@pytest.mark.parametrize(("lane", "ends"), [("urgent", True), ("bulk", False)])
def test_a_slow_mirror_does_not_keep_a_code_in_doubt(make_plant: Callable[..., Any], lane: str, ends: bool) -> None:
    """The question goes to a second mirror too where the first is silent; a campaign's waits for the next time."""
    plant = make_plant(mirrors=2, SMSQ_READ_TIMEOUT_S="3", SMSQ_LEASE_S="5", SMSQ_DOUBT_SETTLE_S="6")
    ref = plant.enrol(lane=lane)
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(ref)
    plant.sandbox.misfortune("slow", command="status", mirror=1, share=1.0, seconds=60.0)

    plant.doubts.settle_doubts([str(ref)])

    assert (plant.state(ref) == BatchState.SETTLED) is ends
    report = plant.sandbox.report()
    assert (report["twice"], report["limits_broken"]) == (0, {})


def test_a_hedge_leaves_the_minutes_last_question(make_plant: Callable[..., Any]) -> None:
    """Three of the four were put: one more may come, and it is not the second mirror's."""
    plant = make_plant(mirrors=2, SMSQ_MASS_ASK_EVERY_S="60")
    pair = (4711, 79991234567)
    for token in ("a", "b", "c"):
        assert plant.ledger.take("ask", token, 9, 1.0, {"ask:4711": (ASKS_A_MINUTE, 60.0)}) == 0.0
        plant.ledger.give_back("ask", token, {"ask:4711": (4, 60.0)})

    assert plant.asker.ask([pair], plant.sandbox.mirrors[1], patience_s=0.0, spared=1) is None
    assert plant.asker.ask([pair], plant.sandbox.mirrors[0], patience_s=0.0) is not None
