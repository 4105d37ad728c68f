"""The table of all metrics: name, kind, labels, buckets and help.

Base units only, the unit in the name. Labels come from closed sets: never a phone, a text, an id or
a campaign. `docs/metrics.md` is written from this file (`python -m smsq.worker.metrics > docs/metrics.md`).

prometheus-client keeps counters and durations of a process, and sums them over processes if
`PROMETHEUS_MULTIPROC_DIR` was set before this file was imported. The exporter reads the values of ledger and queues at
each scrape.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TextIO

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from smsq.worker.domain.lane import LANES, QUEUES, SENDING
from smsq.worker.domain.money import UNITS
from smsq.worker.domain.shield import CODES
from smsq.worker.domain.sick import Sick
from smsq.worker.domain.status import BatchState

Kind = Literal["counter", "gauge", "histogram", "summary"]
Source = Literal["process", "scrape"]

REQUEST_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)  # up to the read timeout
WAIT_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 3600)
FATE_BUCKETS: Final = (1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)  # a handset may be off for a day

STATES: Final = {str(state.value): state.name.lower() for state in BatchState}  # by the ledger's numbers
GATEWAY_CODES: Final = range(1, 10)  # those of the gateway's tables; it may invent any number

LABELS: Final[dict[str, str]] = {
    "lane": ", ".join(f"`{name}`" for name in LANES),
    "queue": ", ".join(f"`{name}`" for name in QUEUES),
    "channel": "a row of `gateway/channels.py`, or `simulated` for messages to simulated numbers",
    "network": "an operator's country and network code, such as `25001`, of the first 50 seen; `other` for the rest",
    "status": "a name that reports show (`domain/status.py`)",
    "state": "the state of a batch: " + ", ".join(f"`{name}`" for name in STATES.values()),
    "command": "`send`, `status`, `balance`, `price`, `history`, `answers`",
    "page": "a page of the front door: `send`, `status`, `balance`, `jobs`, `history`, `info`, `other`",
    "mirror": "a host of `SMSQ_MIRRORS`, with its port if that is not the usual one",
    "by": "who chose: `operator`, or `sender` (`on_doubt` resend)",
    "outcome": "how it ended, in one word",
    "code": "an error code of the gateway's table, or `other`",
    "actor": "an actor's name",
    "why": "why a channel was tried for a code (`domain/cascade.py`), or why it was not: `cost`, `shield`",
    "halt": "`fell` (the ledger fell back), `hosts` (some are missing from the roll call), `ids`, `login`, `money`",
    "ailment": ", ".join(f"`{why}`" for why in Sick) + ": see `worker/domain/sick.py`",
    "decision": ", ".join(f"`{code}`" for code in CODES),
    "country": "a country's two letters, or `001` for networks of none",
    "rule": "`block` or `monitor` (`smsq countries`)",
    "alarm": "`unknown-batch`, `foreign-id` and the like; see the runbook",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The field of the ledger's hash `totals` that counts a metric: this name and the labels, joined with colons."""

    name: str
    per: int = 1  # units of the ledger in one unit of the metric
    how_many: str = ""  # for a summary: the name of the total that counts the summands
    words: Mapping[str, str] = field(default_factory=dict)  # the ledger's word for a label, if another
    shown: tuple[tuple[str, ...], ...] = ()  # labels that are exported before anything was counted


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    source: Source = "process"
    buckets: tuple[float, ...] = ()
    total: Total | None = None  # for source `scrape`: the ledger's counter, if it has one


def _counted(name: str, help_: str, labels: tuple[str, ...], total: str, **how: Any) -> Metric:
    """A row that the ledger counts."""
    kind: Kind = "counter" if name.endswith("_total") else "gauge"
    return Metric(name, kind, help_, labels, "scrape", total=Total(name=total, **how))


