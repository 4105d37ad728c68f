"""Journeys on which the way to the gateway is at fault: cut, swallowed, garbled, flapping, gone for long."""

from __future__ import annotations

import gzip
import os
import random
import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests.journeys.proxy import OUR_ID, Heard
from tests.journeys.town import Town, forget_peak, memory

pytestmark = [pytest.mark.timeout(300)]


@pytest.mark.fault
@pytest.mark.parametrize(
    "where",
    [
        pytest.param("cut_before", marks=pytest.mark.slow),
        pytest.param("cut_half_request", marks=pytest.mark.slow),
        "cut_after",
        "half_reply",
    ],
)
def test_the_line_is_cut(town: Town, where: str) -> None:
    """Network cut before, inside and after a request, or inside its reply: asked about, sent again only if absent."""
    town.strike(where, left=3)
    journey = town.campaign(1000)
    journey.send(3)

    journey.verdict()
    assert town.struck() > 0


MOST_MORE = 32 << 20  # bytes that a worker may grow by over an answer twice as large; it reads 256 KiB of it


def bomb() -> bytes:
    packed = gzip.compress(bytes(2 * MOST_MORE))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n" % len(packed) + packed + b"\r\n0\r\n\r\n"


def large() -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * MOST_MORE) + b"x" * 2 * MOST_MORE


TWICE = b'{"id": %b, "id": %b, "cnt": 100000}' % (OUR_ID, OUR_ID)
GARBAGE: dict[str, bytes | Callable[[], bytes]] = {
    "html": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n<html>Sorry</html>    ",
    "oversized": large,
    "bomb": bomb,
    "endless-header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
    "other-charset": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00\xd8",
    "two-ids": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(TWICE) + TWICE,
    "negative-length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nOK",
    "no-http": b"220 smtp.example.org ESMTP\r\n",
}


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("what", GARBAGE)
def test_answers_are_garbage(town: Town, what: str) -> None:
    """Garbage, an id twice, oversized and compressed-bomb answers: read up to a limit, unknown, asked about."""
    found = GARBAGE[what]
    reply = found if isinstance(found, bytes) else found()
    town.campaign(300).verdict()  # so that the workers have grown to their size
    workers = town.pids("worker")
    before = {pid: forget_peak(pid) for pid in workers}
    town.order("callbacks", {"url": ""})  # they would end a doubt before it is one
    town.strike("replace", left=2, reply=reply)
    town.strike("replace", left=1, path="status", reply=reply)
    journey = town.campaign(600)
    journey.send(1)

    journey.verdict()
    if not town.struck("status"):  # a page of history told everything first; none is read for one message alone
        alone = town.begin()
        alone.send(1)
        alone.verdict()
    assert town.struck("send") > 0 < town.struck("status")
    assert journey.doubts() > 0  # nothing of it was believed
    assert town.pids("worker") == workers
    assert max(memory(pid, "VmHWM") - before[pid] for pid in workers) < MOST_MORE


def heal_first_mirror(town: Town) -> None:
    """Messages until the workers use the first mirror again, whatever an earlier journey did to it."""
    journey = town.begin()
    for _ in range(40):
        since = time.monotonic()
        journey.campaign(1, text="Well?")
        journey.verdict()
        if any("send" in heard.path and heard.at >= since for heard in town.mirrors[0].heard):
            return
    raise AssertionError("the first mirror is not used")


@pytest.mark.fault
@pytest.mark.slow
def test_a_mirror_accepts_and_never_answers(town: Town) -> None:
    """A mirror accepts and never answers: its breaker trips, other mirrors show what it took, nothing goes again."""
    heal_first_mirror(town)
    town.strike("hang", mirrors=[0], path="/")
    journey = town.campaign(2000)
    journey.send(5)

    journey.verdict(within_s=90)
    assert town.mirrors[0].struck > 0


@pytest.mark.fault
@pytest.mark.slow
def test_a_mirror_swallows_everything(town: Town) -> None:
    """A mirror swallows everything: the others carry on; what it may have taken waits until it answers again."""
    heal_first_mirror(town)
    town.strike("swallow", mirrors=[0], path="/")
    journey = town.campaign(4000, rate=800)
    journey.send(5)

    def rest_is_done() -> bool:
        found = journey.statuses()
        return sum(found.values()) == found["delivered"] + found["doubtful"] == 4005

    town.wait_for(rest_is_done, "the end of what the other mirrors took", 60)
    assert 0 < journey.statuses()["doubtful"] <= 2000
    time.sleep(8)  # past the window: its silence proves nothing
    assert rest_is_done()
    assert journey.statuses()["doubtful"] > 0
    town.mirrors[0].clear()
    journey.verdict(within_s=90)


