"""The whole path over SMPP, against the sandbox: sent, received, and asked about by comments."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.status import BatchState
from smsq.worker.processes.receipts import Receipts
from smsq.worker.sandbox import Profile, Sandbox
from tests.conftest import Plant

WITHIN_S = 20.0
PARTS_S = 0.3


@pytest.fixture
def smpp(make_plant: Callable[..., Plant]) -> Iterator[Callable[..., Plant]]:
    """A plant whose messages leave over SMPP; receipts are taken from the first session on."""
    sandboxes: list[Sandbox] = []
    runtimes: list[Any] = []

    def build(**profile: Any) -> Plant:
        usual = {
            "mass_ask_every_s": 0.09,
            "minute_s": 0.09,
            "duplicate_window_s": 0.5,
            "deliver_after_s": (0.05, 0.1),
            "smpp_rate": 0,
            "smpp_parts_s": PARTS_S,
        }
        sandbox = Sandbox(Profile(**{**usual, **profile}), ports=(0, 0), smpp_ports=(0, 0)).start()
        sandboxes.append(sandbox)
        plant = make_plant(
            SMSQ_MIRRORS=",".join(sandbox.mirrors),
            SMSQ_TRANSPORT="smpp",
            SMSQ_SMPP_URL=",".join(sandbox.smpp),
            SMSQ_SMPP_PASSWORD="demo",
            SMSQ_SMPP_PARTS_S=str(PARTS_S),
        )
        plant.sandbox = sandbox
        runtimes.append(plant.runtime)
        Receipts(plant.runtime).start(plant.runtime.transport)  # type: ignore[arg-type]
        return plant

    yield build
    for runtime in runtimes:
        runtime.stopping.set()
        runtime.transport.close()
        runtime.http.close()
    for sandbox in sandboxes:
        sandbox.stop()


def until(what: Callable[[], Any]) -> None:
    """Wait for it."""
    end = time.monotonic() + WITHIN_S
    while not what():
        assert time.monotonic() < end, "it did not happen"
        threading.Event().wait(0.02)


def settle_doubts(plant: Plant, ref: Ref, to: BatchState) -> None:
    """Ask as often as it takes."""

    def is_there() -> bool:
        plant.doubts.settle_doubts([str(ref)])
        return plant.state(ref) == to

    until(is_there)


def test_messages_are_sent_and_their_receipts_come(smpp: Callable[..., Plant]) -> None:
    """Without one question: the receipts find them by the gateway's names."""
    plant = smpp()
    (ref,) = plant.campaign([79990000001, 79990000002], text="Hello")

    plant.send(ref)

    assert plant.state(ref) == BatchState.SETTLED
    until(lambda: plant.statuses(ref) == ["delivered"] * 2)
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"]) == (2, 0)
    until(lambda: plant.sandbox.report()["smpp"]["receipts"]["taken"] >= 2)


def test_a_long_text_arrives_as_one_message(smpp: Callable[..., Plant]) -> None:
    """In parts, and without its comment."""
    plant = smpp()
    text = "Привет, мир! " * 20

    ref = plant.enrol(79990000001, text)
    plant.send(ref)

    until(lambda: plant.statuses(ref) == ["delivered"])
    assert plant.sandbox.report()["accepted"] == 1


def test_receipts_may_come_before_the_answer(smpp: Callable[..., Plant]) -> None:
    """They are kept until the message's name is known."""
    plant = smpp()
    plant.sandbox.misfortune("early_callback", command="submit", next_few=1, seconds=0.1)
    ref = plant.enrol(79990000001)

    plant.send(ref)

    until(lambda: plant.statuses(ref) == ["delivered"])


@pytest.mark.parametrize("kind", ["lose_answer", "hang", "accepted_system_error", "garbage", "reset"])
def test_a_lost_answer_is_found_by_its_comment(smpp: Callable[..., Plant], kind: str) -> None:
    """History shows our id; nothing is sent again."""
    plant = smpp()
    plant.sandbox.misfortune(kind, command="submit", next_few=1)
    ref = plant.enrol(79990000001)

    plant.send(ref)
    assert plant.state(ref) == BatchState.DOUBTFUL
    settle_doubts(plant, ref, BatchState.SETTLED)

    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"], report["requests"].get("status", 0)) == (1, 0, 0)
    assert plant.statuses(ref)[0] in ("accepted", "delivered")


@pytest.mark.parametrize("text", ["Hi", "Hello! " * 40], ids=["short", "of two parts"])
def test_what_never_arrived_is_sent_again(smpp: Callable[..., Plant], text: str) -> None:
    """Once history, with a control in it, has been without its comment for the window."""
    plant = smpp()
    control = plant.enrol(79990000001)
    plant.send(control)
    plant.sandbox.misfortune("swallow", command="submit", next_few=2)
    ref = plant.enrol(79990000002, text)
    plant.send(ref)
    assert plant.state(ref) == BatchState.DOUBTFUL

    plant.sandbox.clear()
    settle_doubts(plant, ref, BatchState.READY)
    plant.send(ref)

    until(lambda: plant.statuses(ref) == ["delivered"])
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"]) == (2, 0)


