"""The front door: requests of software that uses the gateway's own libraries."""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics.row import REQUEST_BUCKETS, Metric

ROWS: Final[tuple[Metric, ...]] = (
    Metric(
        "smsq_door_requests_total",
        "counter",
        "Requests at the front door: taken, refused with a code of the gateway, put off, or failed.",
        ("page", "outcome"),
    ),
    Metric(
        "smsq_door_request_seconds",
        "histogram",
        "How long the front door took to answer.",
        ("page",),
        buckets=REQUEST_BUCKETS,
    ),
)
