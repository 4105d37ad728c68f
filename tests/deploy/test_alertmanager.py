"""Alertmanager takes its configuration, and every alert goes where its severity says."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.peers import prometheus
from tests.promises.alerts import ROOT, alerts

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RECEIVERS = {"page": "on-call", "ticket": "tickets"}


@pytest.fixture
def amtool() -> str:
    try:
        return prometheus.program("amtool")
    except prometheus.NotHere as why:
        pytest.skip(str(why))


def test_amtool_takes_the_configuration(amtool: str) -> None:
    """Nothing in it is unknown or misspelt."""
    done = subprocess.run([amtool, "check-config", str(CONFIG)], capture_output=True, text=True)

    assert (done.returncode, "SUCCESS" in done.stdout) == (0, True), done.stdout + done.stderr


def test_an_alert_goes_where_its_severity_says(amtool: str) -> None:
    """Pages to the on-call list, tickets to a mailbox; an alert without a severity is not lost."""
    kinds = {tuple(sorted(rule.labels.items())) for rule in alerts()} | {(("severity", "unknown"),)}
    found = {}
    for labels in kinds:
        argv = [amtool, "config", "routes", "test", f"--config.file={CONFIG}", *(f"{k}={v}" for k, v in labels)]
        found[labels] = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    assert found == {labels: RECEIVERS.get(dict(labels)["severity"], "tickets") for labels in kinds}


def test_what_is_named_in_an_inhibition_exists() -> None:
    """A renamed alert is renamed here too, and no alert keeps itself back."""
    names = {rule.alert for rule in alerts()}
    told = yaml.safe_load(CONFIG.read_text())["inhibit_rules"]
    sides = [_alerts_of(rule[side]) for rule in told for side in ("source_matchers", "target_matchers")]

    assert {name for side in sides for name in side} - names == set()
    assert [pair for pair in zip(sides[::2], sides[1::2], strict=True) if pair[0] & pair[1]] == []


def _alerts_of(matchers: list[str]) -> set[str]:
    """The names of alerts in matchers such as `alertname =~ "A|B"`."""
    named = [matcher.partition('"')[2].rstrip('"') for matcher in matchers if matcher.startswith("alertname")]
    return {name for names in named for name in names.split("|")}
