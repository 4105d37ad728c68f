"""Two hosts on one ledger, of which one cannot send: what is to leave leaves through the other.

No scheduler runs here, so a hint that a sick host keeps or loses is never given again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smsq.worker.clock import Clock
from smsq.worker.domain.sick import Sick
from smsq.worker.domain.status import BatchState
from smsq.worker.host.health import FIRST_PAUSE_S, FROZEN_S, Checkup, Health, Told
from smsq.worker.host.journal import Journal
from smsq.worker.ledger.runs import Beat
from smsq.worker.queues.bell import bell_key
from smsq.worker.queues.broker import make_broker
from smsq.worker.queues.workers import give_back, make_worker
from smsq.worker.sealing import Sealer
from smsq.worker.transports.http import HttpTransport
from smsq.worker.transports.mirrors import Mirrors
from tests.conftest import QUICK, Plant

KEY = "a secret of thirty-two characters"
CODES = 20


def await_true(claim: Callable[[], object], seconds: float = 40) -> None:
    """Look until `claim` holds; so many seconds are a failure."""
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.02)


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class WorkerHost:
    """The urgent lane of a host with a home of its own."""

    home: Path
    process: subprocess.Popen[bytes]

    def claims(self) -> int:
        """How many sends it has written down."""
        lines = [line for path in self.home.glob("journal/*.log") for line in path.read_text().splitlines()]
        return sum(line.startswith("C ") for line in lines)


@pytest.fixture
def start_host(plant: Plant, tmp_path: Path) -> Iterator[Callable[..., WorkerHost]]:
    """Start a host by its name on the plant's ledger and gateway, with settings of its own."""
    hosts: list[WorkerHost] = []
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSQ_")}

    def start(name: str, **settings: str) -> WorkerHost:
        before = set(plant.runtime.views.owners(60))
        environ = {
            **clean,
            **QUICK,
            "SMSQ_HOME": str(tmp_path / name),
            "SMSQ_REDIS_URL": plant.runtime.redis_url,
            "SMSQ_MIRRORS": ",".join(plant.sandbox.mirrors),
            "SMSQ_SECRET_KEY": KEY,
            "SMSQ_ACCEPT_LOSS": "1",
            **settings,
        }
        argv = [sys.executable, "-m", "smsq", "worker", "--lane", "urgent", "--threads", "4"]
        with open(tmp_path / f"{name}.log", "wb") as log:
            process = subprocess.Popen(argv, env=environ, stdout=log, stderr=log)
        hosts.append(WorkerHost(tmp_path / name, process))
        await_true(lambda: set(plant.runtime.views.owners(60)) - before)
        return hosts[-1]

    yield start
    for host in hosts:
        with contextlib.suppress(ProcessLookupError):
            host.process.send_signal(signal.SIGCONT)
        host.process.kill()
        host.process.wait()


@pytest.fixture
def plant(make_plant: Callable[..., Plant]) -> Plant:
    """A plant whose codes other hosts can open."""
    return make_plant(SMSQ_SECRET_KEY=KEY)


def give(plant: Plant, number: int, first: int = 79990000000) -> None:
    """Enrol codes, and tell the workers."""
    refs = [plant.enrol(first + n, "Your code is 4821", lane="urgent") for n in range(number)]
    assert plant.runtime.hints.batches("urgent", refs)


def accepted(plant: Plant) -> int:
    return int(plant.sandbox.report()["accepted"])


def whys(plant: Plant) -> set[str]:
    return {each.why for each in plant.runtime.views.sick()}


def test_a_host_that_reaches_no_mirror_takes_no_codes(plant: Plant, start_host: Callable[..., WorkerHost]) -> None:
    """Every code leaves through the host that can send; nobody says that the workers are cut off."""
    sick = start_host("sick", SMSQ_MIRRORS=f"http://127.0.0.1:{closed_port()},http://127.0.0.1:{closed_port()}")
    well = start_host("well")
    give(plant, CODES)

    await_true(lambda: accepted(plant) == CODES)
    assert (sick.claims(), well.claims()) == (0, CODES)
    await_true(lambda: len(plant.runtime.views.sick()) == 1)
    assert whys(plant) == {"gateway"}
    assert not plant.runtime.views.brakes().is_cut_off


def test_a_host_with_an_old_password_takes_no_codes(plant: Plant, start_host: Callable[..., WorkerHost]) -> None:
    """The one code by which it found out goes to the other host, and nothing is said to be halted."""
    sick = start_host("sick", SMSQ_PASSWORD="old")
    give(plant, 1)
    await_true(lambda: "login" in whys(plant))
    well = start_host("well")
    give(plant, CODES, 79991000000)

    await_true(lambda: accepted(plant) == CODES + 1)
    assert (sick.claims(), well.claims()) == (1, CODES + 1)
    assert plant.sandbox.report()["errors"] == {"send:2": 1}
    await_true(lambda: plant.runtime.views.halted() == "")