def test_a_message_of_which_a_part_never_came_is_sent_again(smpp: Callable[..., Plant]) -> None:
    """The gateway gave it up, and says so: no phone got it. Its doubt ends as any other, and the next copy is whole."""
    plant = smpp()
    plant.send(plant.enrol(79990000001))
    plant.sandbox.misfortune("cut_between_parts", command="submit", next_few=1)
    ref = plant.enrol(79990000002, "Hello! " * 40)
    plant.send(ref)
    until(lambda: plant.sandbox.report()["smpp"]["receipts"]["taken"] >= 2)
    assert (plant.state(ref), plant.statuses(ref)) == (BatchState.DOUBTFUL, ["doubtful"])

    plant.sandbox.clear()
    settle_doubts(plant, ref, BatchState.READY)
    plant.send(ref)

    until(lambda: plant.statuses(ref) == ["delivered"])
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"]) == (2, 0)


def test_the_same_if_its_receipts_are_lost(smpp: Callable[..., Plant]) -> None:
    """Its receipts are lost, but history shows that it ended for want of that part: no phone got anything."""
    plant = smpp()
    plant.send(plant.enrol(79990000001))
    plant.sandbox.misfortune("receipts_lost", command="submit", share=1.0)
    plant.sandbox.misfortune("cut_between_parts", command="submit", next_few=1)
    ref = plant.enrol(79990000002, "Hello! " * 40)
    plant.send(ref)
    plant.ledger.redis.delete(*plant.ledger.redis.keys("{smsq}:names:*"))

    plant.sandbox.clear()
    settle_doubts(plant, ref, BatchState.READY)
    plant.send(ref)

    until(lambda: plant.statuses(ref) == ["delivered"])
    assert plant.sandbox.report()["twice"] == 0


def test_receipts_come_while_nothing_is_sent(smpp: Callable[..., Plant]) -> None:
    """A session that was cut is bound again by itself."""
    plant = smpp(deliver_after_s=(1.0, 1.1))
    ref = plant.enrol(79990000001)
    plant.send(ref)
    plant.sandbox.smpp_host(1, down=True)
    plant.sandbox.smpp_host(1, down=False)

    until(lambda: plant.statuses(ref) == ["delivered"])


def test_a_row_that_no_comment_explains_holds_back_a_second_copy(smpp: Callable[..., Plant]) -> None:
    """To the same phone, sent since: it may be what is left of our message."""
    plant = smpp()
    plant.send(plant.enrol(79990000001))
    plant.sandbox.misfortune("swallow", command="submit", next_few=1)
    ref = plant.enrol(79990000002)
    plant.send(ref)
    plant.sandbox.clear()
    line = plant.runtime.http.open(plant.sandbox.mirrors[0])
    line.say("/sys/send.php", b"login=demo&psw=demo&fmt=3&phones=79990000002&mes=Somebody", 5.0)

    settle_doubts(plant, ref, BatchState.PARKED)


def test_without_comments_a_doubt_is_parked(smpp: Callable[..., Plant]) -> None:
    """The control is not found by its own comment, so the absence of another proves nothing."""
    plant = smpp(shows_comments=False)
    control = plant.enrol(79990000001)
    plant.send(control)
    plant.sandbox.misfortune("swallow", command="submit", next_few=1)
    ref = plant.enrol(79990000002)
    plant.send(ref)

    settle_doubts(plant, ref, BatchState.PARKED)

    assert plant.sandbox.report()["accepted"] == 1


def test_the_backup_host_takes_over(smpp: Callable[..., Plant]) -> None:
    """If the first cannot be reached."""
    plant = smpp()
    plant.sandbox.smpp_host(1, down=True)
    ref = plant.enrol(79990000001)

    plant.send(ref)

    assert plant.state(ref) == BatchState.SETTLED
    batch = plant.ledger.read([ref])[0]
    assert batch is not None
    assert batch.ids[0].mirror == plant.sandbox.smpp[1]


def test_a_batch_is_settled_message_by_message(smpp: Callable[..., Plant]) -> None:
    """What was accepted is, what was lost is asked about, what was refused ends."""
    plant = smpp(dead_prefixes=("7999666",))
    plant.send(plant.enrol(79990000001))
    (ref,) = plant.campaign([79990000002, 79996660000, 79990000003], text="Hello")
    plant.sandbox.misfortune("swallow", command="submit", next_few=1)

    plant.send(ref)

    assert sorted(plant.statuses(ref))[:1] != ["queued"]
    assert plant.state(ref) == BatchState.DOUBTFUL
    plant.sandbox.clear()
    settle_doubts(plant, ref, BatchState.READY)
    plant.send(ref)
    until(lambda: plant.statuses(ref).count("delivered") == 2)
    assert plant.sandbox.report()["twice"] == 0
