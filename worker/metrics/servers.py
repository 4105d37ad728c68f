"""Servers that smsq stands on: the two of Redis, and the disk of this host's home."""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics.row import Metric

ROWS: Final[tuple[Metric, ...]] = (
    Metric("smsq_redis_up", "gauge", "1 if this Redis server answered this scrape.", ("server",), "server"),
    Metric("smsq_redis_memory_bytes", "gauge", "Memory that the server uses for its data.", ("server",), "server"),
    Metric(
        "smsq_redis_memory_limit_bytes",
        "gauge",
        "The server's maxmemory, 0 for no limit. A ledger at its limit accepts no new messages.",
        ("server",),
        "server",
    ),
    Metric(
        "smsq_redis_aof_bytes",
        "gauge",
        "Size of the server's append-only file on its disk. Absent if it keeps none.",
        ("server",),
        "server",
    ),
    Metric(
        "smsq_redis_persistence_ok",
        "gauge",
        "1 if the server's last write and rewrite of its append-only file and its last snapshot went well. At 0 its "
        "disk is full or broken.",
        ("server",),
        "server",
    ),
    Metric(
        "smsq_redis_evicted_keys_total",
        "counter",
        "Keys that the server threw away because its memory was full. Must be 0 for the ledger.",
        ("server",),
        "server",
    ),
    Metric("smsq_redis_clients", "gauge", "Clients that are connected to the server.", ("server",), "server"),
    Metric("smsq_disk_free_bytes", "gauge", "Bytes that can still be written on this disk.", ("place",), "host"),
    Metric("smsq_disk_size_bytes", "gauge", "Size of this disk.", ("place",), "host"),
)
