"""Journeys on which the way to the gateway is at fault: cut, swallowed, garbled, flapping, gone for long."""

from __future__ import annotations

import gzip
import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.journeys.town import Town

pytestmark = [pytest.mark.timeout(150)]


@pytest.mark.parametrize("where", ["cut_before", "cut_half_request", "cut_after", "half_reply"])
def test_the_line_is_cut(town: Town, where: str) -> None:
    """Network cut before, inside and after a request, or inside its reply: asked about, sent again only if absent."""
    town.strike(where, left=3)
    journey = town.campaign(1000)
    journey.send(3)

    journey.verdict()
    assert sum(mirror.struck for mirror in town.mirrors) > 0


GARBAGE = {
    "html": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n<html>Sorry</html>    ",
    "oversized": b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n" + b"x" * 10_485_760,
    "bomb": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n" % len(gzip.compress(bytes(50_000_000)))
    + gzip.compress(bytes(50_000_000))
    + b"\r\n0\r\n\r\n",
    "endless-header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
    "other-charset": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00\xd8",
    "two-ids": b'HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n{"id": 1, "id": 1, "cnt": 100000}',
    "negative-length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nOK",
    "no-http": b"220 smtp.example.org ESMTP\r\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", GARBAGE)
def test_answers_are_garbage(town: Town, what: str) -> None:
    """Garbage, oversized and compressed-bomb answers: read up to a limit, unknown, asked about."""
    town.strike("replace", left=1, reply=GARBAGE[what])
    town.strike("replace", left=1, path="status", reply=GARBAGE[what])
    journey = town.campaign(600)
    journey.send(1)

    journey.verdict()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["swallow", "hang"])
def test_a_mirror_swallows_everything(town: Town, how: str) -> None:
    """A mirror takes every request and never answers, accepted or not: its breaker trips, the others carry on."""
    town.strike(how, mirrors=[0], path="/")
    journey = town.campaign(2000)
    journey.send(5)

    journey.verdict(within_s=90)
    assert len(list(town.heard("send", 0.0))) > 0


@pytest.mark.slow
def test_mirrors_flap(town: Town) -> None:
    """Mirrors come and go: what was not begun goes to the next mirror, the rest is asked about."""
    chance = random.Random(7)
    journey = town.campaign(6000)
    for _ in range(25):
        town.order("mirrors", {"mirror": chance.randint(1, 3), "down": chance.random() < 0.6})
        time.sleep(chance.uniform(0.05, 0.4))
    town.clear()

    journey.verdict(within_s=90)


def test_a_batch_of_a_hundred_loses_its_answer(town: Town) -> None:
    """The answer to a batch of 100 is lost after acceptance: each message is found by asking, none goes again."""
    town.order("misfortunes", {"kind": "lose_answer", "next": 1})
    journey = town.campaign(100)

    count = journey.verdict()
    assert count["misfortunes"]["lose_answer"] >= 1


@pytest.mark.slow
def test_a_request_is_stopped_in_by_the_death_of_its_worker(town: Town) -> None:
    """Worker kill -9 with its request on the wire, before or after acceptance: asked about, then sent once."""
    for kind in ("cut_before", "cut_after"):
        killed: list[int] = []

        def kill(heard: object, killed: list[int] = killed) -> None:
            if "send" in heard.path and len(killed) < 2:  # type: ignore[attr-defined]
                killed.append(town.pid_behind(heard.client))  # type: ignore[attr-defined]
                os.kill(killed[-1], signal.SIGKILL)

        for mirror in town.mirrors:
            mirror.on_request = kill
        town.strike(kind, left=2, mirrors=[0])
        journey = town.campaign(1000)

        journey.verdict()
        assert len(killed) == 2
        town.clear()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_message_that_kills_its_worker_each_time(town: Town) -> None:
    """An actor that kills its process each time: parked as poison after three deaths, its neighbours go on."""
    journey = town.begin()
    poison = str(town.next_phone).encode()
    deaths: list[int] = []

    def kill(heard: object) -> None:
        if "send" in heard.path and poison in heard.body:  # type: ignore[attr-defined]
            deaths.append(town.pid_behind(heard.client))  # type: ignore[attr-defined]
            os.kill(deaths[-1], signal.SIGKILL)
            raise OSError("nothing of it is carried on")

    for mirror in town.mirrors:
        mirror.on_request = kill
    journey.campaign(1, text="poison")
    journey.campaign(500)

    journey.verdict(parked=1, within_s=200)
    assert len(deaths) == 3
    for batch in town.views.parked():
        town.ledger.resolve(batch.ref, batch.fence, "drop")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_long_outage(make_town: Callable[..., Town]) -> None:
    """An outage of an hour (of the sandbox's short ones, 54 s) with 100,000 waiting: then all leaves within limits."""
    town = make_town(SMSQ_BATCH_SIZE="500", think_ms=5)
    for number in (1, 2, 3):
        town.order("mirrors", {"mirror": number, "down": True})
    journey = town.campaign(100_000)
    time.sleep(54)
    assert journey.accepted() == 0
    town.clear()
    back = time.monotonic()
    town.wait_for(lambda: journey.accepted() > 0, "the first after the outage", 60)
    town.record("first message after an hour's outage", time.monotonic() - back)

    journey.verdict(within_s=150)