METRICS: Final[tuple[Metric, ...]] = (
    _counted("smsq_messages_total", "Messages that reached this status.", ("lane", "channel", "status"), "messages"),
    _counted(
        "smsq_messages_by_network_total",
        "Messages that reached this final status, by the operator's code, if the gateway told it with that status.",
        ("channel", "network", "status"),
        "networks",
    ),
    _counted(
        "smsq_batches",
        "Batches by state.",
        ("lane", "state"),
        "batches",
        words=STATES,
        shown=tuple(itertools.product(SENDING, STATES.values())),
    ),
    Metric(
        "smsq_slots",
        "gauge",
        "Requests that may still be running. More of these than of sending batches: some have lost their worker.",
        ("lane",),
        "scrape",
    ),
    Metric(
        "smsq_queue_oldest_seconds", "gauge", "Age of the oldest batch that is ready to be sent.", ("lane",), "scrape"
    ),
    Metric("smsq_queue_hints", "gauge", "Hints that wait in the queue.", ("queue",), "scrape"),
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
    Metric(
        "smsq_gateway_requests_total",
        "counter",
        "Requests to the gateway by outcome.",
        ("command", "mirror", "outcome"),
    ),
    Metric(
        "smsq_gateway_request_seconds",
        "histogram",
        "How long the gateway took to answer.",
        ("command", "mirror"),
        buckets=REQUEST_BUCKETS,
    ),
    Metric(
        "smsq_mirror_up",
        "gauge",
        "1 if the mirror worked when a process last tried it, 0 if no connection opened or answers are missing.",
        ("mirror",),
    ),
    Metric("smsq_gateway_errors_total", "counter", "Error codes in the gateway's answers.", ("command", "code")),
    _counted("smsq_codes_total", "One-time codes sent and sent again, and tries by verdict.", ("outcome",), "codes"),
    _counted("smsq_doubts_total", "Batches that stopped being doubtful, by how.", ("outcome",), "doubts_ended"),
    Metric(
        "smsq_doubt_settle_seconds",
        "summary",
        "Time from the beginning of a doubt to its end, by how it ended.",
        ("outcome",),
        "scrape",
        total=Total(name="doubt_ms", per=1000, how_many="doubts_ended"),
    ),
    _counted(
        "smsq_country_messages_total",
        "Messages that met a rule for their country, by ISO letters and rule (`block`, `monitor`).",
        ("country", "rule"),
        "countries",
    ),
    _counted("smsq_double_accepts_total", "Messages that the gateway accepted twice. Must be 0.", (), "doubles"),
    _counted(
        "smsq_resends_total",
        "Messages sent again by choice while the first copy could still arrive.",
        ("by",),
        "resends",
        shown=(("operator",), ("sender",)),
    ),
    _counted(
        "smsq_resend_doubles_total", "Messages accepted twice after such a choice. Not an alarm.", (), "resend_doubles"
    ),
    _counted(
        "smsq_late_arrivals_total",
        "Messages that arrived after smsq had concluded that they did not.",
        (),
        "late_arrivals",
    ),
    _counted("smsq_alarms_total", "Events that must never happen, by kind.", ("alarm",), "alarm"),
    _counted("smsq_pending_statuses", "Accepted messages without a final status.", (), "pending"),
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
    Metric("smsq_balance", "gauge", "The account's balance when last asked, in its own currency.", (), "scrape"),
    _counted("smsq_cost_total", "Money spent, in the account's currency.", ("channel",), "cost", per=UNITS),
    _counted(
        "smsq_code_steps_total",
        "Messages of one-time codes by channel and why it was tried, or why not.",
        ("channel", "why"),
        "code_steps",
    ),
    Metric("smsq_leader", "gauge", "1 while a scheduler leads.", (), "scrape"),
    Metric("smsq_owners", "gauge", "Worker processes that send heartbeats.", (), "scrape"),
    Metric("smsq_halted", "gauge", "1 while sending is halted and somebody must act, by reason.", ("halt",), "scrape"),
    Metric(
        "smsq_missing_hosts",
        "gauge",
        "Hosts that have not answered the roll call. While above 0, nothing is sent.",
        (),
        "scrape",
    ),
    Metric("smsq_signed_off_hosts", "gauge", "Hosts that were stopped in order and signed off.", (), "scrape"),
    Metric(
        "smsq_sick_processes",
        "gauge",
        "Worker processes that cannot send and leave their work to others, by reason.",
        ("ailment",),
        "scrape",
    ),
    Metric("smsq_gateway_ids_left", "gauge", "Gateway ids that are left. At 0, sending halts.", (), "scrape"),
    _counted("smsq_shield_total", "Codes by the shield's decision.", ("decision",), "shield"),
    Metric("smsq_shield_holds", "gauge", "Prefixes and countries that are on hold now.", (), "scrape"),
    Metric("smsq_shield_country_holds", "gauge", "Whole countries that are on hold now. An alarm.", (), "scrape"),
    Metric("smsq_ledger_up", "gauge", "1 if the ledger answered this scrape.", (), "scrape"),
    _counted(
        "smsq_leases_expired_total",
        "Claims that expired because their worker died, hung or was slow.",
        ("lane",),
        "expired",
        shown=tuple((lane,) for lane in SENDING),
    ),
    Metric(
        "smsq_hints_lost_total",
        "counter",
        "Hints that the broker did not take. The sweeper sends them later.",
        ("queue",),
    ),
    Metric("smsq_rings_lost_total", "counter", "Hints whose wake-up failed. They wait for the next poll.", ("queue",)),
    Metric(
        "smsq_bell_up",
        "gauge",
        "0 while a consumer polls since it cannot wait for wake-ups; of `urgent.ledger`, while codes need hints.",
        ("queue",),
    ),
    Metric(
        "smsq_callback_events_total",
        "counter",
        "Items of the gateway's callbacks: taken, or left out because they were unsigned, foreign or unreadable.",
        ("outcome",),
    ),
    Metric(
        "smsq_door_requests_total",
        "counter",
        "Requests at the front door: taken, refused with a code of the gateway, put off, or failed.",
        ("page", "outcome"),
    ),
    Metric(
        "smsq_door_request_seconds",
        "histogram",
        "How long the front door took to answer.",
        ("page",),
        buckets=REQUEST_BUCKETS,
    ),
    Metric(
        "smsq_hints_put_aside_total",
        "counter",
        "Messages in the queue that could not be read and were put aside.",
        ("queue",),
    ),
    Metric(
        "smsq_files_missing_total",
        "counter",
        "Claims given back since their files were not on that host.",
        ("lane",),
    ),
    Metric("smsq_actor_runs_total", "counter", "Actor runs by how they ended.", ("actor", "outcome")),
    Metric("smsq_actor_seconds", "histogram", "How long an actor ran.", ("actor",), buckets=REQUEST_BUCKETS),
)
TABLE: Final[dict[str, Metric]] = {metric.name: metric for metric in METRICS}


