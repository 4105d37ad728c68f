"""The page of all metrics, `docs/metrics.md`."""

from __future__ import annotations

from typing import TextIO

from smsq.worker.metrics.labels import LABELS
from smsq.worker.metrics.table import SUBJECTS


def write_page(out: TextIO) -> None:
    """Write `docs/metrics.md`."""
    out.write(
        "# Metrics\n\nWritten from `worker/metrics/` by `python -m smsq.worker.metrics > docs/metrics.md`.\n\n"
        "`smsq exporter` (part of `smsq up`) serves them at `http://SMSQ_METRICS_ADDR/metrics`, `127.0.0.1:9191` by\n"
        "default. Times are in seconds, money is in the account's currency. Metrics marked *ledger* are read from the\n"
        "ledger or the queues during the scrape; the others are counted by the processes and summed.\n"
    )
    for subject, rows in SUBJECTS.items():
        out.write(f"\n## {subject}\n\n| name | kind | labels | from | tells |\n|---|---|---|---|---|\n")
        for metric in rows:
            labels, origin = ", ".join(metric.labels), "ledger" if metric.source == "scrape" else "processes"
            out.write(f"| `{metric.name}` | {metric.kind} | {labels} | {origin} | {metric.help} |\n")
    out.write("\n## Labels\n\nEach comes from a closed set; none is ever a phone, a text, an id or a campaign.\n")
    out.write("\n| label | values |\n|---|---|\n")
    out.writelines(f"| {label} | {values} |\n" for label, values in LABELS.items())
