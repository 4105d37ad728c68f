"""Figures that stand on the overview and on a dashboard of their own: the same panel in both."""

from __future__ import annotations

from deploy.grafana.generate.panels import Levels, Panel, Query, number
from deploy.grafana.generate.queries import CODE_GOAL, CODE_GOAL_S, ledger, process_value, recorded

URGENT = 'lane="urgent"'
DOUBTFUL = 'state="doubtful"'


def codes_in_time(title: str) -> Panel:
    """The share of codes that were accepted within the goal."""
    return number(
        title,
        f"Share of codes of the last 30 minutes that the gateway accepted within {CODE_GOAL_S} s; the goal "
        f"is {100 * CODE_GOAL:g} %.",
        Query(f"1 - {recorded('smsq:codes_bad:ratio30m')}", "within the goal"),
        unit="percentunit",
        decimals=2,
        levels=Levels(warning=0.999, bad=CODE_GOAL, falling=True),
        nothing="no codes",
        runbook="Codes are late",
    )


def oldest_code() -> Panel:
    """How long a code has waited."""
    return number(
        "Oldest code waiting",
        "How long the oldest code or single message has waited to be sent.",
        Query(ledger("smsq_queue_oldest_seconds", URGENT), "urgent"),
        unit="s",
        levels=Levels(warning=CODE_GOAL_S, bad=15),
        runbook="Codes are late",
    )


def mirrors_up() -> Panel:
    """How many mirrors of the gateway work."""
    return number(
        "Mirrors up",
        "Addresses of the gateway that worked when a process last tried them.",
        Query(f"sum({process_value('smsq_mirror_up', 'max', by=('mirror',))})", "up"),
        unit="short",
        levels=Levels(bad=1, falling=True),
        nothing="none tried",
        runbook="No mirror reachable",
    )


def doubtful_batches() -> Panel:
    """How many batches have an unknown outcome."""
    return number(
        "Doubtful batches",
        "Batches whose outcome is unknown and that are being asked about; nothing of them is sent again.",
        Query(f"sum({ledger('smsq_batches', DOUBTFUL)})", "doubtful"),
        unit="short",
        levels=Levels(warning=1, bad=20),
        runbook="Outcome unknown",
    )


def oldest_status() -> Panel:
    """How long an accepted message has waited for its final status."""
    return number(
        "Oldest without a status",
        "How long the oldest accepted message has waited for its final status; a handset may be off for a day.",
        Query(ledger("smsq_status_age_seconds"), "oldest"),
        unit="s",
        levels=Levels(warning=86400, bad=172800),
        runbook="Callbacks refused",
    )


def worker_processes() -> Panel:
    """How many worker processes beat."""
    return number(
        "Worker processes",
        "Worker processes that send heartbeats, on all hosts.",
        Query(ledger("smsq_owners"), "processes"),
        unit="short",
        levels=Levels(bad=1, falling=True),
        runbook="A host cannot send",
    )
