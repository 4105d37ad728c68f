"""The ledger's counters, by the names of the table of metrics.

The verbs count in the fields of one hash, `totals`; the rows of `worker/metrics/` say which field is which metric. A
field without a row would be exported nowhere, so a test in `tests/promises` looks for such fields.
"""

from __future__ import annotations

from collections.abc import Mapping

from smsq.worker.metrics import METRICS, Metric, Total

Labels = tuple[str, ...]


def by_metric(totals: Mapping[str, int]) -> dict[str, dict[Labels, float]]:
    """The fields of `totals` by the name of their metric, then by its labels; a summary has `_sum` and `_count`."""
    by_total: dict[str, dict[Labels, int]] = {}
    for field, value in totals.items():
        name, _, labels = field.partition(":")
        by_total.setdefault(name, {})[_labels(labels)] = value
    shown: dict[str, dict[Labels, float]] = {}
    for row in METRICS:
        if row.total is None:
            continue
        values = _values(row, row.total, by_total.get(row.total.name, {}))
        if row.kind == "summary":
            counts = by_total.get(row.total.how_many, {})
            shown[f"{row.name}_sum"] = values
            shown[f"{row.name}_count"] = {labels: counts.get(labels, 0) for labels in values}
        else:
            shown[row.name] = values
    return shown


def _values(row: Metric, total: Total, counted: Mapping[Labels, int]) -> dict[Labels, float]:
    """The values of one metric; a gauge is never below 0."""
    values: dict[Labels, float] = dict.fromkeys(total.shown if row.labels else [()], 0)
    for labels, value in counted.items():
        known = tuple(total.words.get(label, label) for label in labels)
        if len(known) == len(row.labels):
            values[known] = value / total.per if total.per != 1 else value
    return {labels: max(0, value) for labels, value in values.items()} if row.kind == "gauge" else values


def _labels(written: str) -> Labels:
    return tuple(written.split(":")) if written else ()


def spent_in(totals: Mapping[bytes, bytes]) -> int:
    """What all messages are known to have cost, in units, by the fields as they are read."""
    return sum(int(value) for field, value in totals.items() if field.startswith(b"cost:"))
