"""The overview: one screen that says whether anything is wrong, and which dashboard to open next."""

from __future__ import annotations

from deploy.grafana.generate.frame import Page, Section
from deploy.grafana.generate.panels import BAD, GOOD, Levels, Query, graph, number, states
from deploy.grafana.generate.queries import (
    CODE_GOAL_S,
    LANES,
    grown,
    ledger,
    ledger_increase,
    ledger_rate,
    process_rate,
    process_value,
    quantile,
)
from deploy.grafana.generate.shared import (
    codes_in_time,
    doubtful_batches,
    mirrors_up,
    oldest_code,
    oldest_status,
    worker_processes,
)

URGENT = 'lane="urgent"'
ANY = Levels(bad=1)  # one is too many

ALERTS = 'ALERTS{alertstate="firing", alertname=~"Smsq.*"}'
PARKED = ledger("smsq_batches", 'state="parked"')

STOPS = (
    Query(ledger("smsq_halted"), "halted: {{halt}}"),
    Query(f"1 - {ledger('smsq_ledger_up')}", "ledger unreachable"),
    Query(f"1 - {ledger('smsq_leader')}", "no leader"),
    Query(f"clamp_max({ledger('smsq_missing_hosts')}, 1)", "roll call waits"),
    Query(f"1 - max({process_value('smsq_mirror_up', 'max', by=('mirror',))})", "no mirror up"),
)

PAGE = Page(
    name="overview",
    title="smsq: overview",
    question="Are codes arriving, is anything lost, doubled or doubtful, is the gateway up, is money left, is "
    "anything halted?",
    lanes=True,
    sections=[
        Section(
            "",
            [
                codes_in_time(f"Codes accepted within {CODE_GOAL_S} s"),
                oldest_code(),
                number(
                    "Sending",
                    "Whether sending is halted until somebody acts; the bars below say why.",
                    Query(f"max({ledger('smsq_halted')})", "halted"),
                    unit="short",
                    words={0: ("goes on", GOOD), 1: ("HALTED", BAD)},
                    runbook="Login halted",
                ),
                mirrors_up(),
                number(
                    "Balance",
                    "The account's balance when last asked, in its own currency; compare it with what is queued.",
                    Query(ledger("smsq_balance"), "balance"),
                    unit="locale",
                    decimals=2,
                    levels=Levels(bad=0.01, falling=True),
                    nothing="not known",
                    runbook="No money",
                ),
                number(
                    "Alerts firing",
                    "Alerts of smsq that fire now; the red marks in the graphs are where they began.",
                    Query(f"count({ALERTS}) or vector(0)", "firing"),
                    unit="short",
                    levels=ANY,
                ),
                number(
                    "Accepted twice, 24 h",
                    "Messages that the gateway accepted twice although nobody chose to send them again; must be 0.",
                    Query(ledger_increase("smsq_double_accepts_total", over="24h"), "twice"),
                    unit="short",
                    decimals=0,
                    levels=ANY,
                    runbook="Doubles counter",
                ),
                doubtful_batches(),
                number(
                    "Parked batches",
                    "Batches whose outcome could not be found out: a person must decide whether to send them again.",
                    Query(f"sum({PARKED})", "parked"),
                    unit="short",
                    levels=ANY,
                    runbook="Parked messages",
                ),
                number(
                    "Alarms, 24 h",
                    "Events that must never happen, of all kinds.",
                    Query(grown("smsq_alarms_total", over="24h"), "alarms"),
                    unit="short",
                    decimals=0,
                    levels=ANY,
                    runbook="Alarms",
                ),
                oldest_status(),
                worker_processes(),
            ],
        ),
        Section(
            "",
            [
                graph(
                    "Code to acceptance",
                    "Time from the call until the gateway accepted the code, by share of codes.",
                    *(
                        Query(quantile(q, "smsq_enrol_to_accept_seconds", URGENT), f"p{100 * q:g}")
                        for q in (0.5, 0.95, 0.99)
                    ),
                    unit="s",
                    levels=Levels(bad=CODE_GOAL_S),
                    runbook="Codes are late",
                    size=(8, 7),
                ),
                graph(
                    "Messages by status",
                    "Messages that reached each status, each second.",
                    Query(f"sum by (status) ({ledger_rate('smsq_messages_total', LANES)})", "{{status}}"),
                    unit="mps",
                    size=(8, 7),
                ),
                states(
                    "What stops sending",
                    "Red while a reason holds: nothing is sent until it is gone.",
                    *STOPS,
                    words={0: ("no", GOOD), 1: ("yes", BAD)},
                    runbook="A campaign that waits",
                    size=(8, 7),
                ),
                graph(
                    "Oldest ready batch",
                    "Age of the oldest batch that is ready to be sent, by lane; a campaign's may wait, a code may not.",
                    Query(ledger("smsq_queue_oldest_seconds", LANES), "{{lane}}"),
                    unit="s",
                    runbook="Sending is slower than it should be",
                    size=(8, 7),
                ),
                graph(
                    "Requests to the gateway",
                    "How requests to send messages ended, each second.",
                    Query(
                        process_rate("smsq_gateway_requests_total", 'command="send"', by=("outcome",)), "{{outcome}}"
                    ),
                    unit="reqps",
                    runbook="Outcome unknown",
                    size=(8, 7),
                ),
                graph(
                    "Money",
                    "The balance, and what is queued is expected to cost; while the balance is the lower one, it does "
                    "not suffice.",
                    Query(ledger("smsq_balance"), "balance"),
                    Query(ledger("smsq_queued_cost"), "cost of what is queued"),
                    unit="short",
                    runbook="No money",
                    size=(8, 7),
                ),
            ],
        ),
    ],
)