def test_a_host_that_was_frozen_takes_codes_again(plant: Plant, start_host: Callable[..., WorkerHost]) -> None:
    """It notices, lets others go first for a moment, and is well again by itself."""
    host = start_host("host")
    await_true(lambda: not whys(plant))
    owner = plant.runtime.views.owners(60)
    host.process.send_signal(signal.SIGSTOP)
    await_true(lambda: not set(owner) & set(plant.runtime.views.owners(FROZEN_S + 2)))
    host.process.send_signal(signal.SIGCONT)
    await_true(lambda: "frozen" in whys(plant))
    give(plant, 3)

    await_true(lambda: accepted(plant) == 3)
    await_true(lambda: not whys(plant))


@pytest.mark.parametrize("why", ["gateway", "login", "journal", "key"])
def test_what_this_process_cannot_send_goes_back_to_the_queue(plant: Plant, why: str) -> None:
    """At once, claimed or not, with all that came in the same hint; another process may be able to."""
    refs = [plant.enrol(79990000000 + n, "Your code is 4821", lane="urgent") for n in range(3)]
    runtime = plant.runtime
    if why == "gateway":
        for mirror in (1, 2):
            plant.sandbox.mirror(mirror, down=True)
    elif why == "login":
        runtime.login = runtime.login.__class__("demo", "old")
    elif why == "journal":
        plant.send(plant.enrol(79990000009, lane="urgent"))
        os.dup2(full := os.open("/dev/full", os.O_WRONLY), runtime.journal._out or 0)
        os.close(full)
    else:
        plant.ledger.sealer = Sealer(["x" * 32])
    sender = plant.sender
    sender._lane = "urgent"

    sender.send_batches([str(ref) for ref in refs])

    assert runtime.health.ails("urgent") == why
    assert runtime.hints.waiting("urgent") == 1
    assert {plant.state(ref) for ref in refs} == {BatchState.READY}


def test_hints_that_were_fetched_go_back_and_no_more_are_taken(plant: Plant) -> None:
    """Those that no thread has begun, too; the same worker takes them again once it may."""
    broker, begun, go_on = plant.runtime.broker, list[Any](), False
    import dramatiq

    def run(refs: list[str]) -> None:
        begun.append(refs)
        while not go_on:
            time.sleep(0.01)

    dramatiq.actor(actor_name="send_batches", queue_name="urgent", broker=broker)(run)
    may_take = True
    broker.may_take = lambda: may_take
    worker = make_worker(broker, "urgent", 1)
    worker.start()
    try:
        give(plant, 4)
        await_true(lambda: begun and worker.work_queue.qsize() == 1)
        may_take = False
        assert give_back(worker) == 1
        assert (len(begun), plant.runtime.hints.waiting("urgent")) == (1, 3)
        go_on = True
        await_true(lambda: not broker.held["urgent"])
        assert (len(begun), plant.runtime.hints.waiting("urgent")) == (1, 3)
        may_take = True
        await_true(lambda: len(begun) == 4)
    finally:
        go_on = True
        worker.stop(timeout=5000)


def test_chores_only_let_others_go_first(plant: Plant) -> None:
    """If no host is well, somebody must still say so to a person who asks for the balance."""
    import dramatiq

    broker, done, looks = plant.runtime.broker, list[Any](), list[None]()
    dramatiq.actor(actor_name="do_job", queue_name="chores", broker=broker)(done.append)
    broker.may_take = lambda: looks.append(None) is not None
    worker = make_worker(broker, "chores", 1)
    worker.start()
    try:
        plant.runtime.hints.job("abc")
        await_true(lambda: done)
        seen = len(looks)
        broker.client.rpush(bell_key(broker.namespace, "chores"), "")
        await_true(lambda: len(looks) >= seen + 4)
        assert broker.client.llen(bell_key(broker.namespace, "chores")) == 1  # the ring is for those who are well
    finally:
        worker.stop(timeout=5000)


