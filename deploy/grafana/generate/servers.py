"""Redis and workers: servers, hosts and processes, the queues between them, and the exporter itself."""

from __future__ import annotations

from deploy.grafana.generate.frame import Page, Section
from deploy.grafana.generate.panels import ALERT, BAD, GOOD, Levels, Query, graph, number, rows, states
from deploy.grafana.generate.queries import (
    HOSTS,
    JOB,
    LANES,
    ledger,
    ledger_increase,
    ledger_rate,
    or_none,
    process_increase,
    process_rate,
    process_value,
    quantile,
    threshold,
)
from deploy.grafana.generate.shared import worker_processes

UP = {0: ("down", BAD), 1: ("up", GOOD)}
MEMORY = f"{ledger('smsq_redis_memory_bytes')} / ({ledger('smsq_redis_memory_limit_bytes')} > 0)"
DISK = (
    f"min by (instance, place) (smsq_disk_free_bytes{{{JOB}, {HOSTS}}}) / "
    f"min by (instance, place) (smsq_disk_size_bytes{{{JOB}, {HOSTS}}})"
)

PAGE = Page(
    name="servers",
    title="smsq: Redis and workers",
    question="Are Redis, the scheduler, the workers and the exporters well, and is anything lost between them?",
    lanes=True,
    sections=[
        Section(
            "Now",
            [
                number(
                    "Leader",
                    "Whether a scheduler leads: without one no campaign goes on and no doubt is settled.",
                    Query(ledger("smsq_leader"), "leader"),
                    unit="short",
                    words={0: ("none", BAD), 1: ("leads", GOOD)},
                    runbook="Child ended",
                ),
                worker_processes(),
                number(
                    "Sick processes",
                    "Worker processes that are up and cannot send.",
                    Query(f"sum({ledger('smsq_sick_processes')})", "sick"),
                    unit="short",
                    levels=Levels(warning=1, bad=5),
                    runbook="A host cannot send",
                ),
                number(
                    "Hosts missing",
                    "Hosts that have not answered the roll call; while there are any, nothing is sent.",
                    Query(ledger("smsq_missing_hosts"), "missing"),
                    unit="short",
                    levels=Levels(bad=1),
                    runbook="Roll call waits",
                ),
                number(
                    "Persistence",
                    "Whether the last writes, rewrites and saves of each Redis went well.",
                    Query(f"min({ledger('smsq_redis_persistence_ok')})", "went well"),
                    unit="short",
                    words={0: ("FAILED", BAD), 1: ("well", GOOD)},
                    runbook="Redis may lose writes",
                ),
                number(
                    "Disk left",
                    "Free share of the disk with the home, on the host that has least.",
                    Query(f"min({DISK})", "free"),
                    unit="percentunit",
                    decimals=0,
                    levels=Levels(warning=0.2, bad=0.1, falling=True),
                    runbook="Journal cannot be written",
                ),
            ],
        ),
        Section(
            "Redis",
            [
                states(
                    "Servers",
                    "Whether the Redis of the ledger and that of the queues answer each host's exporter.",
                    Query(
                        f"min by (instance, server) (smsq_redis_up{{{JOB}, {HOSTS}}})", "{{server}} from {{instance}}"
                    ),
                    Query(f"min by (instance) (smsq_ledger_up{{{JOB}, {HOSTS}}})", "scripts of {{instance}}"),
                    words=UP,
                    runbook="Ledger unreachable",
                ),
                graph(
                    "Memory",
                    "Memory of each server, and the limit beyond which it refuses to write.",
                    Query(ledger("smsq_redis_memory_bytes"), "{{server}}"),
                    Query(f"{ledger('smsq_redis_memory_limit_bytes')} > 0", "limit of {{server}}"),
                    unit="bytes",
                    runbook="Redis full",
                ),
                graph(
                    "Memory used of the limit",
                    "Share of its memory limit that each server uses; servers without a limit are not shown.",
                    Query(MEMORY, "{{server}}"),
                    unit="percentunit",
                    most=1,
                    levels=Levels(warning=0.7, bad=0.85),
                    runbook="Redis full",
                ),
                graph(
                    "Append-only file",
                    "Size of the append-only file of each server; it shrinks with every rewrite.",
                    Query(ledger("smsq_redis_aof_bytes"), "{{server}}"),
                    unit="bytes",
                    runbook="Redis may lose writes",
                ),
                graph(
                    "Clients",
                    "Connections to each server.",
                    Query(ledger("smsq_redis_clients"), "{{server}}"),
                    unit="short",
                ),
                graph(
                    "Evicted keys",
                    "Keys that a server threw away for want of memory in each 5 minutes; must be 0.",
                    Query(ledger_increase("smsq_redis_evicted_keys_total", over="5m"), "{{server}}"),
                    unit="short",
                    levels=Levels(bad=1),
                    runbook="Redis may lose writes",
                ),
            ],
        ),
        Section(
            "Hosts and processes",
            [
                states(
                    "Leader and halts",
                    "Whether a scheduler leads, and what halts all sending.",
                    Query(f"1 - {ledger('smsq_leader')}", "no leader"),
                    Query(ledger("smsq_halted"), "halted: {{halt}}"),
                    words={0: ("no", GOOD), 1: ("yes", BAD)},
                    runbook="Login halted",
                ),
                graph(
                    "Processes",
                    "Worker processes that send heartbeats, and those of them that cannot send, by reason.",
                    Query(ledger("smsq_owners"), "all"),
                    Query(ledger("smsq_sick_processes"), "sick: {{ailment}}"),
                    unit="short",
                    runbook="A host cannot send",
                ),
                graph(
                    "Hosts",
                    "Hosts that the roll call waits for, and those that were stopped in order.",
                    Query(ledger("smsq_missing_hosts"), "missing"),
                    Query(ledger("smsq_signed_off_hosts"), "signed off"),
                    unit="short",
                    runbook="Roll call waits",
                ),
                graph(
                    "Runs of actors",
                    "Runs of each actor by how they ended, each second.",
                    Query(process_rate("smsq_actor_runs_total", by=("actor", "outcome")), "{{actor}}: {{outcome}}"),
                    unit="ops",
                    runbook="Child ended",
                ),
                graph(
                    "Time of actors",
                    "How long 95 of 100 runs of each actor took.",
                    Query(quantile(0.95, "smsq_actor_seconds", by=("actor",)), "p95 {{actor}}"),
                    unit="s",
                ),
                graph(
                    "Claims that expired",
                    "Claims whose worker died, hung or was slow, each second, by lane.",
                    Query(ledger_rate("smsq_leases_expired_total", LANES), "{{lane}}"),
                    unit="cps",
                    runbook="Claim expired",
                ),
            ],
        ),
        Section(
            "Queues",
            [
                graph(
                    "Hints waiting",
                    "Hints that wait in each queue; the work itself waits in the ledger.",
                    Query(ledger("smsq_queue_hints"), "{{queue}}"),
                    Query(threshold("hints_waiting"), ALERT),
                    unit="short",
                    runbook="Hints lost",
                ),
                states(
                    "Wake-ups",
                    "Whether consumers of each queue wait for wake-ups on every host, or poll instead.",
                    Query(process_value("smsq_bell_up", "min", by=("queue",)), "{{queue}}"),
                    words={0: ("polls", BAD), 1: ("wakes", GOOD)},
                    runbook="No bell",
                ),
                graph(
                    "Lost between processes",
                    "Lost hints and wake-ups, unreadable hints and claims without their files, in each 5 minutes.",
                    *(
                        Query(or_none(process_increase(name, over="5m")), legend)
                        for name, legend in (
                            ("smsq_hints_lost_total", "hints lost"),
                            ("smsq_rings_lost_total", "wake-ups lost"),
                            ("smsq_hints_put_aside_total", "unreadable hints"),
                            ("smsq_files_missing_total", "claims without files"),
                        )
                    ),
                    unit="short",
                    runbook="Hints lost",
                ),
            ],
        ),
        Section(
            "The exporter and pages to people",
            [
                rows(
                    "Versions",
                    "The version of smsq on each host; two of them during an upgrade only.",
                    Query(f"max by (instance, version) (smsq_build_info{{{JOB}, {HOSTS}}})"),
                    columns={"instance": "Host", "version": "Version"},
                    size=(8, 8),
                ),
                graph(
                    "Time of a scrape",
                    "How long each host's exporter took to read ledger and queues.",
                    Query(f"max by (instance) (smsq_scrape_seconds{{{JOB}, {HOSTS}}})", "{{instance}}"),
                    unit="s",
                    levels=Levels(warning=1, bad=10),
                ),
                graph(
                    "Pages by SMS",
                    "Alerts that were sent to the on-call list by SMS, or not and why, in each hour.",
                    Query(process_increase("smsq_pages_total", by=("outcome",), over="1h"), "{{outcome}}"),
                    unit="short",
                ),
            ],
        ),
    ],
)
