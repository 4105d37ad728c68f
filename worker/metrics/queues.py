"""The queues between processes, and their wake-ups."""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics.row import Metric

ROWS: Final[tuple[Metric, ...]] = (
    Metric(
        "smsq_queue_hints",
        "gauge",
        "Hints that wait for a worker. If they stay above 0, workers of that lane are down, stuck or too few.",
        ("queue",),
        "scrape",
    ),
    Metric(
        "smsq_hints_lost_total",
        "counter",
        "Hints that the broker did not take. The sweeper sends them later.",
        ("queue",),
    ),
    Metric("smsq_rings_lost_total", "counter", "Hints whose wake-up failed. They wait for the next poll.", ("queue",)),
    Metric(
        "smsq_bell_up",
        "gauge",
        "1 while workers are woken when a hint comes. 0: at least one polls instead, which costs some milliseconds.",
        ("queue",),
    ),
    Metric(
        "smsq_hints_put_aside_total",
        "counter",
        "Messages in the queue that could not be read and were put aside.",
        ("queue",),
    ),
)
