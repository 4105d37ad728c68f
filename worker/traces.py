"""A span for each request that carried a batch, for an OpenTelemetry collector. Off unless SMSQ_TRACES is set.

Only `Runtime` imports this, and only if it is on: the libraries take half a second to import. A span has ids, counts
and words of closed sets; never a recipient or a text. It is queued in memory and sent by a thread of the library; what
a collector does not take in time is dropped, and no message waits for it.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Protocol

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags

EXPORT_S = 5.0  # for one call of the collector
FAILED = frozenset({"refused", "bad_login", "no_money"})  # outcomes of which a trace says "error"


class Sent(Protocol):
    """What a span tells of a claim."""

    @property
    def ref(self) -> Any: ...
    @property
    def lane(self) -> str: ...
    @property
    def gateway_id(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def recipients(self) -> Sequence[Any]: ...
    @property
    def options(self) -> Any: ...


class Traces:
    """Spans of this process, to the collector at `endpoint` (OTLP over HTTP)."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create(
            {"service.name": "smsq", "service.version": metadata.version("smsq"), "host.name": socket.gethostname()}
        )
        self._provider = TracerProvider(resource=resource)
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("smsq")

    def sent(self, claim: Sent, mirror: str, outcome: str, took_s: float) -> None:
        """Record a request that ended just now, `took_s` after its first byte; never raises."""
        ended = time.time_ns()
        campaign = claim.ref.campaign
        span = self._tracer.start_span(
            f"send {claim.lane}",
            kind=SpanKind.CLIENT,
            start_time=ended - int(took_s * 1e9),
            links=[Link(context_of(campaign))] if campaign else None,
            attributes={
                "messaging.system": "smsc",
                "messaging.operation.type": "send",
                "messaging.batch.message_count": len(claim.recipients),
                "server.address": mirror,
                "smsq.batch": str(claim.ref),
                "smsq.campaign": campaign or "",
                "smsq.lane": claim.lane,
                "smsq.channel": claim.options.channel,
                "smsq.attempt": claim.attempt,
                "smsq.gateway_id": claim.gateway_id,
                "smsq.outcome": outcome,
            },
        )
        if outcome in FAILED:
            span.set_status(StatusCode.ERROR, outcome)
        span.end(ended)

    def close(self) -> None:
        """Send what is queued, and stop."""
        self._provider.shutdown()


def context_of(campaign: str) -> SpanContext:
    """The context that stands for a campaign: the same in every process, since it follows from the campaign's id."""
    digest = hashlib.sha256(b"campaign " + campaign.encode()).digest()
    return SpanContext(
        trace_id=int.from_bytes(digest[:16], "big"),
        span_id=int.from_bytes(digest[16:24], "big"),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
