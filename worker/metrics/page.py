"""The page of all metrics, `docs/metrics.md`."""

from __future__ import annotations

from typing import Final, TextIO

from smsq.worker.metrics.labels import LABELS
from smsq.worker.metrics.row import Source
from smsq.worker.metrics.table import SUBJECTS

FROM: Final[dict[Source, str]] = {"process": "processes", "scrape": "ledger", "server": "Redis", "host": "host"}


def write_page(out: TextIO) -> None:
    """Write `docs/metrics.md`."""
    out.write(
        "# Metrics\n\nWritten from `worker/metrics/` by `python -m smsq.worker.metrics > docs/metrics.md`.\n\n"
        "`smsq exporter` (part of `smsq up`) serves them at `http://SMSQ_METRICS_ADDR/metrics`, `127.0.0.1:9191` by\n"
        "default. Times are in seconds, money is in the account's currency. The column *from* says who knows a value,\n"
        "and so how the values of several hosts are put together:\n\n"
        "| from | is | of several hosts |\n|---|---|---|\n"
        "| ledger | read from the ledger or the queues during the scrape | the same everywhere: "
        "`max without(instance) (…)` |\n"
        "| Redis | what the two servers say of themselves | the same everywhere: `max without(instance) (…)` |\n"
        "| processes | counted by the processes of this host and summed | "
        "`sum without(instance) (…)`; gauges: `min` |\n"
        "| host | of this host alone | each for itself |\n\n"
        "A counter *from* processes goes on when processes of its host restart. A gauge of a process ends with it.\n"
    )
    for subject, rows in SUBJECTS.items():
        out.write(f"\n## {subject}\n\n| name | kind | labels | from | tells |\n|---|---|---|---|---|\n")
        for metric in rows:
            labels = ", ".join(metric.labels)
            out.write(f"| `{metric.name}` | {metric.kind} | {labels} | {FROM[metric.source]} | {metric.help} |\n")
    out.write("\n## Labels\n\nEach comes from a closed set; none is ever a phone, a text, an id or a campaign.\n")
    out.write("\n| label | values |\n|---|---|\n")
    out.writelines(f"| {label} | {values} |\n" for label, values in LABELS.items())
