"""The table of metrics, its page, and counters summed over processes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from prometheus_client import CollectorRegistry, generate_latest

from smsq.worker.gateway.numbers import SEND_ERRORS, STATUS_ERRORS
from smsq.worker.metrics import LABELS, METRICS, Metrics, write_page
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.counters import Reader
from smsq.worker.queues.middleware import ActorMetrics

ROOT = Path(__file__).parents[3]


@pytest.fixture
def registry() -> CollectorRegistry:
    """An empty registry, so that tests do not share counters."""
    return CollectorRegistry()


def test_the_page_is_up_to_date() -> None:
    """`docs/metrics.md` is what the table says today."""
    page = io.StringIO()
    write_page(page)

    assert (ROOT / "docs/metrics.md").read_text() == page.getvalue()


def test_codes_that_the_gateway_invents_share_a_label(registry: CollectorRegistry) -> None:
    """The label's values are those of the tables, whatever is answered."""
    metrics = Metrics(registry)
    for code in (*SEND_ERRORS, *STATUS_ERRORS, 15, 123456789, None):
        metrics.gateway_error("send", code)
    errors = next(family for family in registry.collect() if family.name == "smsq_gateway_errors")

    assert {sample.labels["code"] for sample in errors.samples} == {*map(str, {*SEND_ERRORS, *STATUS_ERRORS}), "other"}


def test_a_mirror_is_known_by_its_host(registry: CollectorRegistry) -> None:
    """No address in a label; the port where it tells mirrors apart."""
    metrics = Metrics(registry)
    for mirror in ("https://www2.smsc.ru", "https://smsc.ru:443", "http://127.0.0.1:9101"):
        metrics.request("send", mirror, "accepted", 0.1)
        metrics.mirror_up(mirror, True)

    labels = {s.labels["mirror"] for family in registry.collect() for s in family.samples if "mirror" in s.labels}
    assert labels == {"www2.smsc.ru", "smsc.ru", "127.0.0.1:9101"}


def test_names_follow_the_rules() -> None:
    """Prefix, base units, `_total` for counters alone, labels that the page explains."""
    for metric in METRICS:
        assert metric.name.startswith("smsq_")
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert not metric.name.endswith(("_milliseconds", "_ms"))
        assert metric.name.endswith("_seconds") or metric.kind != "histogram", metric.name
        assert set(metric.labels) <= set(LABELS)


def test_every_process_metric_has_an_owner(registry: CollectorRegistry) -> None:
    """What the table says processes count is registered, and nothing else is."""
    Metrics(registry)
    names = {family.name + ("_total" if family.type == "counter" else "") for family in registry.collect()}

    assert names == {metric.name for metric in METRICS if metric.source == "process"}


def test_actor_runs_are_counted_and_timed_in_seconds(registry: CollectorRegistry) -> None:
    """By actor and outcome; the clock of a run is its own."""
    middleware = ActorMetrics(Metrics(registry))
    broker = StubBroker(middleware=[])
    for exception in (None, ValueError()):
        message = dramatiq.MessageProxy(dramatiq.Message("bulk", "send_batches", (), {}, {"redis_message_id": "1"}))
        middleware.before_process_message(broker, message)
        middleware.after_process_message(broker, message, exception=exception)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"actor": "send_batches", **labels})

    assert value("smsq_actor_runs_total", outcome="done") == 1
    assert value("smsq_actor_runs_total", outcome="failed") == 1
    assert value("smsq_actor_seconds_count") == 2
    assert (value("smsq_actor_seconds_sum") or 1) < 0.5


def test_counters_of_all_processes_are_summed(home: Path) -> None:
    """Two processes in two folders, as two lanes are, count in one sum."""
    script = "from smsq.worker.metrics import Metrics; Metrics.of_process().hint_lost('bulk')"
    for name in ("urgent", "bulk"):
        environ = {**os.environ, metrics_folder.VARIABLE: str(metrics_folder.folder(home, name))}
        subprocess.run([sys.executable, "-c", script], env=environ, check=True, cwd=ROOT)

    with metrics_folder.counters(home) as paths:
        families = Reader().families(paths)

    assert [s.value for f in families for s in f.samples if s.name == "smsq_hints_lost_total"] == [2.0]


def test_folders_of_starts_that_are_over_are_removed(home: Path) -> None:
    """A folder lives as long as the process that started its child."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone, living = (metrics_folder.folder(home, "bulk", pid) for pid in (ended.pid, os.getppid()))

    metrics_folder.clean(home)

    assert (gone.exists(), living.exists()) == (False, True)


def test_a_folder_named_by_the_supervisor_is_kept(home: Path) -> None:
    """A worker started by hand makes its own."""
    given, own = {metrics_folder.VARIABLE: "/given"}, dict[str, str]()

    metrics_folder.choose(home, "bulk", given)
    metrics_folder.choose(home, "bulk", own)

    assert given == {metrics_folder.VARIABLE: "/given"}
    assert own == {metrics_folder.VARIABLE: str(home / "metrics" / f"bulk-{os.getpid()}")}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's prometheus) is not installed")
def test_promtool_finds_nothing(registry: CollectorRegistry) -> None:
    """The names and help texts pass the lint of Prometheus itself."""
    metrics = Metrics(registry)
    metrics.request("send", "smsc.ru", "accepted", 0.1)
    metrics.accepted("bulk", 1.0)

    lint = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False
    )

    assert (lint.returncode, lint.stderr) == (0, b"")
