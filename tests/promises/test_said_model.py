"""Doubt over SMPP, walked through: with its rules nothing is doubled, without any one of them something is."""

from __future__ import annotations

import pytest

from tests.promises.model.explorer import walk
from tests.promises.model.promises import DOUBLED
from tests.promises.model.said import HOLDS, PASSES, RULES, STALE, WORLDS, Said, World


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


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.replace(" ", "-"))
def test_a_rule_left_out_doubles(rule: str) -> None:
    """Each is needed."""
    assert walk(Said(NEEDED_BY[rule], rule)).broken == DOUBLED
