"""Files of a message at the send: they leave with it, or nothing leaves from this host."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smsq.producers.findings import ledger as findings
from smsq.worker.domain.batch import Options, Ref
from smsq.worker.domain.files import Attached, FileRef
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.domain.status import BatchState
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.transports import Line
from tests.worker.actors.test_any_wire import wired

OFFER = b"%PDF offer"


def took(line: Line, outgoing: Outgoing) -> SendAnswer:
    return SendAnswer(outcome=Outcome.ACCEPTED, sentence="", parts=1)


def kept(plant: Any, content: bytes = OFFER) -> FileRef:
    file: FileRef = plant.runtime.files.keep("offer.pdf", io.BytesIO(content), 1000)
    return file


def with_file(plant: Any, file: FileRef, **more: Any) -> Ref:
    ref: Ref = plant.enrol(options=Options(files=(file,)), **more)
    return ref


def ready_at(plant: Any, ref: Ref) -> float:
    """In how many seconds a batch of the urgent lane may be claimed."""
    score = plant.ledger.redis.zscore(plant.ledger.key("ready:urgent"), str(ref))
    return float(score) / 1000 - float(plant.ledger.time())


def test_files_leave_with_their_message(plant: Any) -> None:
    """The transport gets names and contents."""
    wire = wired(plant, took)
    ref = with_file(plant, kept(plant))

    plant.send(ref)

    assert [[Attached("offer.pdf", OFFER)]] == [each.files for each in wire.sent]
    assert plant.state(ref) == BatchState.SETTLED


def test_most_messages_have_none(plant: Any) -> None:
    """Nothing is read for them."""
    wire = wired(plant, took)

    plant.send(plant.enrol())

    assert [each.files for each in wire.sent] == [()]
    assert not plant.runtime.files.folder.exists()


def test_a_host_without_the_file_leaves_it_to_another(make_plant: Callable[..., Any], tmp_path: Path) -> None:
    """It sends nothing, says so, and the message is ready again soon; the host that has the file sends it."""
    here = make_plant(SMSQ_FILES=str(tmp_path / "here"))
    there = make_plant(SMSQ_FILES=str(tmp_path / "there"))
    wires = [wired(plant, took) for plant in (here, there)]
    ref = with_file(here, kept(there))

    here.send(ref)

    assert here.state(ref) == BatchState.READY
    assert 0.3 < ready_at(here, ref) <= 0.5
    (finding,) = findings.files(here.runtime)
    assert finding.level == "warn"
    assert f"batch {ref} " in finding.said
    assert "SMSQ_FILES" in finding.cure
    assert wires[0].sent == []
    assert here.ledger.redis.zcard(here.ledger.key("slots:urgent")) == 0

    there.send(ref)
    assert [[Attached("offer.pdf", OFFER)]] == [each.files for each in wires[1].sent]


def test_what_was_given_back_used_up_no_id(plant: Any) -> None:
    """Nothing was said under it; nobody is asked about it, however often it is tried, more and more seldom."""
    wired(plant, took)
    ref = with_file(plant, FileRef(name="a.pdf", digest="0" * 64, size=3))
    pauses = []
    for _ in range(9):
        plant.send(ref)
        pauses.append(round(ready_at(plant, ref) * 2) / 2)

    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    batch = plant.ledger.read([ref])[0]
    assert (batch.ids, plant.state(ref)) == ([], BatchState.READY)


def test_other_messages_do_not_wait(plant: Any) -> None:
    """A file that is nowhere stops its own message alone."""
    wire = wired(plant, took)
    lost = with_file(plant, FileRef(name="a.pdf", digest="0" * 64, size=3))
    others = [plant.enrol(79990000000 + n) for n in range(3)]

    plant.send(lost, *others)

    assert [plant.state(ref) for ref in others] == [BatchState.SETTLED] * 3
    assert len(wire.sent) == 3


def test_a_changed_file_is_not_sent(plant: Any) -> None:
    """What stands under the digest must be what was kept."""
    wire = wired(plant, took)
    file = kept(plant)
    next(plant.runtime.files.folder.rglob(file.digest)).write_bytes(b"%PDF other")
    ref = with_file(plant, file)

    plant.send(ref)

    assert (wire.sent, plant.state(ref)) == ([], BatchState.READY)


def test_a_missing_file_is_late_as_any_other(plant: Any) -> None:
    """The deadline of a message holds for it too."""
    wired(plant, took)
    ref = with_file(plant, FileRef(name="a.pdf", digest="0" * 64, size=3), deadline_s=0.2)
    plant.send(ref)
    plant.runtime.clock.wait(0.25)

    plant.send(ref)

    assert plant.statuses(ref) == ["late"]
