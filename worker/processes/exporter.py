"""The metrics of this host on one HTTP address.

The counters of processes are summed from their files. The values of ledger and queues are read at each scrape, so that
nothing is kept twice. If the ledger is away, `smsq_ledger_up` is 0 and the rest of the page stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import prometheus_client
from dramatiq.errors import ConnectionClosed
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

from smsq.worker.domain.errors import LedgerUnreachable, SmsqError
from smsq.worker.metrics import METRICS, TABLE
from smsq.worker.metrics import Metric as Row
from smsq.worker.processes import metrics_folder
from smsq.worker.processes.beats import Pulse
from smsq.worker.processes.counters import Reader
from smsq.worker.processes.disk import room
from smsq.worker.processes.http_server import ConnectionLimits, Server
from smsq.worker.redis_health import Load, NoAnswer, load

if TYPE_CHECKING:
    from smsq.worker.ledger.standing import Depth
    from smsq.worker.processes.readiness import Readiness
    from smsq.worker.settings import Settings

STOP_S = 10.0  # longer than the server waits for requests under way
SERVER_S = 2.0  # for what a Redis tells of itself
MOST = 100  # connections at once; few programs scrape

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one server of Redis."""

    families: list[Metric]
    is_up: bool
    load: Load | None = None  # None if it is not known


class ScrapeCollector:
    """Reads ledger, queues, servers and the disk of `home` at each scrape.

    `depth` raises SmsqError, `hints` ConnectionClosed, `servers` NoAnswer. Ledger and queues are read at the same time,
    and each is given up at its first silence: the page is there before a scraper gives up, also while neither answers.
    """

    def __init__(
        self,
        home: Path,
        depth: Callable[[], Depth],
        hints: Mapping[str, Callable[[], int]],
        servers: Mapping[str, Callable[[], Load | None]],
    ) -> None:
        self._home = home
        self._depth = depth
        self._hints = hints
        self._servers = servers
        self._beside = ThreadPoolExecutor(1, "queues")

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the ledger."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families of source `scrape`, without those that are unknown now."""
        began = time.perf_counter()
        queues = self._beside.submit(self._read_queues)
        found = {"ledger": self._read_ledger(), "broker": queues.result()}
        for reading in found.values():
            yield from reading.families
        yield from _of_servers({server: found[server] for server in self._servers})
        with contextlib.suppress(OSError):
            disk = room(self._home)
            yield _family("smsq_disk_free_bytes", {("home",): disk.free})
            yield _family("smsq_disk_size_bytes", {("home",): disk.total})
        yield _family("smsq_build_info", {(version("smsq"),): 1})
        yield _family("smsq_scrape_seconds", {(): time.perf_counter() - began})

    def _read_ledger(self) -> Reading:
        try:
            depth = self._depth()
        except SmsqError as error:
            _log.warning("ledger not read why=%s", type(error).__name__)
            families = [_family("smsq_ledger_up", {(): 0})]
            return Reading(families, False) if isinstance(error, LedgerUnreachable) else self._read("ledger", families)
        return self._read("ledger", [*_of_ledger(depth), _family("smsq_ledger_up", {(): 1})])

    def _read_queues(self) -> Reading:
        try:
            counts: dict[tuple[str, ...], float] = {(queue,): count() for queue, count in self._hints.items()}
        except ConnectionClosed:
            return Reading([], False)
        return self._read("broker", [_family("smsq_queue_hints", counts)])

    def _read(self, server: str, families: list[Metric]) -> Reading:
        """The load of a server beside what was read from it."""
        try:
            return Reading(families, True, self._servers[server]() if server in self._servers else None)
        except NoAnswer:
            return Reading(families, False)


class ProcessCollector:
    """Sums the counters of all processes of this home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._reader = Reader()

    def describe(self) -> Iterable[Metric]:
        """Nothing: the files have the families."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All families in the files."""
        with metrics_folder.counters(self._home) as paths:
            return self._reader.families(paths)


