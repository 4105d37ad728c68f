"""One worker process of one lane: it beats, watches itself, runs the actors, and stops in order.

dramatiq's Worker runs in this process; the process that started it (the supervisor, systemd) is the master.
"""

from __future__ import annotations

import functools
import gc
import logging
import os
import secrets
import signal
import socket
import threading
from dataclasses import dataclass

import dramatiq
from dramatiq.errors import ConnectionClosed

from smsq.worker.actors import declare
from smsq.worker.domain.errors import LedgerTrouble, LedgerUnreachable
from smsq.worker.domain.lane import LANES, SENDING
from smsq.worker.host.health import Checkup, Told
from smsq.worker.host.master import Master
from smsq.worker.processes.alive import Alive
from smsq.worker.processes.niceness import give_way
from smsq.worker.processes.service_manager import ServiceManager
from smsq.worker.processes.watchdog import Watchdog
from smsq.worker.questions.money import probe_mirror
from smsq.worker.queues.rings import Rings
from smsq.worker.queues.workers import give_back, make_worker
from smsq.worker.runtime import Runtime
from smsq.worker.settings import Settings
from smsq.worker.transports.warmer import Warmer

log = logging.getLogger(__name__)

BEAT_S = 1.0
LAST_BEAT_S = 2.0
FIRST_BEAT_S = 5.0  # how long a worker waits for its first beat before it works without
PROBE_LOOK_S = 0.25


def owner_name(lane: str) -> str:
    """The name of this process in the ledger: lane, host, pid and a random word."""
    return f"{lane}/{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(3)}"


def run_worker(
    settings: Settings, lane: str, threads: int, *, has_master: bool = True, manager: ServiceManager | None = None
) -> None:
    """Run one worker process of `lane` until it is told to stop.

    With `has_master` False it answers the roll call itself. `manager` is the service manager that started it. Raises
    LedgerForeign and LedgerWeak at the start.
    """
    row, manager = LANES[lane], manager or ServiceManager(None)
    is_nice = give_way(row.nice)
    runtime = Runtime.build(settings)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: runtime.stopping.set())
    _ = runtime.login, runtime.credentials  # a missing log-in is an error at once
    for mirror in settings.clear_mirrors:
        log.warning("mirror without https mirror=%s why=%s", mirror, "password, phones and texts travel in the clear")
    for host in settings.clear_smpp:
        log.warning("SMPP without TLS host=%s why=%s", host, "password, phones and texts travel in the clear")
    if settings.is_mail_clear:
        log.warning(
            "mail server without certain encryption why=%s", "password, phones and texts may travel in the clear"
        )
    master = Master(runtime.ledger, runtime.journal, files=runtime.files)
    _begin(runtime, master, manager)
    if row.carries_otp:
        runtime.sealer.warm()
    owner = owner_name(lane)
    declare(runtime, lane, owner)
    workers = workers_of(runtime, lane, threads)
    runtime.broker.may_take = lambda: runtime.health.ails(lane) is None
    wire = (runtime.send_mirrors, runtime.transport) if lane in SENDING else (runtime.mirrors, runtime.http)
    checkup = Checkup(runtime.health, *wire, runtime.journal, runtime.clock)
    rings = _rings(runtime, lane, workers[0])
    beater = _Beater(runtime, owner, lane, None if has_master else master, manager, rings)
    beats = threading.Thread(target=beater.run, name="beats", daemon=True)
    gc.collect()
    gc.freeze()  # objects of the start are not collected again: that would delay a code by 15 ms
    beats.start()
    beater.first.wait(FIRST_BEAT_S)  # so that no claim belongs to an owner without a beat
    if row.carries_otp:
        Warmer(runtime.transport, runtime.send_mirrors, settings.warm_s, runtime.clock).start(runtime.stopping)
    _listen_for_receipts(runtime, lane)
    checkup.look()
    threading.Thread(target=checkup.run, args=(runtime.stopping,), name="checkup", daemon=True).start()
    for worker in workers:
        worker.start()
    if rings is not None:
        rings.start()
    watchdogs = [Watchdog(runtime.broker, worker) for worker in workers]
    for watchdog in watchdogs:
        watchdog.start()
    log.info("worker started lane=%s threads=%d", lane, threads)
    while not runtime.stopping.wait(PROBE_LOOK_S):
        is_nice = is_nice or give_way(row.nice)
        if beater.first.is_set():
            manager.ready(f"working for the {lane} lane")
        _probe(runtime)
        if runtime.health.ails(lane) is not None and not row.queues[0].yields_s:
            for worker in workers:
                _leave_to_others(worker)
    manager.stopping()
    for watchdog in watchdogs:
        watchdog.stop()
    if rings is not None:
        rings.stop()
    patience_s = settings.read_timeout_s + 5
    stops = [threading.Thread(target=worker.stop, args=(int(patience_s * 1000),)) for worker in workers]
    if rings is not None:
        stops.append(threading.Thread(target=rings.join, args=(patience_s,)))
    for stop in stops:
        stop.start()
    for stop in stops:
        while stop.is_alive():
            stop.join(BEAT_S)
            manager.alive()
    wire[1].close()
    beater.ended.set()
    beats.join(LAST_BEAT_S)
    if not has_master and not beats.is_alive():
        master.sign_off()
    log.info("worker stopped lane=%s", lane)


