"""Each lane's row holds together, and nobody keeps a second list of lanes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from smsq.worker.domain.lane import LANES, QUEUES, SENDING, SENDING_BY_NUMBER, Lane, Sends

ROOT = Path(__file__).parents[3]
SOURCES = [path for top in ("worker", "producers") for path in (ROOT / top).rglob("*.py")]


def test_the_ledger_knows_lanes_by_the_numbers_they_always_had() -> None:
    """Stored batches hold the number."""
    assert SENDING_BY_NUMBER == ("urgent", "bulk")
    assert [SENDING[name].number for name in SENDING_BY_NUMBER] == [0, 1]


@pytest.mark.parametrize("lane", LANES.values(), ids=LANES)
def test_a_lanes_own_queue_is_called_like_it(lane: Lane) -> None:
    """Hints go to the queue of the lane's name; a queue belongs to one lane."""
    assert lane.queues[0].name == lane.name
    assert lane.queues[0].threads == 0
    assert sum(len(each.queues) for each in LANES.values()) == len(QUEUES)


@pytest.mark.parametrize("sends", SENDING.values(), ids=SENDING)
def test_questions_follow_each_other(sends: Sends) -> None:
    """The first question about a doubt is the first of the list, which only grows."""
    assert sends.first_ask_s == sends.asks_s[0]
    assert list(sends.asks_s) == sorted(set(sends.asks_s))


def test_no_other_file_lists_lanes() -> None:
    """A list, set, tuple or dict that names two lanes is a fact about lanes: it belongs in the table."""
    second = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if path != ROOT / "worker" / "domain" / "lane.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if len(LANES.keys() & literals(node)) > 1
    ]

    assert second == []


def literals(node: ast.AST) -> set[str]:
    """The strings that a list, set, tuple or dict is written with."""
    match node:
        case ast.List() | ast.Set() | ast.Tuple():
            parts = node.elts
        case ast.Dict():
            parts = [key for key in node.keys if key is not None]
        case _:
            return set()
    return {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
