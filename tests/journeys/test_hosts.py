"""Journeys of two homes on one ledger: one stops, Redis begins a new life, the other sends on, the first returns."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from smsq.worker.host.journal import Journal
from tests.journeys.town import OURS, START_S, Journey, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

SENT_S = 10.0  # on a busy machine; about one second on an idle one
SECRET_KEY = "a secret key that both homes have"


@dataclass
class Second:
    """Another home on the town's ledger, with workers for what is urgent."""

    town: Town
    home: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until claims may be made."""
        environ = {**self.town.environ, "SMSQ_HOME": str(self.home)}
        argv = [*OURS, "worker", "--lane", "urgent", "--processes", "2"]
        with open(self.town.folder / "second.log", "ab") as log:
            self.process = subprocess.Popen(
                argv, cwd=self.town.folder, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        self.town.wait_for(
            lambda: self.journal.newest_run() == self.town.ledger.beat().run, "the second home being in", START_S
        )

    def stop(self, signum: signal.Signals = signal.SIGINT) -> None:
        """In order, if not told otherwise."""
        assert self.process is not None
        self.process.send_signal(signum)
        self.process.wait(60)

    @property
    def journal(self) -> Journal:
        """What it has written down."""
        return Journal(self.home)


@pytest.fixture
def two(make_town: Callable[..., Town]) -> Iterator[tuple[Town, Second]]:
    """A town with another home, both in force."""
    town = make_town(SMSQ_SECRET_KEY=SECRET_KEY)
    second = Second(town, town.folder / "second")
    second.start()
    yield town, second
    if second.process is not None and second.process.poll() is None:
        second.stop()


def said(town: Town, log: str) -> str:
    """What a person reads at a terminal."""
    return (town.folder / log).read_text()


def sent_soon(town: Town, journey: Journey, number: int = 1) -> None:
    """So many messages go out within seconds."""
    before = journey.accepted()
    journey.send(number)
    town.wait_for(lambda: journey.accepted() == before + number, "a message being accepted", SENT_S)


@pytest.mark.fault
def test_a_host_that_signed_off_is_not_waited_for(two: tuple[Town, Second]) -> None:
    """One of two hosts stops in order, then Redis is restarted: messages leave within seconds; it returns and works."""
    town, _ = two
    assert town.server is not None
    assert town.up is not None
    journey = town.begin()
    sent_soon(town, journey, 5)
    town.up.send_signal(signal.SIGINT)
    assert town.up.wait(60) == 0
    town.wait_for(lambda: "signed off at" in said(town, "second.log"), "the sign-off being noted", SENT_S)
    town.server.stop()
    town.server.start()
    town.wait_for(town.in_force, "claims being granted again", SENT_S)
    sent_soon(town, journey)
    assert "nothing waits for host" in said(town, "second.log")

    known = Journal(town.home).sent_ids()
    town.start()
    town.wait_for(lambda: town.ledger.away() == {}, "its sign-off being over", SENT_S)
    town.wait_for(lambda: journey.send() and Journal(town.home).sent_ids() > known, "it sending again", 4 * SENT_S)
    journey.verdict()


@pytest.mark.fault
def test_an_old_copy_excuses_nobody_who_came_back(two: tuple[Town, Second]) -> None:
    """A copy from while a host was signed off, which returned, sent and died: it is waited for, nothing goes twice."""
    town, second = two
    assert town.server is not None
    journey = town.begin()
    sent_soon(town, journey, 5)
    second.stop()
    town.wait_for(lambda: "signed off at" in said(town, "up.log"), "the sign-off being noted", SENT_S)
    old, right = town.folder / "old", town.folder / "right"
    town.server.copy_to(old)
    known = second.journal.sent_ids()
    second.start()
    town.wait_for(lambda: journey.send() and second.journal.sent_ids() > known, "the second home sending", 4 * SENT_S)
    town.wait_for(journey.is_over, "all of it being final", 60.0)
    second.stop(signal.SIGKILL)
    town.server.stop()
    town.server.copy_to(right)
    town.server.restore(old)
    taken = journey.accepted()
    town.server.start()

    town.wait_for(lambda: town.views.halted() == "hosts", "the roll call's finding", 20.0)
    assert not town.in_force()
    assert town.ledger.away() != {}  # the copy has the sign-off
    town.server.stop()
    town.server.restore(right)
    town.server.start()
    second.start()
    town.wait_for(town.in_force, "claims being granted again", 20.0)
    assert journey.accepted() == taken
    journey.verdict()


@pytest.mark.fault
def test_a_host_that_hurried_is_waited_for(two: tuple[Town, Second]) -> None:
    """A host told twice to stop leaves what it was sending, then Redis is restarted: nothing leaves without it."""
    town, second = two
    assert town.server is not None
    journey = town.begin()
    town.strike("hang")
    known = second.journal.sent_ids()
    town.wait_for(lambda: journey.send() and second.journal.sent_ids() > known, "the second home sending", 4 * SENT_S)
    assert second.process is not None
    second.process.send_signal(signal.SIGINT)
    town.wait_for(lambda: "stopping: requests under way" in said(town, "second.log"), "it stopping", SENT_S)
    second.stop()
    assert town.ledger.away() == {}
    town.server.stop()
    town.server.start()
    town.wait_for(lambda: town.views.halted() == "hosts", "the roll call's finding", 20.0)
    town.clear()

    second.start()
    town.wait_for(town.in_force, "claims being granted again", 20.0)
    journey.verdict(within_s=150)
