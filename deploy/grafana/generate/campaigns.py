"""Campaigns: how far they are, how fast, what they reach and cost, and which stopped by themselves."""

from __future__ import annotations

from deploy.grafana.generate.frame import Page, Section
from deploy.grafana.generate.panels import ALERT, Levels, Query, graph, number, rows
from deploy.grafana.generate.queries import (
    LANES,
    ledger,
    ledger_increase,
    ledger_rate,
    or_zero,
    quantile,
    threshold,
    total,
)

BULK = 'lane="bulk"'
OPEN = 'state!="settled"'
FAILED = 'status=~"refused|undeliverable|expired"'
FINAL = 'status=~"delivered|read|clicked|refused|undeliverable|expired"'


def _share(matcher: str, over: str) -> str:
    """Of a campaign's messages that reached their end."""
    part, all_ = (ledger_increase("smsq_messages_total", BULK, each, over=over) for each in (matcher, FINAL))
    return f"(sum({part}) or 0 * sum({all_})) / sum({all_})"


QUEUED = f"sum({ledger('smsq_queued_messages', LANES)})"
ACCEPTED = ledger_rate("smsq_messages_total", LANES, 'status="accepted"', over="10m")

PAGE = Page(
    name="campaigns",
    title="smsq: campaigns",
    question="How far are campaigns, how fast do they go, what do they reach and cost, and did one stop by itself?",
    lanes=True,
    sections=[
        Section(
            "Now",
            [
                number(
                    "Running",
                    "Campaigns that are running.",
                    Query(total(ledger("smsq_campaigns", 'state="running"')), "running"),
                    unit="short",
                ),
                number(
                    "Stopped by themselves",
                    "Campaigns that paused by themselves: their messages failed, or the balance is below the reserve.",
                    Query(total(ledger("smsq_campaigns_auto_paused")), "paused"),
                    unit="short",
                    levels=Levels(warning=1),
                    runbook="A campaign was paused by itself",
                ),
                number(
                    "Messages queued",
                    "Enrolled messages that were not handed to the gateway yet, those of campaigns included.",
                    Query(QUEUED, "queued"),
                    unit="short",
                ),
                number(
                    "Time left",
                    "How long the queue will take at the pace of the last 10 minutes; sending hours are not counted.",
                    Query(f"{QUEUED} / (sum({ACCEPTED}) > 0)", "left"),
                    unit="s",
                    nothing="nothing sent",
                    runbook="Sending is slower than it should be",
                ),
                number(
                    "Failed, 1 h",
                    "Share of campaigns' messages that were refused, undeliverable or expired, of all that ended "
                    "in the last hour.",
                    Query(_share(FAILED, "1h"), "failed"),
                    unit="percentunit",
                    decimals=1,
                    levels=Levels(warning=0.2, bad=0.5),
                    nothing="none ended",
                    runbook="A campaign was paused by itself",
                ),
                number(
                    "Balance less the queue",
                    "What the balance leaves once everything queued is paid for; below 0 it does not suffice.",
                    Query(f"{ledger('smsq_balance')} - ({or_zero(ledger('smsq_queued_cost'))})", "left"),
                    unit="locale",
                    decimals=2,
                    levels=Levels(bad=0, falling=True),
                    nothing="not known",
                    runbook="No money",
                ),
                graph(
                    "Campaigns by state",
                    "Campaigns that are not over, by state.",
                    Query(ledger("smsq_campaigns"), "{{state}}"),
                    unit="short",
                    runbook="A campaign that waits",
                ),
                graph(
                    "Queue by lane",
                    "Messages that wait to be handed to the gateway, by lane.",
                    Query(ledger("smsq_queued_messages", LANES), "{{lane}}"),
                    unit="short",
                    runbook="Sending is slower than it should be",
                ),
                graph(
                    "Oldest ready batch",
                    "Age of the oldest batch that was handed out and waits for a worker, by lane.",
                    Query(ledger("smsq_queue_oldest_seconds", LANES), "{{lane}}"),
                    Query(threshold("campaigns_wait_seconds"), ALERT),
                    unit="s",
                    runbook="Sending is slower than it should be",
                ),
            ],
        ),
        Section(
            "Pace and end",
            [
                graph(
                    "Messages by status",
                    "Messages that reached each status, each second.",
                    Query(f"sum by (status) ({ledger_rate('smsq_messages_total', LANES)})", "{{status}}"),
                    unit="mps",
                    runbook="Sending is slower than it should be",
                ),
                graph(
                    "Batches in motion",
                    "Batches that were handed out and are not settled, by state.",
                    Query(f"sum by (state) ({ledger('smsq_batches', LANES, OPEN)})", "{{state}}"),
                    unit="short",
                    stacked=True,
                    runbook="Outcome unknown",
                ),
                graph(
                    "Share that failed",
                    "Refused, undeliverable and expired messages of campaigns as a share of those that ended, by hour.",
                    Query(_share(FAILED, "1h"), "failed"),
                    unit="percentunit",
                    most=1,
                    levels=Levels(warning=0.2, bad=0.5),
                    runbook="A campaign was paused by itself",
                ),
                graph(
                    "Acceptance to handset",
                    "Time from acceptance until the final status, for 50 and 95 of 100 messages of each channel.",
                    *(
                        Query(
                            quantile(q, "smsq_accept_to_final_seconds", LANES, by=("channel",)),
                            f"p{100 * q:g} {{{{channel}}}}",
                        )
                        for q in (0.5, 0.95)
                    ),
                    unit="s",
                ),
                graph(
                    "Why campaigns stopped",
                    "Campaigns that paused by themselves, by reason.",
                    Query(ledger("smsq_campaigns_auto_paused"), "{{reason}}"),
                    unit="short",
                    runbook="A campaign was paused by itself",
                ),
                graph(
                    "Rules of countries",
                    "Messages that met a rule for their country, each second.",
                    Query(ledger_rate("smsq_country_messages_total"), "{{country}}: {{rule}}"),
                    unit="mps",
                ),
            ],
        ),
        Section(
            "Money and networks",
            [
                graph(
                    "Spent",
                    "Money spent in each hour, by channel, in the account's currency.",
                    Query(ledger_increase("smsq_cost_total", over="1h"), "{{channel}}"),
                    unit="short",
                    stacked=True,
                    runbook="No money",
                ),
                graph(
                    "Balance and what is queued",
                    "While the balance is the lower one, it does not suffice for what is queued.",
                    Query(ledger("smsq_balance"), "balance"),
                    Query(ledger("smsq_queued_cost"), "cost of what is queued"),
                    unit="short",
                    runbook="No money",
                ),
                number(
                    "Spent, 24 h",
                    "Money spent in the last 24 hours on all channels, in the account's currency.",
                    Query(total(ledger_increase("smsq_cost_total", over="24h")), "spent"),
                    unit="locale",
                    decimals=2,
                    size=(8, 8),
                ),
                rows(
                    "Networks",
                    "Messages by the operator's country and network code and by final status, since the ledger began.",
                    Query(f"sort_desc(sum by (network, status) ({ledger('smsq_messages_by_network_total')}))"),
                    columns={"network": "Network", "status": "Status", "Value": "Messages"},
                    size=(24, 8),
                ),
            ],
        ),
    ],
)
