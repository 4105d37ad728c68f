"""A plant with a front door."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Plant
from tests.producers.web.front_door.opened import KEYS, Opened, opened


@pytest.fixture
def door_plant(make_plant: Callable[..., Plant]) -> Plant:
    """A plant with one caller, whose minute is long enough for a test."""
    return make_plant(SMSQ_API_KEYS=KEYS, SMSQ_MASS_ASK_EVERY_S="30")


@pytest.fixture
def door(door_plant: Plant) -> Iterator[Opened]:
    """The front door of that plant."""
    with opened(door_plant.runtime) as door:
        yield door
