"""Money: what is left, and what was spent."""

from __future__ import annotations

from typing import Final

from smsq.worker.domain.money import UNITS
from smsq.worker.metrics.row import Metric, counted

ROWS: Final[tuple[Metric, ...]] = (
    Metric("smsq_balance", "gauge", "The account's balance when last asked, in its own currency.", (), "scrape"),
    counted("smsq_cost_total", "Money spent, in the account's currency.", ("channel",), "cost", per=UNITS),
)
