"""The dashboards: written by their generators, readable, true to the table of metrics, and complete."""

from __future__ import annotations

import ast
import re
import string
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.generate.all import PAGES, written
from smsq.worker.metrics import METRICS
from tests.deploy.dashboards import CHOSEN, FILES, FOLDER, ROOT, Asked, board, expressions, filled, panels, series

NAMES = [path.stem for path in FILES]
RUNBOOK = ROOT / "docs" / "runbook.md"
RULES = sorted((ROOT / "deploy" / "prometheus").rglob("*.yml"))
PROMETHEUS_OWN = {"ALERTS", "up"}
COLUMNS = 24


def suffixed(name: str, kind: str) -> list[str]:
    """The series of a metric."""
    endings = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ("",))
    return [name + ending for ending in endings]


def rules() -> list[dict[str, str]]:
    """Rules of deploy/prometheus, those that record and those that alert."""
    pages = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    groups = [group for page in pages if isinstance(page, dict) for group in page.get("groups", [])]
    return [rule for group in groups for rule in group["rules"]]


KNOWN = {name: metric.name for metric in METRICS for name in suffixed(metric.name, metric.kind)}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def test_the_files_are_what_the_generators_write() -> None:
    """After a change of a generator or of the table of metrics: python -m deploy.grafana.generate."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FILES} == written()
    assert len({page.name for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_expression_names_what_there_is(path: Path) -> None:
    """Its tree is PromQL, and each series is one of the table of metrics or of a rule."""
    unknown = [(each.where, name) for each in expressions(path) for name in series_of(each) if not is_known(name)]

    assert unknown == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_selector_names_the_installation(path: Path) -> None:
    """One Prometheus may watch several; thresholds and alerts are the same for all."""
    named = [each for each in expressions(path) if each.where.partition(": ")[2] != "variable job"]
    free = PROMETHEUS_OWN | {name for name in RECORDED if name.startswith("smsq:threshold:")}

    assert [
        each.where
        for each in named
        if not series_of(each) <= free and each.expr.count("{") - each.expr.count("ALERTS{") != each.expr.count("$job")
    ] == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_panels_can_be_read_at_night(path: Path) -> None:
    """Each has a title, a unit, one sentence of its own, a source, letters for its queries, and its place."""
    shown = panels(path)
    for panel in shown:
        where = f"{path.stem}: {panel['title']}"
        assert panel["fieldConfig"]["defaults"]["unit"], where
        assert panel["description"].partition(". ") == (panel["description"].rstrip(".") + ".", "", ""), where
        assert panel["datasource"]["uid"] == "${datasource}", where
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == list(string.ascii_uppercase[: len(letters)]), where
        assert all(target["legendFormat"] for target in panel["targets"]), where

    titles = Counter(panel["title"] for panel in shown)
    assert {title for title, times in titles.items() if times > 1} == set()
    assert len({panel["id"] for panel in board(path)["panels"]}) == len(board(path)["panels"])


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_panels_fill_the_grid(path: Path) -> None:
    """None covers another, and no line of the grid has a hole."""
    cells = Counter(
        (x, y)
        for panel in board(path)["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )
    height = max(y for _, y in cells) + 1

    assert set(cells.values()) == {1}
    assert len(cells) == COLUMNS * height


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_links_lead_to_headings_and_to_the_other_dashboards(path: Path) -> None:
    """A panel's link to the runbook is a heading of it."""
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    }
    links = [link for panel in panels(path) for link in panel.get("links", [])]
    top = board(path)["links"]

    assert links
    assert {link["url"].partition("#")[2] for link in links} <= anchors
    assert {(link["type"], *link["tags"]) for link in top} == {("dashboards", "smsq"), ("link",)}
    assert board(path)["tags"] == ["smsq"]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_each_variable_is_used(path: Path) -> None:
    """A choice at the top that changes nothing would mislead; a variable that is not there would show nothing."""
    declared = {each["name"] for each in board(path)["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", path.read_text(encoding="utf-8")))

    assert used - {"__rate_interval", "__all"} == declared
    assert declared - {"datasource", "runbook"} <= {name.removeprefix("$") for name in CHOSEN}


def test_every_metric_is_spoken_of() -> None:
    """By a dashboard, an alert or the runbook: a value that nobody looks at is not worth its cost."""
    drawn = {name for path in FILES for each in expressions(path) for name in series_of(each)}
    ruled = {name for rule in rules() for name in series(rule["expr"])}
    told = set(re.findall(r"\bsmsq_\w+", RUNBOOK.read_text(encoding="utf-8")))
    spoken = {KNOWN.get(name, name) for name in drawn | ruled | told}

    assert [metric.name for metric in METRICS if metric.name not in spoken] == []


def test_grafana_is_told_where_the_files_are() -> None:
    """The provisioning files load, the source has a name of its own, and the folder is not written to."""
    folder = FOLDER.parent / "provisioning"
    (source,) = loaded(folder / "datasources" / "smsq.yml")["datasources"]
    (provider,) = loaded(folder / "dashboards" / "smsq.yml")["providers"]

    assert (source["type"], source["url"]) == ("prometheus", "$PROMETHEUS_URL")
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)


def test_what_runs_does_not_know_the_generators() -> None:
    """They need a library that only development has."""
    for top in ("worker", "producers"):
        for path in (ROOT / top).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not {word for word in ("grafana_foundation_sdk", "deploy.grafana") if word in text}, path


def test_a_file_says_what_it_is_for() -> None:
    """The generators are read like everything else."""
    for path in (FOLDER.parent / "generate").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), path
        assert text.count("\n") <= 420, path


def loaded(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def series_of(each: Asked) -> set[str]:
    return series(filled(each.expr))


def is_known(name: str) -> bool:
    return name in KNOWN or name in RECORDED or name in PROMETHEUS_OWN
