"""What a thread does that the ledger rang for: it claims whatever is next, and wakes another if it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from smsq.worker.actors import send
from smsq.worker.actors.send import Sender
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.sick import Sick
from smsq.worker.domain.status import BatchState
from smsq.worker.processes.lane import owner_name

BELL = "{smsq}:bell:ready:urgent"


@pytest.fixture
def sender(plant: Any) -> Sender:
    """A sender of the urgent lane, for which codes ring."""
    plant.ledger.beat("urgent/host/1/a", hears_for_s=60.0)
    return Sender(plant.runtime, owner_name("urgent"))


def code(plant: Any, number: int = 0) -> Ref:
    ref: Ref = plant.enrol(79990000000 + number, lane="urgent")
    return ref


def take_ring(plant: Any) -> None:
    """As the thread at the bell does."""
    assert plant.ledger.await_ready(0.05)


def rings(plant: Any) -> int:
    return int(plant.ledger.redis.llen(BELL))


def hints(plant: Any) -> int:
    return int(plant.runtime.broker.depth("urgent"))


def test_each_ring_sends_one_that_is_ready(plant: Any, sender: Sender) -> None:
    """In the order in which they were enrolled; the second is left to the thread that its own ring wakes."""
    refs = [code(plant), code(plant, 1)]
    take_ring(plant)
    sender.send_batches([])
    assert [plant.state(ref) for ref in refs] == [BatchState.SETTLED, BatchState.READY]

    take_ring(plant)
    sender.send_batches([])
    assert [plant.statuses(ref) for ref in refs] == [["accepted"], ["accepted"]]
    assert (rings(plant), hints(plant)) == (0, 0)


def test_a_ring_too_many_costs_a_look(plant: Any, sender: Sender) -> None:
    """Nothing is sent twice, and nobody else is woken."""
    ref = code(plant)
    plant.ledger.ring_ready()
    for _ in range(2):
        take_ring(plant)
        sender.send_batches([])

    assert plant.statuses(ref) == ["accepted"]
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"], report["requests"]["send"]) == (1, 0, 1)
    assert (rings(plant), hints(plant)) == (0, 0)


def test_who_was_hinted_for_what_a_ring_took_looks_further(plant: Any, sender: Sender) -> None:
    """The caller of the first was an older program, which gave a hint; the second rang. The ring took the first."""
    plant.ledger.redis.hdel("{smsq}:ctl", "heard:0")
    hinted = code(plant)
    plant.ledger.beat("urgent/host/1/a", hears_for_s=60.0)
    rung = code(plant, 1)
    take_ring(plant)
    sender.send_batches([])
    assert [plant.state(ref) for ref in (hinted, rung)] == [BatchState.SETTLED, BatchState.READY]

    sender.send_batches([str(hinted)])
    assert plant.statuses(rung) == ["accepted"]


def test_what_rang_in_a_full_bell_is_sent_by_those_it_woke(
    plant: Any, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go on until nothing is left that has no ring."""
    monkeypatch.setattr(send, "RUN_S", 60.0)
    for _ in range(128):
        plant.ledger.ring_ready()
    refs = [code(plant, number) for number in range(3)]
    take_ring(plant)
    sender.send_batches([])

    assert [plant.statuses(ref) for ref in refs] == [["accepted"]] * 3


def test_who_leaves_while_some_are_left_rings_for_another(
    plant: Any, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is over."""
    monkeypatch.setattr(send, "RUN_S", 0.0)
    for _ in range(128):
        plant.ledger.ring_ready()
    code(plant), code(plant, 1)
    plant.ledger.redis.delete(BELL)
    sender.send_batches([])

    assert (rings(plant), hints(plant)) == (1, 0)


@pytest.mark.parametrize("why", [Sick.CLOCK, Sick.RUN])
def test_a_process_that_cannot_send_rings_for_another(plant: Any, sender: Sender, why: Sick) -> None:
    """It takes none itself until it can."""
    ref = code(plant)
    take_ring(plant)
    plant.runtime.health.fell(why)
    sender.send_batches([])

    assert (plant.state(ref), rings(plant), hints(plant)) == (BatchState.READY, 1, 0)


def test_a_process_that_reaches_no_mirror_rings_for_another(plant: Any, sender: Sender) -> None:
    """Another host may."""
    ref = code(plant)
    take_ring(plant)
    plant.sandbox.stop()
    plant.runtime.transport.close()
    sender.send_batches([])

    assert (plant.state(ref), rings(plant), hints(plant)) == (BatchState.READY, 1, 0)
