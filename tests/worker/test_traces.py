"""Spans as a collector gets them over a socket, and that nothing is loaded if nothing is traced."""

from __future__ import annotations

import gzip
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from smsq.worker.domain.errors import BadSettings
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from smsq.worker.traces import context_of
from tests.conftest import Plant

TEXT = "a text that no collector may see"


class Collector:
    """Takes spans at `/v1/traces` as a collector does, and keeps the bytes of every call."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        kept = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kept.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def spans(self) -> list[Span]:
        """Every span so far."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        scopes = [scope for each in requests for found in each.resource_spans for scope in found.scope_spans]
        return [span for scope in scopes for span in scope.spans]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on a socket of its own."""
    found = Collector()
    yield found
    found.stop()


def attributes(span: Span) -> dict[str, Any]:
    """What a span says, by name."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def test_each_request_of_a_campaign_is_a_span(make_plant: Callable[..., Plant], collector: Collector) -> None:
    """With a link to its campaign, and neither phone nor text."""
    plant = make_plant(SMSQ_TRACES=collector.url)
    refs = plant.campaign([79990000001, 79990000002], [79990000003], text=TEXT)
    plant.send(*refs)
    assert plant.runtime.traces is not None
    plant.runtime.traces.close()

    spans = collector.spans()
    told = sorted((attributes(span) for span in spans), key=lambda each: each["smsq.batch"])
    assert [each["messaging.batch.message_count"] for each in told] == [2, 1]
    assert {each["smsq.batch"] for each in told} == set(map(str, refs))
    assert {(each["messaging.system"], each["messaging.operation.type"]) for each in told} == {("smsc", "send")}
    assert {(each["smsq.lane"], each["smsq.channel"], each["smsq.outcome"]) for each in told} == {
        ("bulk", "sms", "accepted")
    }
    context = context_of(refs[0].campaign)
    assert {link.trace_id for span in spans for link in span.links} == {context.trace_id.to_bytes(16, "big")}
    assert all(span.end_time_unix_nano > span.start_time_unix_nano for span in spans)
    assert not [word for word in (b"7999000000", TEXT.encode()) if any(word in body for body in collector.bodies)]


def test_a_refused_request_is_a_failed_span(make_plant: Callable[..., Plant], collector: Collector) -> None:
    """So that a search for errors finds it; an unknown outcome is asked about, and is no error."""
    plant = make_plant(SMSQ_TRACES=collector.url)
    plant.sandbox.misfortune("no_money", next_few=1)
    plant.send(*plant.campaign([79990000001]))
    assert plant.runtime.traces is not None
    plant.runtime.traces.close()

    (span,) = collector.spans()
    assert (attributes(span)["smsq.outcome"], span.status.code) == ("no_money", Status.STATUS_CODE_ERROR)


def test_without_it_nothing_is_loaded(home: Path) -> None:
    """Neither our part nor the exporter; redis-py loads the rest by itself if it is installed."""
    runtime = Runtime.build(Settings.load({"SMSQ_HOME": str(home), "SMSQ_REDIS_URL": "redis://127.0.0.1:1"}))
    assert runtime.traces is None
    code = (
        "import sys, smsq.worker.processes.lane; "
        "sys.exit(bool({'smsq.worker.traces', 'opentelemetry.exporter', 'pika'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_missing_libraries_are_named_at_the_start(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """With what to type."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told = {"SMSQ_REDIS_URL": "redis://127.0.0.1:1", "SMSQ_TRACES": "http://127.0.0.1:4318/v1/traces"}

    with pytest.raises(BadSettings, match=r"pip install 'smsq\[otel\]'"):
        Runtime.build(Settings.load({"SMSQ_HOME": str(home), **told}))
