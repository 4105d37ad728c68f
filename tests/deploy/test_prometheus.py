"""Rules, configuration and runbook of the alerts belong together, and promtool finds nothing."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import promql_parser
import pytest
import yaml

from smsq.worker.metrics import METRICS
from tests.peers import prometheus
from tests.promises.alerts import PAGE, PROMETHEUS, ROOT, alerts, rules, selectors, written

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
STEPS = ("Meaning", "Where to look", "What to do")
SUFFIXES = {
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}
ALERTS = alerts()
NAMES = [rule.alert for rule in ALERTS]


@pytest.fixture
def promtool() -> str:
    try:
        return prometheus.program("promtool")
    except prometheus.NotHere as why:
        pytest.skip(str(why))


def run(*argv: str, within: Path = PROMETHEUS) -> tuple[int, str]:
    done = subprocess.run(argv, cwd=within, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_promtool_takes_rules_and_configuration(promtool: str) -> None:
    """Every rule is well formed, none twice, and the configuration names them."""
    found = [str(path) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))]

    assert run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *found)[0] == 0
    code, said = run(promtool, "check", "config", "prometheus.yml")
    assert (code, f"{len(found)} rule files found" in said) == (0, True), said


@pytest.mark.slow
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_unit_tests_of_the_rules_pass(promtool: str, path: Path) -> None:
    """As promtool evaluates them."""
    code, said = run(promtool, "test", "rules", path.name, within=path.parent)

    assert code == 0, said


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """In the unit tests for promtool."""
    seen: dict[str, set[bool]] = defaultdict(set)
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test["promql_expr_test"]:
                (selector,) = selectors(promql_parser.parse(case["expr"]))
                named = {each.name: each.value for each in selector.matchers.matchers}
                seen[named["alertname"]].add(bool(case["exp_samples"]))

    assert {name: seen[name] for name in NAMES} == {name: {True, False} for name in NAMES}
    assert seen.keys() == set(NAMES)


def test_every_series_in_a_rule_exists() -> None:
    """It is a metric of the table, a recorded series, or `up`; a label that is matched is one of its labels."""
    known = {"up": {"job", "instance"}}
    for metric in METRICS:
        for suffix in SUFFIXES.get(metric.kind, ("",)):
            known[metric.name + suffix] = {*metric.labels, *(["le"] if suffix == "_bucket" else [])}
    recorded = {rule.name for rule in rules() if not rule.alert}
    wrong = [
        f"{rule.name}: {selector.name} {matcher.name if matcher else ''}"
        for rule in rules()
        for selector in selectors(rule.expr)
        for matcher in [*selector.matchers.matchers, None]
        if selector.name not in recorded
        and (selector.name not in known or (matcher and matcher.name not in known[selector.name]))
    ]

    assert wrong == []


def test_no_recorded_series_is_of_no_use() -> None:
    """An alert needs it, or it is for dashboards."""
    used = {selector.name for rule in rules() for selector in selectors(rule.expr)}
    for_people = {"smsq:codes_budget_left:ratio"}

    assert {rule.name for rule in rules() if not rule.alert} - used == for_people


def test_an_alert_says_what_a_person_needs() -> None:
    """Severity, subject, sentences, and a heading of the runbook with three steps that begins with the severity."""
    runbook = (ROOT / "docs" / "runbook.md").read_text()

    for rule in ALERTS:
        sections = re.findall(rf"^### {rule.alert}\n(.*?)(?=^##|\Z)", runbook, re.MULTILINE | re.DOTALL)
        assert rule.alert.startswith("Smsq")
        assert rule.labels.keys() <= {"severity", "about", "role"}, rule.alert
        assert rule.labels["severity"] in {"page", "ticket"}, rule.alert
        assert rule.labels.get("role", "cause") in {"cause", "symptom"}, rule.alert
        assert rule.annotations.keys() == {"summary", "description", "runbook_url"}, rule.alert
        assert rule.annotations["description"].endswith((".", "}}")), rule.alert
        assert rule.annotations["runbook_url"] == f"docs/runbook.md#{rule.alert.lower()}"
        assert len(sections) == 1, rule.alert
        assert [step for step in STEPS if f"- **{step}**: " in sections[0]] == list(STEPS), rule.alert
        assert f"- **Meaning**: {rule.labels['severity']}. " in sections[0], rule.alert


def test_the_page_lists_the_alerts_as_they_are() -> None:
    """If a rule changes, the page is written anew: python -m tests.promises.alerts."""
    page = PAGE.read_text(encoding="utf-8")

    assert written(page) == page
