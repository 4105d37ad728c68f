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


class SharedTown:
    """The town of the journeys that need none of their own: built for the first, and anew if one left it unsound."""

    def __init__(self) -> None:
        self.up: Town | None = None

    def get(self, folder: Path, recovery: Path) -> Town:
        if self.up is None or not self.up.is_calm():
            self.stop()
            self.up = build(folder, settings={})
            self.up.recovery = recovery
            self.up.start()
        return self.up

    def stop(self) -> None:
        up, self.up = self.up, None
        if up is not None:
            up.stop()


@pytest.fixture(scope="session")
def shared_town() -> Iterator[SharedTown]:
    """Stopped after the last of several journeys in a row, or else at the end."""
    shared = SharedTown()
    yield shared
    shared.stop()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Function, nextitem: pytest.Item | None) -> None:
    """An idle town costs the tests that follow what eleven processes cost."""
    if "town" in item.funcargs and "town" not in getattr(nextitem, "fixturenames", ()):
        item.funcargs["shared_town"].stop()


@pytest.fixture
def town(shared_town: SharedTown, tmp_path_factory: pytest.TempPathFactory, recovery: Path) -> Iterator[Town]:
    """A town with three mirrors behind proxies and a Redis of its own, where nothing is wrong yet."""
    _need_linux()
    found = shared_town.get(tmp_path_factory.mktemp("town"), recovery)
    yield found
    found.clear()
