"""Claims of which nothing leaves: the ledger's whole way, and not a request."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from smsq.worker.domain import simulated
from smsq.worker.domain.batch import MessageId, Ref
from smsq.worker.domain.guests import FORBIDDEN, Guests
from smsq.worker.domain.status import BatchState, IdState
from tests.conftest import Plant

BASE = 12125550100
LANES = ("urgent", "bulk")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens within a second."""
    for nn, fate in simulated.FATES.items():
        soon = dataclasses.replace(fate, found_s=min(fate.found_s, 0.3), after_s=min(fate.after_s, 0.5))
        monkeypatch.setitem(simulated.FATES, nn, soon)
    monkeypatch.setattr(simulated, "DELIVERED", dataclasses.replace(simulated.DELIVERED, after_s=0.2))


def ended(plant: Plant, ref: Ref, seconds: float = 20.0) -> Any:
    """The receipt of a message once it is final, asking as the status lane would."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for which in ("doubt:urgent", "doubt"):
            for due in plant.ledger.due(which, 10, 1.0):
                plant.doubts.settle_doubts([str(due)])
        for which in ("asks:urgent", "asks"):
            if due := plant.ledger.due(which, 10, 1.0):
                plant.asks.ask_statuses([str(each) for each in due])
        receipt = plant.runtime.views.receipt(MessageId(ref.number, 0))
        if receipt.status not in ("queued", "sending", "accepted", "doubtful"):
            return receipt
        plant.runtime.clock.wait(0.05)
    raise AssertionError("it did not end")


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("nn", [0, *simulated.FATES])
def test_every_number_ends_as_the_table_says(plant: Plant, nn: int, lane: str) -> None:
    """Through claim, journal, settling and questions; no request was made, nothing was paid."""
    fate = simulated.fate_of(BASE + nn)
    ref = plant.enrol(BASE + nn, lane=lane)
    plant.send(ref)
    receipt = ended(plant, ref)

    assert receipt.status == fate.status.name.lower()
    assert receipt.error_code == (fate.code or fate.error)
    assert (receipt.cost, receipt.attempts) == (Decimal(0), 1)
    assert plant.sandbox.report()["requests"] == {}


def test_a_doubt_is_a_doubt_until_it_is_found(plant: Plant) -> None:
    """A user's program sees `doubtful` first. It is not held against real sending, and no absence is concluded."""
    ref = plant.enrol(BASE + 80)
    plant.send(ref)

    assert plant.state(ref) == BatchState.DOUBTFUL
    assert plant.ledger.redis.zcard(plant.ledger.key("blind")) == 0
    assert ended(plant, ref).status == "delivered"
    totals = plant.ledger.redis.hgetall(plant.ledger.key("totals"))
    assert not [field for field in totals if field.startswith(b"doubts_ended")]


def test_metrics_tell_them_apart(plant: Plant) -> None:
    """By the label of their channel; real ones are counted as ever, and what smsq answers is no request."""
    plant.send(plant.enrol(BASE))
    plant.send(plant.enrol(BASE + 77))
    plant.send(plant.enrol(79991234567))
    totals = {name.decode(): int(many) for name, many in plant.ledger.redis.hgetall(plant.ledger.key("totals")).items()}
    counted = {name: many for name, many in totals.items() if name.startswith("messages:")}

    assert counted == {
        "messages:urgent:simulated:accepted": 1,
        "messages:urgent:simulated:refused": 1,
        "messages:urgent:sms:accepted": 1,
    }
    assert "errors" not in plant.ledger.redis.hgetall(plant.ledger.key("ctl"))


def test_no_simulated_message_is_a_control(plant: Plant) -> None:
    """The gateway does not know it: a doubt that was compared with it would never end."""
    plant.send(plant.enrol(BASE))

    assert plant.ledger.redis.hget(plant.ledger.key("control"), "young") is None
    plant.send(plant.enrol(79991234567))
    assert plant.ledger.redis.hget(plant.ledger.key("control"), "young").endswith(b":79991234567")


def test_a_worker_that_died_is_no_loss(plant: Plant) -> None:
    """Claimed and never answered: found by the first question, as anything that was journalled."""
    ref = plant.enrol(BASE)
    claims = plant.sender._claims
    line = plant.runtime.transport.open(plant.runtime.send_mirrors.bases[0])
    claim = claims.over(line, ref, 0.0)
    assert plant.ledger.expire(claim.ref, 0.0, 0.0) in ("doubtful", "alive")
    plant.ledger.doubt(claim, "expired", 0.0)

    assert ended(plant, ref).status == "delivered"
    assert plant.sandbox.report()["requests"] == {}


def test_nobody_is_asked_about_a_refused_one_later(plant: Plant) -> None:
    """Ids that were taken for absent are watched for three days; of these the gateway cannot know."""
    ref = plant.enrol(BASE + 77)
    plant.send(ref)
    plant.doubts.watch_absent([str(ref)])
    batch = plant.ledger.read([ref])[0]

    assert batch is not None
    assert [known.state for known in batch.ids] == [IdState.ABSENT]
    assert plant.sandbox.report()["requests"] == {}


def test_a_worker_sends_to_no_stranger(make_plant: Callable[..., Plant], caplog: Any) -> None:
    """A producer without the list enrolled it: nothing of the batch leaves, and the log says why, without the phone."""
    plant = make_plant(SMSQ_GUESTS="+79991110000")
    plant.ledger.guests = Guests()  # as that producer has it
    stranger, guest = plant.enrol(79991234567), plant.enrol(79991110000)
    plant.ledger.guests = plant.runtime.settings.guests
    plant.send(stranger)
    plant.send(guest)
    receipt = plant.runtime.views.receipt(MessageId(stranger.number, 0))

    assert (receipt.status, receipt.error_code, receipt.error) == (
        "refused", FORBIDDEN, "number forbidden by the account",
    )  # fmt: skip
    assert plant.statuses(guest) == ["accepted"]
    assert plant.sandbox.report()["accepted"] == 1
    assert "not on the guest list" in caplog.text
    assert "79991234567" not in caplog.text


def test_a_batch_of_several_with_one_stranger_stays_here(make_plant: Callable[..., Plant]) -> None:
    """Whole: what a batch holds is decided where it is enrolled, and this one was made against the list."""
    plant = make_plant(SMSQ_GUESTS="+79991110000")
    plant.ledger.guests = Guests()
    (ref,) = plant.campaign([79991110000, 79991234567])
    plant.send(ref)

    assert plant.statuses(ref) == ["refused", "refused"]
    assert plant.sandbox.report()["requests"] == {}


@pytest.mark.parametrize("nn", [0, 62, 80])
def test_over_another_wire_it_is_the_same(make_plant: Callable[..., Plant], nn: int) -> None:
    """Letters have no receipts, and what left as one is never absent: here nothing left."""
    plant = make_plant(letters=True)
    ref = plant.enrol(BASE + nn)
    plant.send(ref)

    assert ended(plant, ref).status == simulated.fate_of(BASE + nn).status.name.lower()
    assert plant.sandbox.report()["accepted"] == 0
    assert plant.ledger.redis.hget(plant.ledger.key("control"), "young") is None
