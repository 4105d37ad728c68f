"""Writes the tables of `docs/reliability.md` from the tests themselves: `python -m tests.promises.reliability`.

A journey that is marked `fault` is a row: its docstring begins with the fault and, after a colon, what is expected.
Faults on the parts alone and the safeguards are tables already.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from smsq.worker.domain.diagram import drawn, renew
from tests.promises.parts import PARTS
from tests.promises.safeguards import SAFEGUARDS

ROOT = Path(__file__).parents[2]
MARK = "pytest.mark.fault"
PAGE = ROOT / "docs" / "reliability.md"


def journeys() -> Iterator[tuple[str, str, str]]:
    """Fault, expectation and test of every journey that is marked as a fault, in the order of the files.

    Raises ValueError where one does not say what is expected.
    """
    for path in sorted((ROOT / "tests" / "journeys").glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and MARK in map(ast.unparse, node.decorator_list):
                fault, colon, expected = (ast.get_docstring(node) or "").split("\n")[0].partition(": ")
                if not colon:
                    raise ValueError(f"{node.name} does not say what is expected")
                yield fault, expected.rstrip("."), f"{path.relative_to(ROOT)}::{node.name}"


def faults() -> str:
    """The fault matrix, on real processes."""
    return _table(journeys())


def parts() -> str:
    """The fault matrix, on the real parts."""
    return _table(PARTS)


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = ["| fault | expected | test |", "|---|---|---|"]
    lines += [f"| {fault} | {expected} | `{test}` |" for fault, expected, test in rows]
    return "\n".join(lines)


def safeguards() -> str:
    """Every rule, its absence, the test that notices it and, where the model can express it, the mutation."""
    lines = ["| rule | left out | test | model |", "|---|---|---|---|"]
    for row in SAFEGUARDS:
        mutation = f"“{row.mutation}”" if row.mutation else ""
        lines.append(f"| {row.rule} | {row.without} | `{row.test}` | {mutation} |")
    return "\n".join(lines)


TABLES: dict[str, Callable[[], str]] = {"faults": faults, "parts": parts, "safeguards": safeguards}


def written(page: str) -> str:
    """The page with its tables made anew; raises ValueError where a marker is missing."""
    return drawn(page, TABLES, "tests.promises.reliability")


if __name__ == "__main__":
    sys.exit(renew(PAGE, written))
