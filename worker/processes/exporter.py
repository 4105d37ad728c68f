"""The metrics of this host on one HTTP address.

What processes counted is summed from their files; what the ledger and the queues know is read when
somebody asks, so that nothing is kept twice. A ledger that is away makes `smsq_ledger_up` 0 and
leaves the rest of the page standing.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import prometheus_client
import redis
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from smsq.worker.domain.errors import SmsqError
from smsq.worker.host.health import Sick
from smsq.worker.ledger.standing import HALTS
from smsq.worker.metrics import TABLE
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.http_server import Entrance, Server

if TYPE_CHECKING:
    from smsq.worker.settings import Settings

STOP_S = 10.0  # longer than the server gives requests that are under way
MOST = 100  # connections at once; those who scrape are few

_log = logging.getLogger(__name__)


class Depth(Protocol):
    """What the ledger knows at one moment; see `worker/ledger/views.py`."""

    @property
    def batches(self) -> Mapping[tuple[str, str], int]: ...
    @property
    def queue_oldest_seconds(self) -> Mapping[str, float]: ...
    @property
    def messages(self) -> Mapping[tuple[str, str, str], int]: ...
    @property
    def pending_statuses(self) -> int: ...
    @property
    def status_age_seconds(self) -> float: ...
    @property
    def visible_after_seconds(self) -> float | None: ...
    @property
    def balance(self) -> float | None: ...
    @property
    def costs(self) -> Mapping[str, float]: ...
    @property
    def code_steps(self) -> Mapping[tuple[str, str], int]: ...
    @property
    def double_accepts(self) -> int: ...
    @property
    def resends(self) -> Mapping[str, int]: ...
    @property
    def resend_doubles(self) -> int: ...
    @property
    def late_arrivals(self) -> int: ...
    @property
    def alarms(self) -> Mapping[str, int]: ...
    @property
    def leases_expired(self) -> Mapping[str, int]: ...
    @property
    def codes(self) -> Mapping[str, int]: ...
    @property
    def doubts(self) -> Mapping[str, int]: ...
    @property
    def doubt_seconds(self) -> Mapping[str, tuple[int, float]]: ...
    @property
    def leader(self) -> bool: ...
    @property
    def owners(self) -> int: ...
    @property
    def sick(self) -> Mapping[str, int]: ...
    @property
    def halts(self) -> Collection[str]: ...
    @property
    def missing_hosts(self) -> int: ...
    @property
    def gateway_ids_left(self) -> int: ...
    @property
    def slots(self) -> Mapping[str, int]: ...
    @property
    def shield(self) -> Mapping[str, int]: ...
    @property
    def shield_holds(self) -> int: ...
    @property
    def shield_country_holds(self) -> int: ...


class ScrapeCollector:
    """Reads ledger and queues at the moment of the scrape."""

    def __init__(self, depth: Callable[[], Depth], hints: Mapping[str, Callable[[], int]]) -> None:
        self._depth = depth
        self._hints = hints

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the ledger."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families of source `scrape`; those that are unknown now are left out."""
        try:
            depth = self._depth()
        except (SmsqError, redis.RedisError) as error:
            _log.warning("ledger not read why=%s", type(error).__name__)
            yield _family("smsq_ledger_up", {(): 0})
        else:
            yield from _of_ledger(depth)
            yield _family("smsq_ledger_up", {(): 1})
        with contextlib.suppress(redis.RedisError):
            yield _family("smsq_queue_hints", {(queue,): count() for queue, count in self._hints.items()})


class ProcessCollector:
    """Sums what the processes of this home counted."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def describe(self) -> Iterable[Metric]:
        """Nothing: the files decide."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All families found in the files; a folder that is removed meanwhile is left for the next time."""
        try:
            merged: Iterable[Metric] = MultiProcessCollector.merge(  # type: ignore[no-untyped-call]
                metrics_folder.counters(self._home)
            )
        except FileNotFoundError:
            return ()
        return merged


class Exporter:
    """An HTTP server at `address` (`host:port`, port 0 for a free one); `/healthz` answers without the ledger.

    One page is made at a time, in a thread of its own; who asks meanwhile waits. `beat` is called from the loop that
    takes connections, ten times a second.
    """

    def __init__(self, registry: CollectorRegistry, address: str, *, beat: Callable[[], None] = lambda: None) -> None:
        host, _, port = address.rpartition(":")
        self._page = prometheus_client.make_wsgi_app(registry)
        self._maker = ThreadPoolExecutor(1, "page")
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host.strip("[]"), int(port)), family=family)
        except (OSError, ValueError, OverflowError) as error:
            raise SmsqError(f"metrics cannot be served at {address} (SMSQ_METRICS_ADDR): {error}") from None
        self._server = Server(self._answer, entrance=Entrance(most=MOST), beat=beat)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="exporter", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_S)
        self._socket.close()
        self._maker.shutdown(wait=False)

    @property
    def url(self) -> str:
        """Where the page is."""
        name, port = self._socket.getsockname()[:2]
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/metrics"

    async def _answer(self, scope: Mapping[str, Any], _: Any, send: Any) -> None:
        """The ASGI application."""
        path = scope["path"]
        if path in {"/", "/metrics"}:
            loop = asyncio.get_running_loop()
            status, headers, body = await loop.run_in_executor(self._maker, self._made, scope)
        else:
            status, headers = (200 if path == "/healthz" else 404), [("Content-Type", "text/plain")]
            body = b"ok\n" if path == "/healthz" else b"the page is /metrics\n"
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": status, "headers": [*encoded, length]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _made(self, scope: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """The page as prometheus-client's own application for WSGI makes it: status, headers, body."""
        told: dict[str, Any] = {
            "REQUEST_METHOD": scope["method"],
            "PATH_INFO": scope["path"],
            "QUERY_STRING": scope["query_string"].decode("latin-1"),
        }
        for name, value in scope["headers"]:
            if name in (b"accept", b"accept-encoding"):
                told["HTTP_" + name.decode().upper().replace("-", "_")] = value.decode("latin-1")
        answered: list[Any] = []
        body = b"".join(self._page(told, lambda status, headers, *_: answered.extend((status, headers))))
        return int(answered[0].split()[0]), answered[1], body


