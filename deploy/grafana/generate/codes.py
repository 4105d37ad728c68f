"""One-time codes: how fast they leave and arrive, whether people verify them, and what the shield holds back."""

from __future__ import annotations

from deploy.grafana.generate.frame import Page, Section
from deploy.grafana.generate.panels import BAD, GOOD, Levels, Query, graph, number, states
from deploy.grafana.generate.queries import (
    CODE_GOAL,
    CODE_GOAL_S,
    grown,
    ledger,
    ledger_increase,
    ledger_rate,
    process_value,
    quantile,
    recorded,
    threshold,
    total,
)
from deploy.grafana.generate.shared import codes_in_time, oldest_code

URGENT = 'lane="urgent"'
SENT, RIGHT = 'outcome="sent"', 'outcome="right"'
KEPT_BACK = 'decision!="allowed"'


def _sent(over: str) -> str:
    return f"sum({ledger_increase('smsq_codes_total', SENT, over=over)})"


def _verified(over: str) -> str:
    return f"sum({ledger_increase('smsq_codes_total', RIGHT, over=over)})"


PAGE = Page(
    name="codes",
    title="smsq: codes",
    question="Do one-time codes leave within the goal, do people verify them, and what does the shield hold back?",
    sections=[
        Section(
            "The goal",
            [
                codes_in_time(f"Accepted within {CODE_GOAL_S} s, 30 min"),
                number(
                    "Error budget left, 30 days",
                    f"How much is left of the {100 - 100 * CODE_GOAL:g} % of codes that may miss the goal in 30 days; "
                    "below 0 the goal is missed.",
                    Query(recorded("smsq:codes_budget_left:ratio"), "left"),
                    unit="percentunit",
                    decimals=0,
                    levels=Levels(warning=0.5, bad=0.1, falling=True),
                    nothing="no codes",
                    runbook="Codes are late",
                ),
                number(
                    "Slowest 1 %, 30 min",
                    "99 of 100 codes of the last 30 minutes were accepted within this time.",
                    Query(quantile(0.99, "smsq_enrol_to_accept_seconds", URGENT, over="30m"), "p99"),
                    unit="s",
                    levels=Levels(warning=1, bad=CODE_GOAL_S),
                    nothing="no codes",
                    runbook="Codes are late",
                ),
                oldest_code(),
                number(
                    "Verified, 1 h",
                    "Codes that were typed rightly, as a share of those sent in the last hour; it falls if codes do "
                    "not arrive, or by pumping.",
                    Query(f"{_verified('1h')} / {_sent('1h')}", "verified"),
                    unit="percentunit",
                    decimals=0,
                    levels=Levels(warning=0.5, falling=True),
                    nothing="no codes",
                    runbook="Prefixes are held",
                ),
                number(
                    "Expired before sending, 24 h",
                    "Messages of the urgent lane whose time was over before they could be sent, and so were not sent.",
                    Query(grown("smsq_messages_total", URGENT, 'status="late"', over="24h"), "late"),
                    unit="short",
                    decimals=0,
                    levels=Levels(warning=1, bad=10),
                    runbook="Codes are late",
                ),
                graph(
                    "Call to acceptance",
                    "Time from the call until the gateway accepted the code, by share of codes.",
                    *(
                        Query(quantile(q, "smsq_enrol_to_accept_seconds", URGENT), f"p{100 * q:g}")
                        for q in (0.5, 0.9, 0.95, 0.99)
                    ),
                    unit="s",
                    levels=Levels(bad=CODE_GOAL_S),
                    runbook="Codes are late",
                ),
                graph(
                    "Burn rate",
                    "How fast the error budget is used: at 1 it lasts for exactly 30 days, at 14.4 for two.",
                    *(
                        Query(
                            f"{recorded(f'smsq:codes_bad:ratio{over}')} / scalar({threshold('codes_budget_ratio')})",
                            over,
                        )
                        for over in ("5m", "1h", "6h", "3d")
                    ),
                    unit="none",
                    levels=Levels(warning=1, bad=14.4),
                    runbook="Codes are late",
                ),
                graph(
                    "Where codes stand",
                    "Batches of the urgent lane that are in motion, by state.",
                    Query(ledger("smsq_batches", URGENT, 'state!="settled"'), "{{state}}"),
                    unit="short",
                    stacked=True,
                    runbook="Codes are late",
                ),
            ],
        ),
        Section(
            "People",
            [
                graph(
                    "Codes and tries",
                    "Codes sent and sent again, and what people typed, by verdict, each second.",
                    Query(ledger_rate("smsq_codes_total"), "{{outcome}}"),
                    unit="cps",
                ),
                graph(
                    "Acceptance to handset",
                    "Time from acceptance until the final status, for 50 and 95 of 100 messages of each channel.",
                    *(
                        Query(
                            quantile(q, "smsq_accept_to_final_seconds", URGENT, by=("channel",)),
                            f"p{100 * q:g} {{{{channel}}}}",
                        )
                        for q in (0.5, 0.95)
                    ),
                    unit="s",
                    runbook="Codes are late",
                ),
                graph(
                    "Where codes end",
                    "Messages of the urgent lane that reached each status, each second.",
                    Query(f"sum by (status) ({ledger_rate('smsq_messages_total', URGENT)})", "{{status}}"),
                    unit="mps",
                ),
                graph(
                    "Channels of codes",
                    "Messages of codes by channel and why it was tried, or why not, each second.",
                    Query(ledger_rate("smsq_code_steps_total"), "{{channel}}: {{why}}"),
                    unit="mps",
                ),
                graph(
                    "Second copies by choice",
                    "Messages that were sent again by choice while the first could still arrive, each second.",
                    Query(ledger_rate("smsq_resends_total"), "{{by}}"),
                    Query(ledger_rate("smsq_resend_doubles_total"), "arrived twice"),
                    unit="mps",
                ),
                states(
                    "Wake-ups of the urgent lane",
                    "Whether codes wake their worker at once; while they do not, a code waits for the next poll.",
                    Query(process_value("smsq_bell_up", "min", 'queue=~"urgent.*"', by=("queue",)), "{{queue}}"),
                    words={0: ("polls", BAD), 1: ("wakes", GOOD)},
                    runbook="No bell",
                ),
            ],
        ),
        Section(
            "The shield",
            [
                number(
                    "Held now",
                    "Prefixes and countries to which codes are on hold, since hardly anybody verified theirs.",
                    Query(ledger("smsq_shield_holds"), "held"),
                    unit="short",
                    levels=Levels(warning=1, bad=20),
                    runbook="Prefixes are held",
                    size=(4, 8),
                ),
                number(
                    "Countries held now",
                    "Whole countries on hold: no new person there can log in.",
                    Query(ledger("smsq_shield_country_holds"), "held"),
                    unit="short",
                    levels=Levels(bad=1),
                    runbook="Prefixes are held",
                    size=(4, 8),
                ),
                graph(
                    "Codes that the shield kept back",
                    "Codes that were not sent, each second, by the shield's decision.",
                    Query(ledger_rate("smsq_shield_total", KEPT_BACK), "{{decision}}"),
                    unit="cps",
                    runbook="Codes are refused",
                    size=(8, 8),
                ),
                graph(
                    "Share kept back",
                    "Share of all asked codes that the shield did not allow.",
                    Query(
                        f"({total(ledger_rate('smsq_shield_total', KEPT_BACK))}) / "
                        f"sum({ledger_rate('smsq_shield_total')})",
                        "kept back",
                    ),
                    unit="percentunit",
                    levels=Levels(warning=0.2, bad=0.5),
                    runbook="Codes are refused",
                    size=(8, 8),
                ),
            ],
        ),
    ],
)
