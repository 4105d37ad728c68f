"""The metrics page as a scraper sees it: counters of processes, ledger and queues, and a ledger that is away."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import redis as redis_py
import requests
from dramatiq.errors import ConnectionClosed
from prometheus_client.parser import text_string_to_metric_families

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.errors import LedgerUnreachable, SmsqError
from smsq.worker.domain.sick import Sick
from smsq.worker.ledger.standing import HALTS, Depth
from smsq.worker.metrics import METRICS
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.exporter import Exporter, build_registry
from smsq.worker.processes.private_redis.embedded import EmbeddedRedis
from smsq.worker.queues.broker import make_broker
from smsq.worker.queues.hints import Hints
from smsq.worker.redis_health import Load, load

ROOT = Path(__file__).parents[3]


SEEN = Depth(
    {
        "smsq_batches": {("bulk", "doubtful"): 2},
        "smsq_country_messages_total": {("7", "monitor"): 6},
        "smsq_queue_oldest_seconds": {("bulk",): 1.5},
        "smsq_messages_total": {("bulk", "sms", "delivered"): 7},
        "smsq_messages_by_network_total": {("hlr", "25001", "delivered"): 3},
        "smsq_pending_statuses": {(): 3},
        "smsq_status_age_seconds": {(): 12.0},
        "smsq_visible_after_seconds": {(): 0.5},
        "smsq_balance": {(): 99.5},
        "smsq_cost_total": {("sms",): 26.6},
        "smsq_code_steps_total": {("tg", "waited"): 5},
        "smsq_double_accepts_total": {(): 0},
        "smsq_resends_total": {("sender",): 2},
        "smsq_resend_doubles_total": {(): 1},
        "smsq_late_arrivals_total": {(): 1},
        "smsq_alarms_total": {("foreign-id",): 2},
        "smsq_leases_expired_total": {("bulk",): 3},
        "smsq_codes_total": {("sent",): 9, ("right",): 8},
        "smsq_doubts_total": {("found",): 4},
        "smsq_doubt_settle_seconds_count": {("found",): 4},
        "smsq_doubt_settle_seconds_sum": {("found",): 6.5},
        "smsq_leader": {(): 1},
        "smsq_owners": {(): 4},
        "smsq_sick_processes": {(why,): 2 * (why == "login") for why in Sick},
        "smsq_halted": {(why,): int(why == "hosts") for why in HALTS},
        "smsq_missing_hosts": {(): 1},
        "smsq_signed_off_hosts": {(): 2},
        "smsq_gateway_ids_left": {(): 900_000_000},
        "smsq_slots": {("urgent",): 8},
        "smsq_shield_total": {("held",): 6},
        "smsq_shield_holds": {(): 1},
        "smsq_shield_country_holds": {(): 0},
        "smsq_campaigns": {("running",): 2},
        "smsq_campaigns_auto_paused": {("balance",): 1},
        "smsq_queued_messages": {("bulk",): 70},
        "smsq_queued_cost": {(): 210.5},
        "smsq_limit_used_ratio": {("errors",): 0.25},
    }
)
FULL = Load(memory=70, memory_limit=100, aof=None, is_kept=False, evicted=3, clients=9)
OWN = {"smsq_scrape_seconds", "smsq_build_info", "smsq_disk_free_bytes", "smsq_disk_size_bytes"}  # of this host


def seen() -> Depth:
    """A moment of a ledger."""
    return SEEN


def page(home: Path, depth: Depth | None = None, hints: int = 0) -> str:
    """What a scraper gets."""

    def read() -> Depth:
        if depth is None:
            raise LedgerUnreachable("Redis does not answer")
        return depth

    servers = {"ledger": lambda: FULL, "broker": lambda: replace(FULL, aof=5)}
    with Exporter(build_registry(home, read, {"bulk": lambda: hints}, servers), "127.0.0.1:0") as exporter:
        return requests.get(exporter.url, timeout=5).text


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Name and label values (by the labels' names) to value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of_ledger(text: str) -> dict[tuple[str, ...], float]:
    """The samples of ledger and queues alone."""
    return {name: value for name, value in samples(text).items() if name[0] not in OWN and "_redis_" not in name[0]}


def test_the_page_shows_what_the_ledger_knows(home: Path) -> None:
    """Every family of the ledger has its place and its labels."""
    expected: dict[tuple[str, ...], float] = {
        ("smsq_messages_total", "sms", "bulk", "delivered"): 7,
        ("smsq_batches", "bulk", "doubtful"): 2,
        ("smsq_country_messages_total", "7", "monitor"): 6,
        ("smsq_queue_oldest_seconds", "bulk"): 1.5,
        ("smsq_messages_by_network_total", "hlr", "25001", "delivered"): 3,
        ("smsq_pending_statuses",): 3,
        ("smsq_status_age_seconds",): 12,
        ("smsq_visible_after_seconds",): 0.5,
        ("smsq_balance",): 99.5,
        ("smsq_cost_total", "sms"): 26.6,
        ("smsq_double_accepts_total",): 0,
        ("smsq_resends_total", "sender"): 2,
        ("smsq_resend_doubles_total",): 1,
        ("smsq_late_arrivals_total",): 1,
        ("smsq_alarms_total", "foreign-id"): 2,
        ("smsq_leases_expired_total", "bulk"): 3,
        ("smsq_codes_total", "sent"): 9,
        ("smsq_codes_total", "right"): 8,
        ("smsq_doubts_total", "found"): 4,
        ("smsq_doubt_settle_seconds_count", "found"): 4,
        ("smsq_doubt_settle_seconds_sum", "found"): 6.5,
        ("smsq_code_steps_total", "tg", "waited"): 5,
        ("smsq_leader",): 1,
        ("smsq_owners",): 4,
        **{("smsq_halted", why): int(why == "hosts") for why in HALTS},
        **{("smsq_sick_processes", why): 2 * (why == "login") for why in Sick},
        ("smsq_missing_hosts",): 1,
        ("smsq_signed_off_hosts",): 2,
        ("smsq_gateway_ids_left",): 900_000_000,
        ("smsq_slots", "urgent"): 8,
        ("smsq_shield_total", "held"): 6,
        ("smsq_shield_holds",): 1,
        ("smsq_shield_country_holds",): 0,
        ("smsq_campaigns", "running"): 2,
        ("smsq_campaigns_auto_paused", "balance"): 1,
        ("smsq_queued_messages", "bulk"): 70,
        ("smsq_queued_cost",): 210.5,
        ("smsq_limit_used_ratio", "errors"): 0.25,
        ("smsq_ledger_up",): 1,
        ("smsq_queue_hints", "bulk"): 5,
    }

    assert of_ledger(page(home, SEEN, hints=5)) == expected


def test_every_metric_of_the_ledger_is_on_the_page(home: Path) -> None:
    """The table and the collector cannot drift apart."""
    shown = {name for name, *_ in samples(page(home, SEEN))}
    for row in METRICS:
        if row.kind == "summary":
            assert {f"{row.name}_count", f"{row.name}_sum"} <= shown
            shown = {name for name in shown if not name.startswith(row.name)} | {row.name}

    assert shown == {metric.name for metric in METRICS if metric.source != "process"}


def test_servers_are_told_apart(home: Path) -> None:
    """A server without an append-only file has no size of it."""
    shown = samples(page(home, SEEN))

    assert {name: value for name, value in shown.items() if name[1:] == ("ledger",)} == {
        ("smsq_redis_up", "ledger"): 1,
        ("smsq_redis_memory_bytes", "ledger"): 70,
        ("smsq_redis_memory_limit_bytes", "ledger"): 100,
        ("smsq_redis_persistence_ok", "ledger"): 0,
        ("smsq_redis_evicted_keys_total", "ledger"): 3,
        ("smsq_redis_clients", "ledger"): 9,
    }
    assert shown["smsq_redis_aof_bytes", "broker"] == 5
    assert shown["smsq_disk_size_bytes", "home"] > shown["smsq_disk_free_bytes", "home"] > 0
    assert shown["smsq_build_info", version("smsq")] == 1


def test_a_server_that_is_away_is_asked_once(home: Path) -> None:
    """A second wait for it would cost the scraper its patience; one without the right to ask is up all the same."""

    def away() -> int:
        raise ConnectionClosed("the broker does not answer")  # type: ignore[no-untyped-call]

    asked: list[str] = []
    servers = {"ledger": lambda: None, "broker": lambda: asked.append("broker")}
    with Exporter(build_registry(home, seen, {"bulk": away}, servers), "127.0.0.1:0") as exporter:
        shown = samples(requests.get(exporter.url, timeout=5).text)

    assert (shown["smsq_redis_up", "ledger"], shown["smsq_redis_up", "broker"], asked) == (1, 0, [])
    assert ("smsq_redis_clients", "ledger") not in shown


def test_a_server_says_how_full_it_is(redis_server: EmbeddedRedis) -> None:
    """A real one, with its append-only file."""
    found = load(redis_server.url)

    assert found is not None
    assert found.memory > 0
    assert found.clients >= 1
    assert found.is_kept


def test_a_ledger_that_is_away_leaves_the_rest(home: Path) -> None:
    """The page still answers, and says which part is missing."""
    text = page(home, None)

    assert of_ledger(text) == {("smsq_ledger_up",): 0, ("smsq_queue_hints", "bulk"): 0}
    assert samples(text)["smsq_redis_up", "ledger"] == 0


def test_counters_of_processes_are_on_the_page(home: Path) -> None:
    """Two processes of two lanes count in one sum."""
    script = "from smsq.worker.metrics import Metrics; Metrics.of_process().request('send', 'smsc.ru', 'accepted', 0.1)"
    for name in ("urgent", "bulk"):
        environ = {**os.environ, metrics_folder.VARIABLE: str(metrics_folder.folder(home, name))}
        subprocess.run([sys.executable, "-c", script], env=environ, check=True, cwd=ROOT)
    shown = samples(page(home, SEEN))

    assert shown["smsq_gateway_requests_total", "send", "smsc.ru", "accepted"] == 2
    assert shown["smsq_gateway_request_seconds_count", "send", "smsc.ru"] == 2


def test_the_depth_of_a_queue_is_its_waiting_hints(redis_server: EmbeddedRedis, redis: redis_py.Redis) -> None:
    """Read from the broker's own list."""
    broker = make_broker(redis_server.broker_url)
    Hints(broker).batches("bulk", [Ref(1), Ref(2)])

    assert broker.depth("bulk") == 2