def run(settings: Settings, beat: Callable[[], None]) -> int:
    """Serve until SIGTERM or SIGINT, calling `beat` meanwhile; raises SmsqError if the address cannot be had."""
    from smsq.worker.queues.broker import QUEUES
    from smsq.worker.runtime import Runtime

    runtime = Runtime.build(settings)
    hints = {queue: functools.partial(runtime.broker.depth, queue) for queue in QUEUES}
    registry = build_registry(settings.home, runtime.views.depth, hints)
    asked = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: asked.set())
    with Exporter(registry, settings.metrics_addr, beat=beat) as exporter:
        _log.info("metrics served url=%s", exporter.url)
        asked.wait()
    return 0


def build_registry(home: Path, depth: Callable[[], Depth], hints: Mapping[str, Callable[[], int]]) -> CollectorRegistry:
    """All that the page shows."""
    registry = CollectorRegistry()
    registry.register(ProcessCollector(home))
    registry.register(ScrapeCollector(depth, hints))
    return registry


def _of_ledger(depth: Depth) -> Iterator[Metric]:
    yield _family("smsq_messages_total", depth.messages)
    yield _family("smsq_batches", depth.batches)
    yield _family("smsq_queue_oldest_seconds", _single(depth.queue_oldest_seconds))
    yield _family("smsq_pending_statuses", {(): depth.pending_statuses})
    yield _family("smsq_status_age_seconds", {(): depth.status_age_seconds})
    yield _family("smsq_double_accepts_total", {(): depth.double_accepts})
    yield _family("smsq_resends_total", _single(depth.resends))
    yield _family("smsq_resend_doubles_total", {(): depth.resend_doubles})
    yield _family("smsq_late_arrivals_total", {(): depth.late_arrivals})
    yield _family("smsq_alarms_total", _single(depth.alarms))
    yield _family("smsq_leases_expired_total", _single(depth.leases_expired))
    yield _family("smsq_codes_total", _single(depth.codes))
    yield _family("smsq_doubts_total", _single(depth.doubts))
    yield _summary("smsq_doubt_settle_seconds", depth.doubt_seconds)
    yield _family("smsq_cost_total", _single(depth.costs))
    yield _family("smsq_code_steps_total", depth.code_steps)
    yield _family("smsq_leader", {(): depth.leader})
    yield _family("smsq_owners", {(): depth.owners})
    yield _family("smsq_halted", {(why,): why in depth.halts for why in HALTS})
    yield _family("smsq_sick_processes", {(why,): depth.sick.get(why, 0) for why in Sick})
    yield _family("smsq_missing_hosts", {(): depth.missing_hosts})
    yield _family("smsq_gateway_ids_left", {(): depth.gateway_ids_left})
    yield _family("smsq_slots", _single(depth.slots))
    yield _family("smsq_shield_total", _single(depth.shield))
    yield _family("smsq_shield_holds", {(): depth.shield_holds})
    yield _family("smsq_shield_country_holds", {(): depth.shield_country_holds})
    if depth.visible_after_seconds is not None:
        yield _family("smsq_visible_after_seconds", {(): depth.visible_after_seconds})
    if depth.balance is not None:
        yield _family("smsq_balance", {(): depth.balance})


def _single(values: Mapping[str, float]) -> dict[tuple[str], float]:
    """The same by tuples of one label."""
    return {(label,): value for label, value in values.items()}


def _family(name: str, values: Mapping[Any, float]) -> Metric:
    """One family by the table of metrics; keys of `values` are label values in its order."""
    row = TABLE[name]
    kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family = kind(name, row.help, labels=row.labels)
    for labels, value in values.items():
        family.add_metric([str(label) for label in labels], float(value))
    return family


def _summary(name: str, values: Mapping[str, tuple[int, float]]) -> Metric:
    """One family of counts and sums, by its one label."""
    family = SummaryMetricFamily(name, TABLE[name].help, labels=TABLE[name].labels)
    for label, (count, total) in values.items():
        family.add_metric([label], count, total)
    return family