@pytest.mark.fault
@pytest.mark.slow
def test_mirrors_flap(town: Town) -> None:
    """Mirrors come and go: what was not begun goes to the next mirror, the rest is asked about."""
    chance = random.Random(7)
    journey = town.campaign(6000, rate=1000)
    for _ in range(25):
        number, is_down = chance.randint(1, 3), chance.random() < 0.6
        town.order("mirrors", {"mirror": number, "down": is_down})
        town.mirrors[number - 1].refuse(is_down and chance.random() < 0.5)  # else it takes connections, and resets them
        time.sleep(chance.uniform(0.05, 0.4))
    assert sum(mirror.unreached for mirror in town.mirrors) > 0
    town.clear()

    journey.verdict(within_s=90)


@pytest.mark.fault
def test_a_batch_of_a_hundred_loses_its_answer(town: Town) -> None:
    """The answer to a batch of 100 is lost after acceptance: each message is found by asking, none goes again."""
    town.order("misfortunes", {"kind": "lose_answer", "next": 1})
    journey = town.campaign(100)

    count = journey.verdict()
    assert count["misfortunes"]["lose_answer"] >= 1


class Killer:
    """Kills whoever says a request that holds `words`, and lets nothing of it pass, so many times."""

    def __init__(self, town: Town, words: bytes, times: int, *, passes: bool) -> None:
        self._town, self._words, self._left, self._passes = town, words, times, passes
        self._lock = threading.Lock()
        self.deaths: list[int] = []
        for mirror in town.mirrors:
            mirror.on_request = self

    def __call__(self, heard: Heard) -> None:
        with self._lock:
            if "send" not in heard.path or self._words not in heard.body or self._left == 0:
                return
            pid = self._town.pid_behind(heard.client)
            if pid:
                os.kill(pid, signal.SIGKILL)
                self.deaths.append(pid)
                self._left -= 1
        if not self._passes:
            raise OSError("nothing of it is carried on")


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("passes", [False, True], ids=["lost", "accepted"])
def test_a_worker_dies_with_its_request_on_the_wire(town: Town, passes: bool) -> None:
    """Worker kill -9 with its request on the wire, lost or accepted: asked about, and sent again only if absent."""
    killer = Killer(town, b"list", 2, passes=passes)
    journey = town.campaign(1000)

    journey.verdict()
    assert len(killer.deaths) == 2


@pytest.mark.fault
@pytest.mark.slow
def test_a_request_is_accepted_after_its_client_is_gone(town: Town) -> None:
    """The gateway accepts a request late, after its worker was killed: found by asking, none goes again."""
    town.order("callbacks", {"url": ""})
    town.order("misfortunes", {"kind": "late", "next": 2, "seconds": 1.4})
    killer = Killer(town, b"list", 2, passes=True)
    journey = town.campaign(1000)

    count = journey.verdict()
    assert (len(killer.deaths), journey.doubts() >= 2) == (2, True)
    assert count["misfortunes"]["late"] > 0


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_message_that_kills_its_worker_each_time(town: Town) -> None:
    """An actor that kills its process each time: parked as poison after three deaths, its neighbours go on."""
    journey = town.begin()
    killer = Killer(town, str(town.next_phone).encode(), 99, passes=False)
    journey.campaign(2, text="poison")
    journey.campaign(500)

    journey.verdict(parked=2, within_s=200)
    assert len(killer.deaths) >= 3  # more where a worker on a busy machine had given its request up just before
    assert [batch.why for batch in town.views.undecided("parked")] == ["poison"]
    for batch in town.views.undecided("parked"):
        town.ledger.resolve(batch.ref, batch.fence, "drop")


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_long_outage(make_town: Callable[..., Town]) -> None:
    """An outage of an hour (of the sandbox's short ones, 54 s) with 100,000 waiting: then all leaves within limits."""
    town = make_town(SMSQ_BATCH_SIZE="500", think_ms=5)
    for mirror in town.mirrors:
        mirror.refuse()
    journey = town.campaign(100_000)
    time.sleep(54)
    assert journey.accepted() == 0
    town.clear()
    back = time.monotonic()
    town.wait_for(lambda: journey.accepted() > 0, "the first after the outage", 60)
    town.record("first message after an hour's outage", time.monotonic() - back)

    journey.verdict(within_s=150)
