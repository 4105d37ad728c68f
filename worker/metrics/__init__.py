"""All metrics: tables by subject, and what processes count with them. Nothing here reads a ledger or serves a page.

Base units only, the unit in the name. Labels come from closed sets: never a phone, a text, an id or a campaign.
`docs/metrics.md` is written from the tables (`python -m smsq.worker.metrics > docs/metrics.md`). The exporter reads the
values of ledger and queues at each scrape.
"""

from smsq.worker.metrics.counting import Metrics, host_of
from smsq.worker.metrics.labels import LABELS
from smsq.worker.metrics.page import write_page
from smsq.worker.metrics.row import Metric, Total
from smsq.worker.metrics.table import METRICS, SUBJECTS, TABLE

__all__ = ["LABELS", "METRICS", "SUBJECTS", "TABLE", "Metric", "Metrics", "Total", "host_of", "write_page"]
