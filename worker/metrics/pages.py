"""Pages to the on-call list by SMS."""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics.row import Metric

ROWS: Final[tuple[Metric, ...]] = (
    Metric(
        "smsq_pages_total",
        "counter",
        "Pages to the on-call list by SMS: sent, grouped with an earlier one, limited, refused, failed, or ignored.",
        ("outcome",),
    ),
)