class Exporter:
    """An HTTP server at `address` (`host:port`, port 0 for a free one); `/healthz` answers without the ledger.

    `readiness` is what `/readyz` shows; without it there is no such page.

    One page is made at a time, in a thread of its own; other requests wait. `beat` is called ten times a second, from
    the loop that accepts connections.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        address: str,
        *,
        beat: Callable[[], None] = lambda: None,
        readiness: Readiness | None = None,
    ) -> None:
        self._readiness = readiness
        host, _, port = address.rpartition(":")
        self._page = prometheus_client.make_wsgi_app(registry)
        self._maker = ThreadPoolExecutor(1, "page")
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host.strip("[]"), int(port)), family=family)
        except (OSError, ValueError, OverflowError) as error:
            raise SmsqError(f"metrics cannot be served at {address} (SMSQ_METRICS_ADDR): {error}") from None
        self._server = Server(self._answer, limits=ConnectionLimits(most=MOST), beat=beat)
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
        """The URL of the page."""
        name, port = self._socket.getsockname()[:2]
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/metrics"

    async def _answer(self, scope: Mapping[str, Any], _: Any, send: Any) -> None:
        """The ASGI application."""
        path = scope["path"]
        if path in {"/", "/metrics"}:
            loop = asyncio.get_running_loop()
            status, headers, body = await loop.run_in_executor(self._maker, self._made, scope)
        elif path == "/readyz" and self._readiness is not None:
            report = await self._readiness.look_soon()
            status, headers = 200 if report.is_ready else 503, [("Content-Type", "application/json")]
            body = report.written()
        else:
            status, headers = (200 if path == "/healthz" else 404), [("Content-Type", "text/plain")]
            body = b"ok\n" if path == "/healthz" else b"the page is /metrics\n"
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": status, "headers": [*encoded, length]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _made(self, scope: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """The page, made by prometheus-client's WSGI application: status, headers, body."""
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


def run(settings: Settings, pulse: Pulse) -> int:
    """Serve until SIGTERM or SIGINT, with `pulse` beating; raises SmsqError if the address cannot be used."""
    from smsq.worker.domain.lane import QUEUES
    from smsq.worker.processes.readiness import Readiness
    from smsq.worker.queues.broker import RedisHintBroker
    from smsq.worker.runtime import Runtime

    runtime = Runtime.build(settings)
    hints = {queue: functools.partial(runtime.broker.depth, queue) for queue in QUEUES}
    urls = {"ledger": runtime.redis_url}
    if isinstance(runtime.broker, RedisHintBroker):
        urls["broker"] = runtime.broker_url
    servers = {name: functools.partial(load, url, timeout_s=SERVER_S) for name, url in urls.items()}
    registry = build_registry(settings.home, runtime.views.depth, hints, servers)
    asked = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: asked.set())
    readiness = Readiness(runtime.redis_url, runtime.broker_url, "exporter")
    with Exporter(registry, settings.metrics_addr, beat=pulse.beat, readiness=readiness) as exporter:
        _log.info("metrics served url=%s", exporter.url)
        pulse.manager.ready(f"metrics at {exporter.url}")
        asked.wait()
        pulse.manager.stopping()
    return 0


def build_registry(
    home: Path,
    depth: Callable[[], Depth],
    hints: Mapping[str, Callable[[], int]],
    servers: Mapping[str, Callable[[], Load | None]] | None = None,
) -> CollectorRegistry:
    """The registry of everything on the page; `servers` are those of Redis, by the values of the label `server`."""
    registry = CollectorRegistry()
    registry.register(ProcessCollector(home))
    registry.register(ScrapeCollector(home, depth, hints, servers or {}))
    return registry


def _of_ledger(depth: Depth) -> Iterator[Metric]:
    for row in METRICS:
        if row.kind == "summary":
            yield _summary(row, depth.shown[f"{row.name}_count"], depth.shown[f"{row.name}_sum"])
        elif row.name in depth.shown:
            yield _family(row.name, depth.shown[row.name])


def _of_servers(readings: Mapping[str, Reading]) -> Iterator[Metric]:
    """What servers say of themselves; of one that may not be asked, only that it is up."""
    if not readings:
        return
    yield _family("smsq_redis_up", {(name,): reading.is_up for name, reading in readings.items()})
    known = {(name,): reading.load for name, reading in readings.items() if reading.load is not None}
    values: dict[str, Mapping[tuple[str, ...], float]] = {
        "smsq_redis_memory_bytes": {name: found.memory for name, found in known.items()},
        "smsq_redis_memory_limit_bytes": {name: found.memory_limit for name, found in known.items()},
        "smsq_redis_aof_bytes": {name: found.aof for name, found in known.items() if found.aof is not None},
        "smsq_redis_persistence_ok": {name: found.is_kept for name, found in known.items()},
        "smsq_redis_evicted_keys_total": {name: found.evicted for name, found in known.items()},
        "smsq_redis_clients": {name: found.clients for name, found in known.items()},
    }
    for metric, of_server in values.items():
        yield _family(metric, of_server)


def _family(name: str, values: Mapping[tuple[str, ...], float]) -> Metric:
    """One family; the keys of `values` are label values in the order of the table of metrics."""
    row = TABLE[name]
    kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family = kind(name, row.help, labels=row.labels)
    for labels, value in values.items():
        family.add_metric(labels, float(value))
    return family


def _summary(row: Row, counts: Mapping[tuple[str, ...], float], sums: Mapping[tuple[str, ...], float]) -> Metric:
    """One family of counts and sums."""
    family = SummaryMetricFamily(row.name, row.help, labels=row.labels)
    for labels, count in counts.items():
        family.add_metric(labels, int(count), sums[labels])
    return family
