"""Doubt over SMPP, walked through: with its rules nothing is doubled or lost, without any one of them something is."""

from __future__ import annotations

import pytest

from tests.promises.model.explorer import walk
from tests.promises.model.promises import DOUBLED
from tests.promises.model.said import GIVEN_UP, HOLDS, PASSES, REACHED_NOBODY, RULES, STALE, WORLDS, Said, World


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world.parts}-parts-{world.gateway}")
def test_nothing_is_doubled(world: World) -> None:
    """Whatever the gateway does with parts and comments, and every state can still end."""
    found = walk(Said(world))

    assert not found.broken, str(found)
    assert found.states > 100


# The smallest gateway that shows why each rule is there.
NEEDED_BY = {
    "absence is asked about under our own id": World(1, HOLDS),
    "the control need not be found by its comment": World(1, STALE),
    "a row without a comment is overlooked": World(2, PASSES),
    "a silent session is not ended": World(1, HOLDS),
    "the window leaves out the latest arrival": World(1, HOLDS),
    "a part that got no answer is written again": World(1, HOLDS),
}


def test_what_the_gateway_gave_up_is_not_over() -> None:
    """A message of which a part never came reached no phone: its receipt must not end its doubt."""
    assert walk(Said(World(2, HOLDS), GIVEN_UP)).broken == REACHED_NOBODY


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.replace(" ", "-"))
def test_a_rule_left_out_doubles(rule: str) -> None:
    """Each is needed."""
    assert walk(Said(NEEDED_BY[rule], rule)).broken == DOUBLED
