"""The gateway: its mirrors, its answers and limits, what became of doubts and statuses, and the front door."""

from __future__ import annotations

from deploy.grafana.generate.frame import Page, Section
from deploy.grafana.generate.panels import ALERT, BAD, GOOD, Levels, Query, graph, number, states
from deploy.grafana.generate.queries import (
    grown,
    ledger,
    ledger_increase,
    ledger_rate,
    process_rate,
    process_value,
    quantile,
    threshold,
    total,
)
from deploy.grafana.generate.shared import doubtful_batches, mirrors_up, oldest_status

SENDS = 'command="send"'
BLOCKING = 'limit=~"errors|logins"'
DOUBTFUL, PARKED, SENDING = 'state="doubtful"', 'state="parked"', 'state="sending"'


def _settle_time() -> str:
    """Seconds from the beginning of a doubt to its end, on average."""
    took, many = (_summary(f"smsq_doubt_settle_seconds_{part}") for part in ("sum", "count"))
    return f"{took} / ({many} > 0)"


def _summary(series: str) -> str:
    return f'max by (outcome) (increase({series}{{job="$job"}}[1h]))'


PAGE = Page(
    name="gateway",
    title="smsq: gateway and mirrors",
    question="Does the gateway answer, how near are its limits, and what became of requests without an answer and of "
    "messages without a status?",
    sections=[
        Section(
            "Now",
            [
                mirrors_up(),
                number(
                    "Nearest to a block",
                    "How much is used of the limits of errors and log-ins, beyond which the gateway blocks us.",
                    Query(f"max({ledger('smsq_limit_used_ratio', BLOCKING)})", "used"),
                    unit="percentunit",
                    decimals=0,
                    levels=Levels(warning=0.5, bad=0.8),
                    runbook="Too many errors",
                ),
                doubtful_batches(),
                number(
                    "Without a final status",
                    "Accepted messages that have no final status yet.",
                    Query(ledger("smsq_pending_statuses"), "pending"),
                    unit="short",
                ),
                oldest_status(),
                number(
                    "Gateway ids left",
                    "Ids that requests may still be given; at 0 sending halts.",
                    Query(ledger("smsq_gateway_ids_left"), "left"),
                    unit="short",
                    levels=Levels(warning=1e8, bad=1e7, falling=True),
                    runbook="Gateway ids end",
                ),
            ],
        ),
        Section(
            "Requests",
            [
                graph(
                    "Requests to send, by outcome",
                    "How requests to send messages ended, each second.",
                    Query(process_rate("smsq_gateway_requests_total", SENDS, by=("outcome",)), "{{outcome}}"),
                    unit="reqps",
                    runbook="Outcome unknown",
                ),
                graph(
                    "Questions, by command",
                    "Questions about statuses, prices, the balance and history, each second.",
                    Query(
                        process_rate("smsq_gateway_requests_total", 'command!="send"', by=("command", "outcome")),
                        "{{command}}: {{outcome}}",
                    ),
                    unit="reqps",
                ),
                graph(
                    "Time to answer",
                    "How long the gateway took to answer, for 50 and 99 of 100 requests to send, by mirror.",
                    *(
                        Query(
                            quantile(q, "smsq_gateway_request_seconds", SENDS, by=("mirror",)),
                            f"p{100 * q:g} {{{{mirror}}}}",
                        )
                        for q in (0.5, 0.99)
                    ),
                    unit="s",
                    levels=Levels(warning=10, bad=30),
                    runbook="A mirror that swallows",
                ),
                states(
                    "Mirrors",
                    "Whether each mirror worked when a process of any host last tried it.",
                    Query(process_value("smsq_mirror_up", "max", by=("mirror",)), "{{mirror}}"),
                    words={0: ("down", BAD), 1: ("up", GOOD)},
                    runbook="No mirror reachable",
                ),
                graph(
                    "Error codes",
                    "Error codes in the gateway's answers, each second.",
                    Query(
                        process_rate("smsq_gateway_errors_total", by=("command", "code")), "{{command}}: code {{code}}"
                    ),
                    unit="cps",
                    runbook="Too many errors",
                ),
                graph(
                    "Limits used",
                    "How much of each limit of the gateway is used; limits of requests at once are often near 1.",
                    Query(ledger("smsq_limit_used_ratio"), "{{limit}}"),
                    unit="percentunit",
                    most=1,
                    levels=Levels(warning=0.5, bad=0.8),
                    runbook="Login backs off",
                ),
            ],
        ),
        Section(
            "Outcome unknown",
            [
                graph(
                    "Batches in doubt",
                    "Batches whose outcome is unknown, and those that a person must decide about.",
                    Query(f"sum({ledger('smsq_batches', DOUBTFUL)})", "doubtful"),
                    Query(f"sum({ledger('smsq_batches', PARKED)})", "parked"),
                    Query(threshold("doubtful_batches"), ALERT),
                    unit="short",
                    runbook="Outcome unknown",
                ),
                graph(
                    "How doubts ended",
                    "Batches that stopped being doubtful, each second, by what was found out.",
                    Query(ledger_rate("smsq_doubts_total"), "{{outcome}}"),
                    unit="cps",
                    runbook="Outcome unknown",
                ),
                graph(
                    "How long doubts lasted",
                    "Average time from the beginning of a doubt to its end in each hour, by how it ended.",
                    Query(_settle_time(), "{{outcome}}"),
                    unit="s",
                    runbook="Outcome unknown",
                ),
                number(
                    "Accepted twice, 24 h",
                    "Messages that the gateway accepted twice although nobody chose to send them again; must be 0.",
                    Query(ledger_increase("smsq_double_accepts_total", over="24h"), "twice"),
                    unit="short",
                    decimals=0,
                    levels=Levels(bad=1),
                    runbook="Doubles counter",
                ),
                number(
                    "Late arrivals, 24 h",
                    "Messages that arrived after smsq had concluded that they did not.",
                    Query(ledger_increase("smsq_late_arrivals_total", over="24h"), "late"),
                    unit="short",
                    decimals=0,
                    levels=Levels(warning=1),
                    runbook="Late arrivals",
                ),
                number(
                    "Alarms, 24 h",
                    "Events that must never happen, of all kinds.",
                    Query(grown("smsq_alarms_total", over="24h"), "alarms"),
                    unit="short",
                    decimals=0,
                    levels=Levels(bad=1),
                    runbook="Alarms",
                ),
                number(
                    "Claims that expired, 1 h",
                    "Claims whose worker died, hung or was slow; what they had sent is asked about.",
                    Query(total(ledger_increase("smsq_leases_expired_total", over="1h")), "expired"),
                    unit="short",
                    decimals=0,
                    levels=Levels(warning=1, bad=20),
                    runbook="Claim expired",
                ),
                graph(
                    "Requests that may be running",
                    "Places of requests that are taken, and batches being sent: the difference has lost its worker.",
                    Query(f"sum({ledger('smsq_slots')})", "taken places"),
                    Query(f"sum({ledger('smsq_batches', SENDING)})", "batches being sent"),
                    unit="short",
                    runbook="Claim expired",
                    size=(8, 4),
                ),
            ],
        ),
        Section(
            "Statuses",
            [
                graph(
                    "Callbacks",
                    "Items of the gateway's callbacks, taken or left out and why, each second.",
                    Query(process_rate("smsq_callback_events_total", by=("outcome",)), "{{outcome}}"),
                    unit="cps",
                    runbook="Callbacks refused",
                ),
                graph(
                    "Age of the oldest pending status",
                    "How long the oldest accepted message has waited for its final status.",
                    Query(ledger("smsq_status_age_seconds"), "oldest"),
                    Query(threshold("status_age_seconds"), ALERT),
                    unit="s",
                    runbook="Callbacks refused",
                ),
                graph(
                    "Visible after",
                    "Time from acceptance until the gateway's answers show a message; the doubt window must be longer.",
                    Query(ledger("smsq_visible_after_seconds"), "visible after"),
                    unit="s",
                    runbook="Outcome unknown",
                ),
            ],
        ),
        Section(
            "The front door",
            [
                graph(
                    "Requests at the door",
                    "Requests of programs that speak the gateway's own interface, by outcome, each second.",
                    Query(process_rate("smsq_door_requests_total", by=("page", "outcome")), "{{page}}: {{outcome}}"),
                    unit="reqps",
                    size=(12, 8),
                ),
                graph(
                    "Time to answer at the door",
                    "How long the front door took to answer, for 99 of 100 requests of each page.",
                    Query(quantile(0.99, "smsq_door_request_seconds", by=("page",)), "p99 {{page}}"),
                    unit="s",
                    size=(12, 8),
                ),
            ],
        ),
    ],
)
