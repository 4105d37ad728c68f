"""Messages and batches: where they are, and how long each step took."""

from __future__ import annotations

from itertools import product
from typing import Final

from smsq.worker.domain.lane import SENDING
from smsq.worker.metrics.labels import STATES
from smsq.worker.metrics.row import FATE_BUCKETS, WAIT_BUCKETS, Metric, counted

ROWS: Final[tuple[Metric, ...]] = (
    counted("smsq_messages_total", "Messages that reached this status.", ("lane", "channel", "status"), "messages"),
    counted(
        "smsq_messages_by_network_total",
        "Messages that reached this final status, by the operator's code, if the gateway told it with that status.",
        ("channel", "network", "status"),
        "networks",
    ),
    counted(
        "smsq_country_messages_total",
        "Messages that met a rule for their country, by ISO letters and rule (`block`, `monitor`).",
        ("country", "rule"),
        "countries",
    ),
    counted(
        "smsq_batches",
        "Batches that are in this state now. A batch leaves in one request: one message, or many of a campaign.",
        ("lane", "state"),
        "batches",
        words=STATES,
        shown=tuple(product(SENDING, STATES.values())),
    ),
    Metric(
        "smsq_slots",
        "gauge",
        "Requests that may still be running. If they are more than the batches in state `sending`, some have lost "
        "their worker, and keep others back until the gateway must have closed them.",
        ("lane",),
        "scrape",
    ),
    Metric(
        "smsq_queue_oldest_seconds",
        "gauge",
        "Time since the oldest batch that is ready to be sent was enrolled, 0 if there is none.",
        ("lane",),
        "scrape",
    ),
    Metric(
        "smsq_enrol_to_accept_seconds",
        "histogram",
        "Time from enrolment to the gateway's acceptance, per batch.",
        ("lane",),
        buckets=WAIT_BUCKETS,
    ),
    Metric(
        "smsq_accept_to_final_seconds",
        "histogram",
        "Time from acceptance to a final status, per message.",
        ("lane", "channel"),
        buckets=FATE_BUCKETS,
    ),
    counted(
        "smsq_pending_statuses", "Messages that the gateway accepted and that have no final status yet.", (), "pending"
    ),
    Metric(
        "smsq_status_age_seconds",
        "gauge",
        "Time that the oldest accepted message has waited for its final status.",
        (),
        "scrape",
    ),
    Metric(
        "smsq_visible_after_seconds",
        "gauge",
        "Time from acceptance until the gateway's status answers show a message, as measured.",
        (),
        "scrape",
    ),
    Metric(
        "smsq_files_missing_total",
        "counter",
        "Messages that this host left to others because their files are not here (SMSQ_FILES).",
        ("lane",),
    ),
)