def test_a_well_host_does_the_chores(plant: Plant) -> None:
    """One with an old password answers nobody's question for a price while another could."""
    import dramatiq

    done = {"ill": list[Any](), "well": list[Any]()}
    workers = []
    for name, seen in done.items():
        broker = make_broker(plant.runtime.broker_url)
        dramatiq.actor(actor_name="do_job", queue_name="chores", broker=broker)(seen.append)
        broker.may_take = lambda name=name: name == "well"
        workers.append(make_worker(broker, "chores", 2))
        workers[-1].start()
    try:
        for n in range(12):
            plant.runtime.hints.job(f"job{n}")
            await_true(lambda n=n: len(done["ill"]) + len(done["well"]) == n + 1)
        assert done["ill"] == []
    finally:
        for worker in workers:
            worker.stop(timeout=5000)


class Hand(Clock):
    """A clock that is moved by hand."""

    at = 1000.0

    def monotonic(self) -> float:
        return self.at


@dataclass
class Patient:
    """One process' health and who looks after it."""

    health: Health
    checkup: Checkup
    clock: Hand
    mirrors: Mirrors
    journal: Journal


@pytest.fixture
def patient(plant: Plant) -> Iterator[Patient]:
    """A process with one mirror that can be reached."""
    clock = Hand()
    mirrors = Mirrors(plant.sandbox.mirrors[:1], clock)
    health, journal = Health(mirrors), plant.runtime.journal
    transport = HttpTransport(1.0, clock=clock)
    checkup = Checkup(health, mirrors, transport, journal, clock)
    yield Patient(health, checkup, clock, mirrors, journal)
    transport.close()


def test_nothing_is_taken_before_a_mirror_was_reached(plant: Plant, patient: Patient) -> None:
    """At the start nobody knows; then it is tried at intervals that grow."""
    plant.sandbox.mirror(1, down=True)
    patient.checkup.look()
    assert patient.health.ails("bulk") == Sick.GATEWAY
    plant.sandbox.mirror(1, down=False)
    patient.checkup.look()
    assert patient.health.ails("bulk") == Sick.GATEWAY  # it backs off
    patient.clock.at += 1
    patient.checkup.look()
    assert patient.health.ails("bulk") is None


def test_a_mirror_that_is_left_alone_keeps_the_queue_for_others(patient: Patient) -> None:
    """Its answers cannot be read: nothing could be sent before its next probe."""
    patient.checkup.look()
    for _ in range(2):
        patient.mirrors.unknown(patient.mirrors.bases[0])
    assert patient.health.ails("urgent") == Sick.GATEWAY
    patient.clock.at += 6
    assert patient.health.ails("urgent") is None


def test_who_is_frozen_again_and_again_pauses_for_longer(patient: Patient) -> None:
    """Awake for a second it would take codes, and be frozen over them."""
    patient.checkup.look()
    patient.checkup.slept(0.25, 1.0)
    assert patient.health.ails("urgent") is None
    for pause_s in (FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S):
        patient.checkup.slept(0.25, 12.0)
        patient.clock.at += pause_s - 0.1
        patient.checkup.look()
        assert patient.health.ails("urgent") == Sick.FROZEN
        patient.clock.at += 0.2
        patient.checkup.look()
        assert patient.health.ails("urgent") is None


@pytest.mark.parametrize(
    ("changed", "why", "lane", "other"),
    [
        ({"at": -8000.0}, Sick.CLOCK, "status", "chores"),
        ({"at": 8000.0}, Sick.CLOCK, "bulk", "chores"),
        ({"bad_login": "ours"}, Sick.LOGIN, "bulk", None),
        ({"bad_login": "ours"}, Sick.LOGIN, "chores", None),
        ({"bad_login": "theirs"}, None, "bulk", "chores"),
        ({"secret": "ffff"}, Sick.KEY, "urgent", "bulk"),
        ({"run": "newer", "current": "newer"}, Sick.RUN, "bulk", "status"),
        ({"run": "newer"}, None, "bulk", "chores"),  # not in force yet: the roll call is for the master
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_beat_tells_a_process_how_it_is(
    patient: Patient, changed: dict[str, Any], why: Sick | None, lane: str, other: str | None
) -> None:
    """The ledger's time, the log-in it has heard refused, the key that seals, the run in force."""
    patient.checkup.look()
    run = patient.journal.follows()
    well = Beat(run, run, "", time.time(), "", "abcd")
    told = Told(patient.health, patient.journal, "ours", ["abcd"], Clock())
    shifted = {**changed, **({"at": well.at + changed["at"]} if "at" in changed else {})}

    told.heard(well._replace(**shifted), 0.0)
    assert patient.health.ails(lane) == why
    assert other is None or patient.health.ails(other) is None
    assert patient.health.may_claim(lane) == (why in (None, Sick.LOGIN))
    told.heard(well, 0.0)
    assert patient.health.ails(lane) is None
