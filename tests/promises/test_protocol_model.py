"""The rules of sending, explored exhaustively: with all of them nothing breaks, without any one something does."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsq.worker.domain.status import STATUS_TABLE, BatchState, Status
from tests.promises.model import worlds
from tests.promises.model.explorer import walk
from tests.promises.model.lane import Lane, Traffic
from tests.promises.model.mutations import MUTATIONS, SLOW_MUTATIONS, Mutation
from tests.promises.model.promises import OneBatch
from tests.promises.model.rollcall import FallingLedger, Falls
from tests.promises.model.rules import TABLE, Move, MoveUnknown
from tests.promises.model.states import World
from tests.promises.safeguards import SAFEGUARDS
from tests.promises.safeguards.row import Safeguard

ROOT = Path(__file__).parents[2]

# Moves of the table and statuses that no walk makes, each with its reason.
MOVES_NOT_MADE: dict[Move, str] = {
    (int(state), "adopt", int(BatchState.DOUBTFUL)): "recovery is an operator's, after sending has stopped"
    for state in (BatchState.READY, BatchState.SENDING, BatchState.PARKED)
}
STATUSES_NOT_USED = {
    Status.READ: "ranks above `delivered` as that above `accepted`; test_moves.py walks every pair",
    Status.CLICKED: "the same",
    Status.EXPIRED: "a failure like `undeliverable`, with its rank",
    Status.OPTOUT: "decided before a batch is claimed, by nobody else",
    Status.BLOCKED: "the same",
    Status.CAPPED: "the same",
}


def model_of(world: World | Falls | Traffic) -> OneBatch | FallingLedger | Lane:
    if isinstance(world, Traffic):
        return Lane(world)
    return FallingLedger(world) if isinstance(world, Falls) else OneBatch(world)


def cases(*tables: dict[str, World] | dict[str, Falls] | dict[str, Traffic]) -> list[object]:
    return [
        pytest.param(world, id=name.replace(" ", "-"), marks=[pytest.mark.slow] if world in worlds.LONG else [])
        for table in tables
        for name, world in table.items()
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("world", cases(worlds.FAST, worlds.FAST_FALLS, worlds.FAST_LANES))
def test_nothing_breaks(world: World | Falls | Traffic) -> None:
    """No double, no false report, nothing backwards; every state can still end."""
    found = walk(model_of(world))

    assert not found.broken, str(found)
    assert found.states > 1000  # the walk really went somewhere


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("world", cases(worlds.SLOW, worlds.SLOW_FALLS, worlds.SLOW_LANES))
def test_nothing_breaks_in_a_deep_world(world: World | Falls | Traffic) -> None:
    """The same with more claims, copies, orders, jumps and falls."""
    found = walk(model_of(world))

    assert not found.broken, str(found)
    assert found.states > 20_000


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.off.replace(" ", "-"))
def test_a_rule_left_out_is_caught(mutation: Mutation) -> None:
    """Each is needed: without it the promise that is named breaks, in a world where nothing else does."""
    found = walk(mutation.model())

    assert found.broken == mutation.breaks, str(found)
    assert mutation.world in (*worlds.FAST.values(), *worlds.FAST_FALLS.values(), *worlds.FAST_LANES.values())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutation", SLOW_MUTATIONS, ids=lambda mutation: mutation.off.replace(" ", "-"))
def test_a_rule_left_out_is_caught_in_a_deep_world(mutation: Mutation) -> None:
    """A sign-off that a restored copy brings back or that was seen too early, and a slot whose request hangs."""
    found = walk(mutation.model())

    assert found.broken == mutation.breaks, str(found)
    assert mutation.world in (*worlds.SLOW.values(), *worlds.SLOW_FALLS.values(), *worlds.SLOW_LANES.values())


def test_the_moves_are_those_of_production() -> None:
    """A move that the table lacks stops a walk; one that no walk makes is named with its reason."""
    made: set[Move] = set()
    for world in worlds.FOR_MOVES:
        model = OneBatch(world)
        walk(model)
        made |= model.ledger.made
    model_of_copy = FallingLedger(worlds.LATE_MEANWHILE)
    walk(model_of_copy)
    made |= model_of_copy.ledger.made

    assert made - TABLE == set()
    assert TABLE - made == set(MOVES_NOT_MADE)


def test_a_move_that_the_table_lacks_stops_the_walk() -> None:
    """The check itself."""
    model = OneBatch(worlds.ONE)
    doubtful = model.first().batch._replace(state=int(BatchState.DOUBTFUL))
    with pytest.raises(MoveUnknown, match="DOUBTFUL claim SENDING"):
        model.ledger._moved(doubtful, "claim", int(BatchState.SENDING))


def test_the_statuses_are_those_of_production() -> None:
    """What the model says of a message are production's words; those it leaves out are named with a reason."""
    used = {Status.UNDECIDED, Status.ACCEPTED, Status.REFUSED, Status.CANCELLED, Status.LATE}
    used |= {Status(status) for world in worlds.FAST.values() for status in world.facts}

    assert used | set(STATUSES_NOT_USED) == set(STATUS_TABLE)
    assert used & set(STATUSES_NOT_USED) == set()


def test_a_story_is_told() -> None:
    """A counterexample is a numbered list of steps, each with what it leads to."""
    broken = next(mutation for mutation in MUTATIONS if mutation.off == "expiry makes ready")
    lines = str(walk(broken.model())).splitlines()

    assert lines[0].startswith("accepted twice")
    assert lines[1].startswith("  0. the beginning: ready")
    assert "the claim expires: ready" in "\n".join(lines)
    assert lines[-1].endswith("the gateway accepted 1 for 1, 2 for 1")


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda row: f"{row.rule[:40]}: {row.without}")
def test_each_safeguard_has_a_test_that_exists(safeguard: Safeguard) -> None:
    """The list names a test of the real parts for each, by file and name, and mutations of the model."""
    path, _, name = safeguard.test.partition("::")

    assert f"\ndef {name}(" in (ROOT / path).read_text()
    assert safeguard.mutation in {"", *(mutation.off for mutation in (*MUTATIONS, *SLOW_MUTATIONS))}


def test_each_mutation_is_a_safeguard_in_the_list() -> None:
    """The list is whole, and tells each absence apart."""
    listed = {safeguard.mutation for safeguard in SAFEGUARDS if safeguard.mutation}

    assert {mutation.off for mutation in (*MUTATIONS, *SLOW_MUTATIONS)} == listed
    assert len({(safeguard.rule, safeguard.without) for safeguard in SAFEGUARDS}) == len(SAFEGUARDS)
