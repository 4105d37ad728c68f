"""The sender on a wire that is no HTTP: it acts on outcomes alone, and on every one there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.domain.status import BatchState
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.transports import Line


class Wire:
    """A transport by another name: its lines are those of HTTP, what they say of a send is for `answer` to tell."""

    def __init__(self, lines: Any, answer: Callable[[Line, Outgoing], SendAnswer]) -> None:
        self._lines = lines
        self.answer = answer
        self.sent: list[Outgoing] = []

    def open(self, mirror: str, timeout_s: float | None = None) -> WireLine:
        return WireLine(self, self._lines.open(mirror, timeout_s))

    def close(self) -> None:
        self._lines.close()


class WireLine:
    """One line of it."""

    def __init__(self, wire: Wire, line: Line) -> None:
        self._wire, self._line = wire, line
        self.mirror = line.mirror

    def is_quiet(self) -> bool:
        return self._line.is_quiet()

    def is_free(self) -> bool:
        return self._line.is_free()

    def send(self, outgoing: Outgoing, deadline_s: float) -> SendAnswer:
        self._wire.sent.append(outgoing)
        return self._wire.answer(self._line, outgoing)

    def done(self, keep: bool) -> None:
        self._line.done(keep)


def wired(plant: Any, answer: Callable[[Line, Outgoing], SendAnswer]) -> Wire:
    """From now on messages leave by such a wire, questions by HTTP."""
    wire = Wire(plant.runtime.http, answer)
    plant.runtime.__dict__["transport"] = wire
    return wire


def post(line: Line, outgoing: Outgoing) -> SendAnswer:
    """A mail server takes the letter, and the gateway gets it."""
    line.send(outgoing, 2.0)
    return SendAnswer(outcome=Outcome.HANDED_OVER, sentence="taken")


def test_what_was_handed_over_is_settled_by_asking(plant: Any) -> None:
    """Nobody says that it was accepted, so it is in doubt; the first question finds it, and nothing is sent twice."""
    wired(plant, post)
    ref = plant.enrol()

    plant.send(ref)

    batch = plant.ledger.read([ref])[0]
    assert (plant.state(ref), batch.why) == (BatchState.DOUBTFUL, "handed_over")
    assert plant.ledger.redis.zcard(plant.ledger.key("slots")) == 0
    assert plant.runtime.mirrors.tripped() == ()
    plant.doubts.settle_doubts([str(ref)])
    assert plant.state(ref) == BatchState.SETTLED
    assert plant.statuses(ref)[0] in ("accepted", "delivered")  # it may have arrived by then
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"], report["requests"]["send"]) == (1, 0, 1)


def test_what_was_handed_over_is_asked_about_early(plant: Any) -> None:
    """Sooner than what went wrong: most likely it is there."""
    firsts = {}
    for outcome in (Outcome.HANDED_OVER, Outcome.UNKNOWN):
        wired(plant, lambda line, outgoing, outcome=outcome: SendAnswer(outcome=outcome, sentence=""))
        (ref,) = plant.campaign([79991234567])
        plant.send(ref)
        firsts[outcome] = plant.ledger.redis.zscore(plant.ledger.key("doubt"), str(ref)) - plant.ledger.time() * 1000

    assert 0 < firsts[Outcome.HANDED_OVER] <= 1000 < firsts[Outcome.UNKNOWN]


# Where a batch of one stands after each outcome, and how many copies of it may still be counted as sent.
ENDS = {
    Outcome.ACCEPTED: BatchState.SETTLED,
    Outcome.ACCEPTED_IN_PART: BatchState.DOUBTFUL,
    Outcome.HANDED_OVER: BatchState.DOUBTFUL,
    Outcome.LATER: BatchState.READY,
    Outcome.BAD_LOGIN: BatchState.READY,
    Outcome.NO_MONEY: BatchState.DOUBTFUL,
    Outcome.REFUSED: BatchState.SETTLED,
    Outcome.REFUSED_WHO: BatchState.DOUBTFUL,
    Outcome.UNKNOWN: BatchState.DOUBTFUL,
}


@pytest.mark.parametrize("outcome", list(Outcome), ids=lambda outcome: outcome.value)
def test_every_outcome_of_any_wire(plant: Any, outcome: Outcome) -> None:
    """One send, one ending; what is not provably nothing is never sent again."""
    wire = wired(plant, lambda line, outgoing: SendAnswer(outcome=outcome, sentence="", parts=1))
    ref = plant.enrol()

    plant.send(ref)
    plant.send(ref)

    assert plant.state(ref) == ENDS[outcome]
    assert len(wire.sent) == 1


def test_what_leaves_is_what_was_enrolled(plant: Any) -> None:
    """Under the id of the claim, with one text for all or one each."""
    wire = wired(plant, lambda line, outgoing: SendAnswer(outcome=Outcome.ACCEPTED, sentence="", parts=2))
    phones = [79990000001, 79990000002]
    same, own = plant.campaign(phones, text="Hi")[0], plant.campaign(phones, texts=["Hi", "Ho"])[0]

    plant.send(same, own)

    ids = [plant.ledger.read([ref])[0].ids[-1].gateway_id for ref in (same, own)]
    assert [(each.gateway_id, list(each.recipients)) for each in wire.sent] == [(ids[0], phones), (ids[1], phones)]
    assert [(each.text, list(each.texts)) for each in wire.sent] == [("Hi", []), (None, ["Hi", "Ho"])]


def test_a_bug_of_a_wire_is_like_the_death_of_its_process(plant: Any) -> None:
    """Nobody knows what left, so nothing touches the ledger: the lease makes it doubtful."""

    def burst(line: Line, outgoing: Outgoing) -> SendAnswer:
        raise RuntimeError("a bug")

    wired(plant, burst)
    ref = plant.enrol()

    with pytest.raises(RuntimeError, match="a bug"):
        plant.send(ref)
    plant.runtime.transport.close()

    assert plant.state(ref) == BatchState.SENDING