class Metrics:
    """The metrics counted inside a process; one method for each event, times in seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._enrol_to_accept = _histogram("smsq_enrol_to_accept_seconds", registry)
        self._accept_to_final = _histogram("smsq_accept_to_final_seconds", registry)
        self._requests = _counter("smsq_gateway_requests_total", registry)
        self._request_seconds = _histogram("smsq_gateway_request_seconds", registry)
        self._mirror_up = _gauge("smsq_mirror_up", registry)
        self._errors = _counter("smsq_gateway_errors_total", registry)
        self._hints_lost = _counter("smsq_hints_lost_total", registry)
        self._rings_lost = _counter("smsq_rings_lost_total", registry)
        self._bell_up = _gauge("smsq_bell_up", registry, across="min")
        self._callbacks = _counter("smsq_callback_events_total", registry)
        self._door_requests = _counter("smsq_door_requests_total", registry)
        self._door_seconds = _histogram("smsq_door_request_seconds", registry)
        self._put_aside = _counter("smsq_hints_put_aside_total", registry)
        self._files_missing = _counter("smsq_files_missing_total", registry)
        self._actor_runs = _counter("smsq_actor_runs_total", registry)
        self._actor_seconds = _histogram("smsq_actor_seconds", registry)

    @staticmethod
    @functools.cache
    def of_process() -> Metrics:
        """The only instance of this process."""
        return Metrics(prometheus_client.REGISTRY)

    def accepted(self, lane: str, after_s: float) -> None:
        """A batch was accepted, so long after its enrolment."""
        self._enrol_to_accept.labels(lane).observe(after_s)

    def final(self, lane: str, channel: str, after_s: float, count: int = 1) -> None:
        """Messages of one batch reached their final status, so long after they were sent."""
        child = self._accept_to_final.labels(lane, channel)
        for _ in range(count):
            child.observe(after_s)

    def request(self, command: str, mirror: str, outcome: str, took_s: float) -> None:
        """A request to the gateway ended."""
        self._requests.labels(command, host_of(mirror), outcome).inc()
        self._request_seconds.labels(command, host_of(mirror)).observe(took_s)

    def mirror_up(self, mirror: str, is_up: bool) -> None:
        """A mirror was tried; nothing shows before."""
        self._mirror_up.labels(host_of(mirror)).set(is_up)

    def gateway_error(self, command: str, code: int | None) -> None:
        """The gateway answered an error code; None stands for one that could not be read."""
        self._errors.labels(command, str(code) if code in GATEWAY_CODES else "other").inc()

    def hint_lost(self, queue: str) -> None:
        """The broker did not take a hint."""
        self._hints_lost.labels(queue).inc()

    def ring_lost(self, queue: str) -> None:
        """A hint was taken and its bell did not ring."""
        self._rings_lost.labels(queue).inc()

    def bell_up(self, queue: str, is_up: bool) -> None:
        """A consumer hears the bell of its queue, or polls instead."""
        self._bell_up.labels(queue).set(is_up)

    def put_aside(self, queue: str) -> None:
        """A message in the queue could not be read."""
        self._put_aside.labels(queue).inc()

    def callback(self, outcome: str, count: int) -> None:
        """Items of a call of the gateway were `taken`, or left out: `unsigned`, `foreign`, `unreadable`."""
        self._callbacks.labels(outcome).inc(count)

    def door_request(self, page: str, outcome: str, took_s: float) -> None:
        """The front door answered: `taken`, `refused`, `busy` (put off) or `failed`."""
        self._door_requests.labels(page, outcome).inc()
        self._door_seconds.labels(page).observe(took_s)

    def files_missing(self, lane: str) -> None:
        """The files of a claim were not on this host."""
        self._files_missing.labels(lane).inc()

    def actor_ran(self, actor: str, outcome: str, took_s: float) -> None:
        """An actor returned (`done`), raised (`failed`) or was not run (`skipped`)."""
        self._actor_runs.labels(actor, outcome).inc()
        self._actor_seconds.labels(actor).observe(took_s)


@functools.cache
def host_of(mirror: str) -> str:
    """A mirror's host, with its port if that is not its scheme's own.

    >>> host_of("https://www2.smsc.ru"), host_of("http://127.0.0.1:9101")
    ('www2.smsc.ru', '127.0.0.1:9101')
    """
    scheme, _, rest = mirror.rpartition("://")
    return rest.partition("/")[0].removesuffix({"http": ":80", "https": ":443"}.get(scheme, ""))


def _counter(name: str, registry: CollectorRegistry) -> Counter:
    return Counter(name, TABLE[name].help, TABLE[name].labels, registry=registry)


def _gauge(name: str, registry: CollectorRegistry, *, across: Literal["mostrecent", "min"] = "mostrecent") -> Gauge:
    """A gauge; `across` says which value stands for several processes."""
    return Gauge(name, TABLE[name].help, TABLE[name].labels, registry=registry, multiprocess_mode=across)


def _histogram(name: str, registry: CollectorRegistry) -> Histogram:
    row = TABLE[name]
    return Histogram(name, row.help, row.labels, registry=registry, buckets=row.buckets)


def write_page(out: TextIO) -> None:
    """Write `docs/metrics.md`."""
    out.write(
        "# Metrics\n\nWritten from `worker/metrics.py` by `python -m smsq.worker.metrics > docs/metrics.md`.\n\n"
        "`smsq exporter` (part of `smsq up`) serves them at `http://SMSQ_METRICS_ADDR/metrics`, `127.0.0.1:9191` by\n"
        "default. Times are in seconds, money is in the account's currency. Metrics marked *ledger* are read from the\n"
        "ledger or the queues during the scrape; the others are counted by the processes and summed.\n\n"
        "| name | kind | labels | from | tells |\n|---|---|---|---|---|\n"
    )
    for metric in METRICS:
        labels, origin = ", ".join(metric.labels), "ledger" if metric.source == "scrape" else "processes"
        out.write(f"| `{metric.name}` | {metric.kind} | {labels} | {origin} | {metric.help} |\n")
    out.write("\n## Labels\n\nEach comes from a closed set; none is ever a phone, a text, an id or a campaign.\n")
    out.write("\n| label | values |\n|---|---|\n")
    out.writelines(f"| {label} | {values} |\n" for label, values in LABELS.items())


if __name__ == "__main__":
    write_page(sys.stdout)
