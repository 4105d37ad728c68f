"""The step of a cascade against a gateway: whoever has the code already gets no second message."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smsq.producers.api import Smsq
from smsq.producers.otp import OneTimeCode
from smsq.worker.actors.otp_steps import StepTaker
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.cascade import End, Take
from smsq.worker.domain.status import Status


@pytest.fixture
def smsq(plant: Any) -> Iterator[Smsq]:
    with Smsq(plant.runtime.settings) as way_in:
        yield way_in


def sent(plant: Any, smsq: Smsq) -> OneTimeCode:
    """A code whose SMS was accepted and whose next channel's time has come."""
    code = smsq.otp.send("+79991234567", channels="sms:20s,tg")
    plant.send(Ref(MessageId.parse(code.message_id).batch))
    assert smsq.status(code.message_id).status == "accepted"
    plant.ledger._now = lambda: time.time() + 20.0
    return code


def await_delivery(plant: Any, code: OneTimeCode) -> None:
    """Until the gateway would say so; nothing of it is kept."""
    batch = plant.ledger.read([Ref(MessageId.parse(code.message_id).batch)])[0]
    pair = (batch.ids[0].gateway_id, batch.recipients[0])
    deadline = time.monotonic() + 10
    while True:
        answer = plant.asker.ask([pair], patience_s=1.0)
        if answer is not None and answer.facts[0].status is Status.DELIVERED:
            return
        assert time.monotonic() < deadline
        plant.runtime.clock.wait(0.05)


def test_the_gateway_is_asked_before_a_step_is_paid_for(plant: Any, smsq: Smsq) -> None:
    """It was delivered since the last question."""
    code = sent(plant, smsq)
    await_delivery(plant, code)

    assert StepTaker(plant.runtime).look(code.id) == End("delivered")
    assert [step.status for step in smsq.otp.show(code.id).steps] == ["delivered"]


def test_a_gateway_that_says_nothing_holds_no_step_up(plant: Any, smsq: Smsq, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody waits for that code."""
    monkeypatch.setattr("smsq.worker.actors.otp_steps.LAST_ASK_S", 0.1)
    code = sent(plant, smsq)
    plant.sandbox.misfortune("slow", command="status", next_few=1, seconds=5.0)

    assert StepTaker(plant.runtime).look(code.id) == Take(1, "waited")
    assert plant.sandbox.report()["requests"]["status"] == 1


def test_what_a_doubt_ended_as_is_asked_about_as_soon_as_what_was_accepted(make_plant: Callable[..., Any]) -> None:
    """Its cascade waits for that, too."""
    plant = make_plant(SMSQ_ASK_EVERY_S="7,20")
    ref = plant.enrol(lane="urgent")
    plant.sandbox.misfortune("lose_answer", next_few=1)
    plant.send(ref)
    asked_at = plant.ledger.time()
    plant.doubts.settle_doubts([str(ref)])

    assert plant.statuses(ref) == ["accepted"]
    due_at = plant.ledger.redis.zscore(plant.ledger.key("asks:urgent"), str(ref)) / 1000
    assert 7.0 <= due_at - asked_at < 20.0
