"""Campaigns: how many there are, which of them stopped by themselves, and what waits to be sent."""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics.row import Metric

ROWS: Final[tuple[Metric, ...]] = (
    Metric(
        "smsq_campaigns",
        "gauge",
        "Campaigns that are not over, by state. One with a date to begin is `scheduled` until then.",
        ("state",),
        "scrape",
    ),
    Metric(
        "smsq_campaigns_auto_paused",
        "gauge",
        "Campaigns that smsq paused by itself and that wait for a person or for money, by reason.",
        ("reason",),
        "scrape",
    ),
    Metric(
        "smsq_queued_messages",
        "gauge",
        "Messages that are enrolled and were not sent yet, those of paused and scheduled campaigns included.",
        ("lane",),
        "scrape",
    ),
    Metric(
        "smsq_queued_cost",
        "gauge",
        "Expected cost of the queued messages, by quoted prices, else by the average cost so far. Absent if neither is "
        "known.",
        (),
        "scrape",
    ),
)
