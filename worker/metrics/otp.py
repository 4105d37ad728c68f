"""One-time codes and the shield."""

from __future__ import annotations

from typing import Final

from smsq.worker.metrics.row import Metric, counted

ROWS: Final[tuple[Metric, ...]] = (
    counted("smsq_codes_total", "One-time codes sent and sent again, and tries by verdict.", ("outcome",), "codes"),
    counted(
        "smsq_code_steps_total",
        "Messages of one-time codes by channel and why it was tried, or why not.",
        ("channel", "why"),
        "code_steps",
    ),
    counted("smsq_shield_total", "Codes by the shield's decision.", ("decision",), "shield"),
    Metric("smsq_shield_holds", "gauge", "Prefixes and countries that are on hold now.", (), "scrape"),
    Metric("smsq_shield_country_holds", "gauge", "Whole countries that are on hold now. An alarm.", (), "scrape"),
)
