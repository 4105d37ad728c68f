"""A thread that is awake claims the next batch by itself: with the settling, over the same line, while it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smsq.worker.actors import send
from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.lane import SENDING
from smsq.worker.domain.sick import Sick
from smsq.worker.domain.status import BatchState
from smsq.worker.ledger import Claim, ClaimCall, Ledger, NoClaim, Settled, Settling, Terms
from smsq.worker.ledger.layout import hint_again_ms
from smsq.worker.redis_client import connect


class _Watched(Ledger):
    """A ledger of which a test sees the round trips, and with which something can happen in one of them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.both = self.claims = 0
        self.calls: list[ClaimCall] = []
        self.on_claim: Callable[[Callable[[], Claim | NoClaim]], Claim | NoClaim] = lambda go: go()
        self.on_both: Callable[[Any, Any], tuple[Settled | LedgerTrouble, Claim | NoClaim | LedgerTrouble]] | None = (
            None
        )

    def claim_next(self, nonce: str, terms: Terms, call: ClaimCall) -> Claim | NoClaim:
        self.claims += 1
        self.calls.append(call)
        return self.on_claim(lambda: super(_Watched, self).claim_next(nonce, terms, call))

    def settle_and_claim_next(
        self, settling: Settling, nonce: str, terms: Terms, call: ClaimCall
    ) -> tuple[Settled | LedgerTrouble, Claim | NoClaim | LedgerTrouble]:
        self.both += 1
        self.calls.append(call)
        happens, self.on_both = self.on_both, None
        if happens is None:
            return super().settle_and_claim_next(settling, nonce, terms, call)
        told = settling.claim, settling.parts, settling.cost, settling.first_ask_s
        return happens(
            lambda: super(_Watched, self).settle_accepted(*told),
            lambda: super(_Watched, self).claim_next(nonce, terms, call),
        )


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is no reason to leave."""
    monkeypatch.setattr(send, "RUN_S", 60.0)


@pytest.fixture
def ledger(plant: Any) -> _Watched:
    """The plant's ledger from now on."""
    watched = plant.runtime.ledger = _Watched(connect(plant.runtime.redis_url))
    watched.sealer = plant.runtime.sealer
    return watched


@pytest.fixture
def refs(plant: Any, ledger: _Watched) -> list[Ref]:
    """Four messages that are ready, in this order, and no hint was given of them."""
    found = [plant.enrol(79990000000 + n, lane="bulk") for n in range(4)]
    leave_hints_out(plant)
    return found


def leave_hints_out(plant: Any) -> None:
    """Of what is ready, as while all slots were taken."""
    last = plant.ledger.time() * 1000 + hint_again_ms("bulk")
    plant.ledger.redis.hset("{smsq}:ctl", f"unhinted:{SENDING['bulk'].number}", last)


