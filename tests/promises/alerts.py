"""The rules of `deploy/prometheus/rules` as values; `python -m tests.promises.alerts` writes their page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from smsq.worker.domain.diagram import drawn, renew

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
PAGE = ROOT / "docs" / "monitoring.md"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: an alert, or a recorded series."""

    file: str  # the file's name
    told: dict[str, Any]  # as it is written

    @property
    def alert(self) -> str:
        """The alert's name; '' for a recorded series."""
        return str(self.told.get("alert", ""))

    @property
    def name(self) -> str:
        return self.alert or str(self.told["record"])

    @property
    def expr(self) -> promql_parser.Expr:
        parsed: promql_parser.Expr = promql_parser.parse(str(self.told["expr"]))
        return parsed

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.told.get("labels", {}))

    @property
    def annotations(self) -> dict[str, str]:
        return dict(self.told.get("annotations", {}))


def rules() -> Iterator[Rule]:
    """All rules, in the order of files and groups."""
    for path in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from (Rule(path.name, told) for told in group["rules"])


def alerts() -> list[Rule]:
    """The rules that are alerts."""
    return [rule for rule in rules() if rule.alert]


def selectors(expr: promql_parser.Expr) -> list[promql_parser.VectorSelector]:
    """All selectors of series in an expression."""
    found: list[promql_parser.VectorSelector] = []

    def look(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    promql_parser.walk(expr, look)
    return found


def table_of_alerts() -> str:
    """Each alert with its severity, how long it must last, and what it says."""
    lines = ["| alert | severity | lasts | says |", "|---|---|---|---|"]
    for rule in alerts():
        heading = rule.annotations["runbook_url"].removeprefix("docs/")
        lasts, says = rule.told.get("for", "at once"), rule.annotations["summary"]
        lines.append(f"| [{rule.alert}]({heading}) | {rule.labels['severity']} | {lasts} | {says} |")
    return "\n".join(lines)


def table_of_series() -> str:
    """Each recorded series with its labels."""
    lines = ["| series | file |", "|---|---|"]
    names = dict.fromkeys((rule.name, rule.file) for rule in rules() if not rule.alert)
    lines += [f"| `{name}` | `deploy/prometheus/rules/{file}` |" for name, file in names]
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with its tables made anew; raises ValueError if a marker is missing."""
    return drawn(page, {"alerts": table_of_alerts, "series": table_of_series}, "tests.promises.alerts")


if __name__ == "__main__":
    sys.exit(renew(PAGE, written))
