"""The metrics that processes count: a method for each event.

prometheus-client keeps counters and durations of a process, and sums them over processes if
`PROMETHEUS_MULTIPROC_DIR` was set before this file was imported.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from smsq.worker.metrics.labels import GATEWAY_CODES
from smsq.worker.metrics.table import TABLE

M = TypeVar("M", Counter, Gauge, Histogram)


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
        self._pages = _counter("smsq_pages_total", registry)
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

    def page(self, outcome: str) -> None:
        """A page to the on-call list was `sent`, `grouped`, `limited`, `refused`, `failed` or `ignored`."""
        self._pages.labels(outcome).inc()

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


class _Family(Generic[M]):
    """A metric whose children are looked up quickly: the library's own look-up costs as much as counting."""

    def __init__(self, metric: M) -> None:
        self.labels: Callable[..., M] = functools.cache(metric.labels)


def _counter(name: str, registry: CollectorRegistry) -> _Family[Counter]:
    return _Family(Counter(name, TABLE[name].help, TABLE[name].labels, registry=registry))


def _gauge(
    name: str, registry: CollectorRegistry, *, across: Literal["mostrecent", "min"] = "mostrecent"
) -> _Family[Gauge]:
    """A gauge; `across` says which value stands for several processes."""
    return _Family(Gauge(name, TABLE[name].help, TABLE[name].labels, registry=registry, multiprocess_mode=across))


def _histogram(name: str, registry: CollectorRegistry) -> _Family[Histogram]:
    row = TABLE[name]
    return _Family(Histogram(name, row.help, row.labels, registry=registry, buckets=row.buckets))
