"""Doubts: requests of unknown outcome, second copies, and what must never happen."""

from __future__ import annotations

from typing import Final

from smsq.worker.domain.lane import SENDING
from smsq.worker.metrics.row import Metric, Total, counted

ROWS: Final[tuple[Metric, ...]] = (
    counted("smsq_doubts_total", "Batches that stopped being doubtful, by how.", ("outcome",), "doubts_ended"),
    Metric(
        "smsq_doubt_settle_seconds",
        "summary",
        "Time from the beginning of a doubt to its end, by how it ended.",
        ("outcome",),
        "scrape",
        total=Total(name="doubt_ms", per=1000, how_many="doubts_ended"),
    ),
    counted("smsq_double_accepts_total", "Messages that the gateway accepted twice. Must be 0.", (), "doubles"),
    counted(
        "smsq_resends_total",
        "Messages sent again by choice while the first copy could still arrive.",
        ("by",),
        "resends",
        shown=(("operator",), ("sender",)),
    ),
    counted(
        "smsq_resend_doubles_total", "Messages accepted twice after such a choice. Not an alarm.", (), "resend_doubles"
    ),
    counted(
        "smsq_late_arrivals_total",
        "Messages that arrived after smsq had concluded that they did not.",
        (),
        "late_arrivals",
    ),
    counted("smsq_alarms_total", "Events that must never happen, by kind.", ("alarm",), "alarm"),
    counted(
        "smsq_leases_expired_total",
        "Claims that expired because their worker died, hung or was slow.",
        ("lane",),
        "expired",
        shown=tuple((lane,) for lane in SENDING),
    ),
)
