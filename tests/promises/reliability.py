"""Writes the tables of `docs/reliability.md` from the tests themselves: `python -m tests.promises.reliability`.

A journey's docstring begins with its fault and, after a colon, what is expected; the safeguards are a table already.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.promises.safeguards import SAFEGUARDS
from worker.domain.diagram import drawn, renew

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"


def journeys() -> Iterator[tuple[str, str, str]]:
    """Fault, expectation and test of every journey whose docstring names a fault, in the order of the files."""
    for path in sorted((ROOT / "tests" / "journeys").glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                fault, colon, expected = (ast.get_docstring(node) or "").split("\n")[0].partition(": ")
                if colon:
                    yield fault, expected.rstrip("."), f"{path.relative_to(ROOT)}::{node.name}"


def faults() -> str:
    """The fault matrix."""
    lines = ["| fault | expected | test |", "|---|---|---|"]
    lines += [f"| {fault} | {expected} | `{test}` |" for fault, expected, test in journeys()]
    return "\n".join(lines)


def safeguards() -> str:
    """Every rule, its absence, the test that notices it and, where the model can express it, the mutation."""
    lines = ["| rule | left out | test | model |", "|---|---|---|---|"]
    for row in SAFEGUARDS:
        mutation = f"“{row.mutation}”" if row.mutation else ""
        lines.append(f"| {row.rule} | {row.without} | `{row.test}` | {mutation} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {"faults": faults, "safeguards": safeguards}


def written(page: str) -> str:
    """The page with both tables made anew; raises ValueError where a marker is missing."""
    return drawn(page, TABLES, "tests.promises.reliability")


if __name__ == "__main__":
    sys.exit(renew(PAGE, written))