def send_alone(plant: Any, ref: Ref) -> None:
    """By a thread that leaves at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(send, "RUN_S", 0.0)
        plant.send(ref)


def hints(plant: Any) -> int:
    return int(plant.runtime.broker.depth("bulk"))


def assert_all_left_once(plant: Any, refs: list[Ref]) -> None:
    assert [plant.statuses(ref) for ref in refs] == [["accepted"]] * len(refs)
    report = plant.sandbox.report()
    assert (report["accepted"], report["twice"], report["requests"]["send"]) == (len(refs), 0, len(refs))
    assert plant.ledger.redis.zcard("{smsq}:slots:bulk") == 0


def test_one_hint_is_enough_for_all_that_is_ready(plant: Any, ledger: _Watched, refs: list[Ref]) -> None:
    """Each further claim comes with the settling before it; at the end nothing is left, and nobody is woken."""
    plant.send(refs[0])

    assert_all_left_once(plant, refs)
    assert (ledger.both, ledger.claims, hints(plant)) == (3, 0, 0)


def test_a_hint_for_what_left_already_finds_what_is_ready(plant: Any, ledger: _Watched, refs: list[Ref]) -> None:
    """It is a wake-up, whatever it names."""
    send_alone(plant, refs[0])

    plant.send(refs[0])

    assert_all_left_once(plant, refs)


def test_what_comes_while_the_answer_is_awaited_is_claimed_after_it(plant: Any, ledger: _Watched) -> None:
    """A thread that knew of nothing settles alone, is told that there is something, and goes on."""
    first, late = plant.enrol(lane="bulk"), []
    line = plant.runtime.transport.open(plant.sandbox.mirrors[0])
    say = type(line).say

    def meanwhile(self: Any, *args: Any, **options: Any) -> Any:
        if not late:
            late.append(plant.enrol(79990000001, lane="bulk"))
            leave_hints_out(plant)
        return say(self, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(line), "say", meanwhile)
        plant.send(first)

    assert_all_left_once(plant, [first, *late])
    assert (ledger.both, ledger.claims) == (0, 1)


@pytest.mark.parametrize("is_carried_out", [True, False], ids=["its reply is lost", "it never came"])
def test_a_claim_whose_answer_is_lost_is_asked_for_again_as_it_was(
    plant: Any, ledger: _Watched, refs: list[Ref], is_carried_out: bool
) -> None:
    """It is given what it was given, so that no claim is held for nobody."""
    send_alone(plant, refs[0])
    losses = iter([True])

    def lossy(go: Callable[[], Claim | NoClaim]) -> Claim | NoClaim:
        if not next(losses, False):
            return go()
        if is_carried_out:
            go()
        raise LedgerTrouble("the reply was lost on purpose")

    ledger.on_claim = lossy
    plant.send(refs[0])

    assert_all_left_once(plant, refs)
    assert [len(batch.ids) for batch in plant.ledger.read(refs)] == [1] * 4
    first, again = ledger.calls[:2]
    assert (first.number, first.is_repeated, again.number, again.is_repeated) == (
        again.number,
        False,
        first.number,
        True,
    )


LOST = LedgerTrouble("lost on purpose")


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda settle, claim: (LOST, claim()), id="the settling fails"),
        pytest.param(lambda settle, claim: (settle(), LOST), id="the claim fails"),
        pytest.param(lambda settle, claim: (settle(), (claim(), LOST)[1]), id="the claim's reply is lost"),
        pytest.param(lambda settle, claim: ((settle(), LOST)[1], claim()), id="the settling's reply is lost"),
        pytest.param(lambda settle, claim: (LOST, LOST), id="both fail"),
    ],
)
def test_of_a_round_trip_that_failed_by_half_the_other_half_counts(
    plant: Any, ledger: _Watched, refs: list[Ref], happens: Any
) -> None:
    """What failed is done again, what did not is not; neither an answer nor a claim gets lost."""
    ledger.on_both = happens

    plant.send(refs[0])

    assert_all_left_once(plant, refs)
    assert [len(batch.ids) for batch in plant.ledger.read(refs)] == [1] * 4
    assert plant.ledger.redis.zcard("{smsq}:lease") == 0


def test_a_round_trip_of_which_nothing_is_heard_is_made_up_for(plant: Any, ledger: _Watched, refs: list[Ref]) -> None:
    """Both were carried out, and the connection broke."""

    def unheard(settle: Any, claim: Any) -> Any:
        settle(), claim()
        raise LOST

    ledger.on_both = unheard
    plant.send(refs[0])

    assert_all_left_once(plant, refs)
    assert [len(batch.ids) for batch in plant.ledger.read(refs)] == [1] * 4


def test_a_line_that_closed_while_the_next_was_claimed_is_not_spoken_on(
    plant: Any, ledger: _Watched, refs: list[Ref]
) -> None:
    """Nothing was written: that claim is given back, and the batch leaves over another line under another claim."""

    def closes(settle: Any, claim: Any) -> Any:
        plant.runtime.transport.close()
        return settle(), claim()

    ledger.on_both = closes
    plant.send(refs[0])

    assert_all_left_once(plant, refs)
    assert [(len(batch.ids), batch.fence) for batch in plant.ledger.read(refs)[:3]] == [(1, 1), (1, 2), (1, 1)]


def test_no_claim_comes_along_where_the_line_cannot_be_used_again(
    plant: Any, ledger: _Watched, refs: list[Ref], make_plant: Callable[..., Any]
) -> None:
    """It is made over the line that it is sent on, so each goes over a new one, with a claim of its own."""
    plant.runtime.transport._keep_idle_s = 0.0

    plant.send(refs[0])

    assert_all_left_once(plant, refs)
    assert (ledger.both, ledger.claims) == (0, 3)


def test_what_has_a_hint_is_left_to_whom_that_wakes(plant: Any, ledger: _Watched) -> None:
    """A lane that is not full goes by hints, one for each."""
    first, other = (plant.enrol(79990000000 + n, lane="bulk") for n in range(2))

    plant.send(first)

    assert (plant.state(other), ledger.both, ledger.claims, hints(plant)) == (BatchState.READY, 0, 0, 0)


# Until it must leave -------------------------------------------------------------------------------------------------


def test_who_leaves_while_some_are_ready_gives_a_hint(plant: Any, refs: list[Ref]) -> None:
    """Its time is over, and others in its queue have their turn."""
    send_alone(plant, refs[0])

    assert [plant.state(ref) for ref in refs] == [BatchState.SETTLED, *[BatchState.READY] * 3]
    assert hints(plant) == 1


def test_who_is_told_to_stop_claims_no_more(plant: Any, ledger: _Watched, refs: list[Ref]) -> None:
    """What is being sent is settled, and the rest left to others."""

    def stops(settle: Any, claim: Any) -> Any:
        plant.runtime.stopping.set()
        return settle(), claim()

    ledger.on_both = stops
    plant.send(refs[0])

    assert [plant.state(ref) for ref in refs] == [*[BatchState.SETTLED] * 2, *[BatchState.READY] * 2]
    assert hints(plant) == 1


def test_a_process_that_cannot_send_any_more_claims_nothing(plant: Any, ledger: _Watched, refs: list[Ref]) -> None:
    """Whatever it finds out while it waits for the answer, others take the rest."""

    def falls_ill(settle: Any, claim: Any) -> Any:
        plant.runtime.health.fell(Sick.CLOCK)
        return settle(), claim()

    ledger.on_both = falls_ill
    plant.send(refs[0])

    assert [plant.state(ref) for ref in refs] == [*[BatchState.SETTLED] * 2, *[BatchState.READY] * 2]
    assert hints(plant) == 1


def test_a_login_that_pauses_pauses_who_goes_on(plant: Any, ledger: _Watched, refs: list[Ref]) -> None:
    """The claim that comes along is refused as any other."""

    def pauses(settle: Any, claim: Any) -> Any:
        plant.ledger.throttled(30.0)
        return settle(), claim()

    ledger.on_both = pauses
    plant.send(refs[0])

    assert [plant.state(ref) for ref in refs] == [BatchState.SETTLED, *[BatchState.READY] * 3]
    assert hints(plant) == 0  # the sweep brings them back when it is over
