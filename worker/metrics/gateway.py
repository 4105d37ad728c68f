"""The gateway: requests to it, its mirrors, its callbacks."""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics.row import REQUEST_BUCKETS, Metric

ROWS: Final[tuple[Metric, ...]] = (
    Metric(
        "smsq_gateway_requests_total",
        "counter",
        "Requests to the gateway by outcome.",
        ("command", "mirror", "outcome"),
    ),
    Metric(
        "smsq_gateway_request_seconds",
        "histogram",
        "How long the gateway took to answer.",
        ("command", "mirror"),
        buckets=REQUEST_BUCKETS,
    ),
    Metric("smsq_gateway_errors_total", "counter", "Error codes in the gateway's answers.", ("command", "code")),
    Metric(
        "smsq_mirror_up",
        "gauge",
        "1 if the mirror worked when a process last tried it, 0 if no connection opened or answers are missing.",
        ("mirror",),
    ),
    Metric(
        "smsq_limit_used_ratio",
        "gauge",
        "How much of one of the gateway's limits is used now, from 0 to 1. At 1 the gateway refuses or blocks us.",
        ("limit",),
        "scrape",
    ),
    Metric("smsq_gateway_ids_left", "gauge", "Gateway ids that are left. At 0, sending halts.", (), "scrape"),
    Metric(
        "smsq_callback_events_total",
        "counter",
        "Items of the gateway's callbacks: taken, or left out because they were unsigned, foreign or unreadable.",
        ("outcome",),
    ),
)
