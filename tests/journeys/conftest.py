"""Towns for the journeys: one per test, or one that several share while it stays sound."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.town import Town, build


def _need_linux() -> None:
    if sys.platform != "linux":
        pytest.skip("journeys find and limit processes through /proc")


@pytest.fixture(scope="session")
def recovery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where times of recovery are kept, a JSON object a line."""
    return tmp_path_factory.getbasetemp() / "recovery.jsonl"


@pytest.fixture
def make_town(tmp_path: Path, recovery: Path) -> Iterator[Callable[..., Town]]:
    """Build and start a town: `make_town(redis="line", think_ms=100, SMSQ_BATCH_SIZE="20")`."""
    _need_linux()
    made: list[Town] = []

    def make(*, start: bool = True, **how: Any) -> Town:
        settings = {name: how.pop(name) for name in list(how) if name.startswith("SMSQ_")}
        town = build(tmp_path, settings=settings, **how)
        town.recovery = recovery
        made.append(town)
        if start:
            town.start()
        return town

    yield make
    for town in made:
        town.stop()


@pytest.fixture(scope="module")
def _towns(tmp_path_factory: pytest.TempPathFactory, recovery: Path) -> Iterator[Callable[[], Town]]:
    """The shared town, started again where the last journey left it unsound."""
    _need_linux()
    made: list[Town] = []

    def get() -> Town:
        if made and made[-1].is_calm():
            return made[-1]
        if made:
            made.pop().stop()
        town = build(tmp_path_factory.mktemp("town"), settings={})
        town.recovery = recovery
        made.append(town)
        town.start()
        return town

    yield get
    for town in made:
        town.stop()


@pytest.fixture
def town(_towns: Callable[[], Town]) -> Iterator[Town]:
    """A town with three mirrors behind proxies and a Redis of its own, where nothing is wrong yet."""
    found = _towns()
    yield found
    found.clear()