def _listen_for_receipts(runtime: Runtime, lane: str) -> None:
    """If messages leave by a wire that brings receipts, take them."""
    if lane in SENDING and runtime.settings.transport == "smpp":
        from smsq.worker.processes.receipts import Receipts  # its libraries are of that wire
        from smsq.worker.transports.smpp import SmppTransport

        assert isinstance(runtime.transport, SmppTransport)
        Receipts(runtime).start(runtime.transport)


def workers_of(runtime: Runtime, lane: str, threads: int) -> list[dramatiq.Worker]:
    """The workers for the hints of a lane; a queue may have threads of its own."""
    return [make_worker(runtime.broker, queue.name, queue.threads or threads) for queue in LANES[lane].queues]


def _rings(runtime: Runtime, lane: str, worker: dramatiq.Worker) -> Rings | None:
    """What wakes the threads of the urgent lane at once; None for another lane."""
    if not LANES[lane].hears_the_ledger:
        return None
    on_change = functools.partial(runtime.metrics.bell_up, f"{lane}.ledger")
    return Rings(runtime.broker, worker, lane, runtime.ledger, on_change=on_change)


def _begin(runtime: Runtime, master: Master, manager: ServiceManager) -> None:
    """Check the ledger; wait for a Redis that is not up yet."""
    while True:
        manager.alive()
        try:
            runtime.check_ledger()
            master.establish(runtime.settings.account)
            return
        except LedgerTrouble as error:
            if not isinstance(error, LedgerUnreachable) or runtime.stopping.is_set():
                raise
            log.warning("waiting for the ledger why=%s", error.sentence)
            manager.status("waiting for the ledger")
            runtime.clock.wait(1.0, runtime.stopping)


@dataclass
class _Beater:
    """Beats once a second, with what is wrong with the process, and acts on the ledger's answer.

    The service manager hears each turn, with or without an answer: an outage of Redis restarts no process.
    """

    runtime: Runtime
    owner: str
    lane: str
    master: Master | None
    manager: ServiceManager
    rings: Rings | None = None

    def __post_init__(self) -> None:
        self.first = threading.Event()
        self.ended = threading.Event()
        runtime = self.runtime
        key_names = runtime.sealer.names if LANES[self.lane].carries_otp else ()
        self._told = Told(runtime.health, runtime.journal, runtime.credentials, key_names, runtime.clock)
        self._alive = Alive(runtime.settings.home, f"worker-{self.lane}")

    def run(self) -> None:
        """Beat until the last request has ended: while a process stops, its claims are still being sent."""
        while not self.ended.is_set():
            self._alive.beat()
            self.manager.alive()
            try:
                self._beat()
            except LedgerTrouble as error:
                log.warning("beat not heard why=%s", error.sentence)
            except OSError as error:  # of the journal's disk
                log.error("roll call not answered why=%s", error.strerror)
            self.runtime.clock.wait(BEAT_S, self.ended)

    def _beat(self) -> None:
        runtime, began = self.runtime, self.runtime.clock.monotonic()
        heard_for_s = self.rings.heard_for_s if self.rings is not None else 0.0
        beat = runtime.ledger.beat(self.owner, runtime.health.ails(self.lane) or "", hears_for_s=heard_for_s)
        took_s = runtime.clock.monotonic() - began
        if self.master is not None:
            self.master.tick()
        self._told.heard(beat, took_s)
        self.first.set()


def _leave_to_others(worker: dramatiq.Worker) -> None:
    """Give back hints that were fetched and not begun, for a healthy process."""
    try:
        if hints := give_back(worker):
            log.warning("hints given back hints=%d", hints)
    except ConnectionClosed as error:  # the hints come back when this process' heartbeat times out
        log.warning("hints not given back why=%s", error)


def _probe(runtime: Runtime) -> None:
    """Ask a mirror that is not up for the balance: any well-formed answer closes its breaker."""
    mirror = runtime.mirrors.next_to_probe()
    if mirror is None:
        return
    try:
        probe_mirror(runtime, mirror)
    except LedgerTrouble as error:
        log.warning("ledger in trouble while probing why=%s", error.sentence)
