"""The committed dashboards as tests read them: panels, expressions, and the names of series in an expression's tree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
LABEL_VALUES = "label_values("
# What Grafana puts for its variables while everything is chosen and a graph shows three hours.
CHOSEN = {
    "$__rate_interval": "1m",
    "$__interval": "15s",
    "$__range": "3h",
    "$job": "smsq",
    "$instance": ".*",
    "$lane": ".*",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One expression of a dashboard, and where it is."""

    where: str  # dashboard, panel and the letter of the query
    expr: str
    is_instant: bool = False


def board(path: Path) -> dict[str, Any]:
    """The file of a dashboard."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def panels(path: Path) -> list[dict[str, Any]]:
    """Its panels, rows left out."""
    return [panel for panel in board(path)["panels"] if panel["type"] != "row"]


def expressions(path: Path) -> Iterator[Asked]:
    """Those of panels, annotations and variables."""
    whole, name = board(path), path.stem
    for panel in panels(path):
        for target in panel["targets"]:
            yield Asked(f"{name}: {panel['title']}: {target['refId']}", target["expr"], target.get("instant", False))
    for each in whole["annotations"]["list"]:
        yield Asked(f"{name}: annotation {each['name']}", each["expr"])
    for each in whole["templating"]["list"]:
        if each["type"] == "query":
            assert each["query"].startswith(LABEL_VALUES)
            yield Asked(f"{name}: variable {each['name']}", each["query"].removeprefix(LABEL_VALUES).rpartition(",")[0])


def filled(expr: str, chosen: Mapping[str, str] = CHOSEN) -> str:
    """With values for the variables of Grafana."""
    for name, value in chosen.items():
        expr = expr.replace(name, value)
    return expr


def series(expr: str) -> set[str]:
    """The names of all series that an expression selects."""
    names: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        selector = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(selector, promql_parser.VectorSelector):
            names.update([selector.name] if selector.name else named(selector))

    promql_parser.walk(promql_parser.parse(expr), visit)
    return names


def named(selector: promql_parser.VectorSelector) -> list[str]:
    """The names in a selector without a name of its own: `{__name__=~"a|b"}`."""
    matchers = [each for each in selector.matchers.matchers if each.name == "__name__"]
    return [name for each in matchers for name in each.value.split("|")]
