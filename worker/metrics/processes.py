"""Processes: who is up, who leads, what halts sending, and how actors ran."""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics.row import REQUEST_BUCKETS, Metric

ROWS: Final[tuple[Metric, ...]] = (
    Metric("smsq_ledger_up", "gauge", "1 if the ledger answered this scrape.", (), "scrape"),
    Metric(
        "smsq_scrape_seconds",
        "gauge",
        "How long the exporter took to read ledger, queues and servers for this page.",
        (),
        "host",
    ),
    Metric(
        "smsq_build_info",
        "gauge",
        "Always 1; the label says which version of smsq serves this page.",
        ("version",),
        "host",
    ),
    Metric("smsq_halted", "gauge", "1 while sending is halted and somebody must act, by reason.", ("halt",), "scrape"),
    Metric(
        "smsq_leader",
        "gauge",
        "1 while a scheduler leads. At 0 campaigns stand still and no status is asked for.",
        (),
        "scrape",
    ),
    Metric(
        "smsq_owners",
        "gauge",
        "Worker processes that are up, on all hosts: those that sent a heartbeat within five seconds.",
        (),
        "scrape",
    ),
    Metric(
        "smsq_sick_processes",
        "gauge",
        "Worker processes that cannot send and leave their work to others, by reason.",
        ("ailment",),
        "scrape",
    ),
    Metric(
        "smsq_missing_hosts",
        "gauge",
        "Hosts that have not answered the roll call. While above 0, nothing is sent.",
        (),
        "scrape",
    ),
    Metric("smsq_signed_off_hosts", "gauge", "Hosts that were stopped in order and signed off.", (), "scrape"),
    Metric("smsq_actor_runs_total", "counter", "Actor runs by how they ended.", ("actor", "outcome")),
    Metric("smsq_actor_seconds", "histogram", "How long an actor ran.", ("actor",), buckets=REQUEST_BUCKETS),
)