def test_an_address_that_is_taken_is_named(home: Path) -> None:
    """The error says which setting to change."""
    with Exporter(build_registry(home, seen, {}), "127.0.0.1:0") as first:
        taken = first.url.removeprefix("http://").removesuffix("/metrics")
        with pytest.raises(SmsqError, match=rf"{taken} \(SMSQ_METRICS_ADDR\)"):
            Exporter(build_registry(home, seen, {}), taken)


@pytest.mark.parametrize(("path", "status"), [("healthz", 200), ("nothing", 404)])
def test_other_paths_do_not_read_the_ledger(home: Path, path: str, status: int) -> None:
    """Whether the exporter lives is another question than how the ledger fares."""
    with Exporter(build_registry(home, seen, {}), "127.0.0.1:0") as exporter:
        assert requests.get(exporter.url.replace("metrics", path), timeout=5).status_code == status


def test_connections_that_say_nothing_cost_no_threads(home: Path) -> None:
    """Two hundred of them, and the page is served beside them; nobody is asked twice at once for it."""
    with Exporter(build_registry(home, seen, {}), "127.0.0.1:0") as exporter, contextlib.ExitStack() as stack:
        address = exporter.url.removeprefix("http://").removesuffix("/metrics").rpartition(":")
        before = threading.active_count()
        for _ in range(200):
            stack.enter_context(socket.create_connection((address[0], int(address[2])), 10))
        answers = [requests.get(exporter.url, timeout=20) for _ in range(5)]

        assert threading.active_count() - before <= 3
    assert {(answer.status_code, "smsq_balance 99.5" in answer.text) for answer in answers} == {(200, True)}


def test_the_page_travels_packed_and_in_the_form_that_is_asked_for(home: Path) -> None:
    """Scrapers ask for gzip and for OpenMetrics."""
    with Exporter(build_registry(home, seen, {}), "127.0.0.1:0") as exporter:
        asked = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = requests.get(exporter.url, headers=asked, timeout=5)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's prometheus) is not installed")
def test_promtool_finds_nothing(home: Path) -> None:
    """The whole page passes the lint of Prometheus itself."""
    lint = subprocess.run(
        ["promtool", "check", "metrics"], input=page(home, SEEN, 1), text=True, capture_output=True, check=False
    )

    assert (lint.returncode, lint.stderr) == (0, "")
