"""What a row of the tables of metrics says: name, kind, labels, buckets and help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["counter", "gauge", "histogram", "summary"]
Source = Literal["process", "scrape", "server", "host"]  # who knows it; `scrape`: ledger and queues

REQUEST_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)  # up to the read timeout
WAIT_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 3600)
FATE_BUCKETS: Final = (1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)  # a handset may be off for a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The field of the ledger's hash `totals` that counts a metric: this name and the labels, joined with colons."""

    name: str
    per: int = 1  # units of the ledger in one unit of the metric
    how_many: str = ""  # for a summary: the name of the total that counts the summands
    words: Mapping[str, str] = field(default_factory=dict)  # the ledger's word for a label, if another
    shown: tuple[tuple[str, ...], ...] = ()  # labels that are exported before anything was counted


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    source: Source = "process"
    buckets: tuple[float, ...] = ()
    total: Total | None = None  # for source `scrape`: the ledger's counter, if it has one


def counted(name: str, help_: str, labels: tuple[str, ...], total: str, **how: Any) -> Metric:
    """A row that the ledger counts."""
    kind: Kind = "counter" if name.endswith("_total") else "gauge"
    return Metric(name, kind, help_, labels, "scrape", total=Total(name=total, **how))
