"""All metrics, by subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smsq.worker.metrics import (
    campaigns,
    door,
    doubts,
    gateway,
    messages,
    money,
    otp,
    pages,
    processes,
    queues,
    servers,
)
from smsq.worker.metrics.row import Metric

SUBJECTS: Final[Mapping[str, tuple[Metric, ...]]] = {
    "Messages and batches": messages.ROWS,
    "Campaigns and what waits": campaigns.ROWS,
    "Doubts and doubles": doubts.ROWS,
    "One-time codes": otp.ROWS,
    "Money": money.ROWS,
    "The gateway and its mirrors": gateway.ROWS,
    "Queues": queues.ROWS,
    "Processes and hosts": processes.ROWS,
    "The front door": door.ROWS,
    "Pages to the on-call list": pages.ROWS,
    "Redis and disk": servers.ROWS,
}
METRICS: Final[tuple[Metric, ...]] = tuple(row for rows in SUBJECTS.values() for row in rows)
TABLE: Final[Mapping[str, Metric]] = {row.name: row for row in METRICS}
