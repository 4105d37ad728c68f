"""A line is ready before a code wants it, and the gateway is left alone where none does."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from smsq.worker.transports.http import HttpTransport
from smsq.worker.transports.mirrors import Mirrors
from smsq.worker.transports.warmer import Warmer
from tests.worker.transports.conftest import ScriptedServer, Serve
from tests.worker.transports.test_mirrors import HandClock


@pytest.fixture
def clock() -> HandClock:
    """A clock that the test moves."""
    return HandClock()


@pytest.fixture
def cool(clock: HandClock) -> Iterator[HttpTransport]:
    """A transport without lines."""
    made = HttpTransport(2.0, keep_idle_s=5.0, clock=clock)
    yield made
    made.close()


def silent(serve: Serve) -> str:
    """A mirror that accepts connections and says nothing."""
    server = serve(lambda line: server.over.wait(10))
    return str(server.mirror)


def test_a_code_finds_its_line_ready(serve: Serve, cool: HttpTransport, clock: HandClock) -> None:
    """One is opened, not one each time; it is renewed before it is too old to be used."""
    server = serve(lambda line: server.over.wait(10))
    warmer = Warmer(cool, Mirrors([server.mirror], clock), 60.0, clock)
    for _ in range(3):
        assert warmer.tick() == server.mirror
    first = cool.open(server.mirror)
    first.done(True)
    await_accepted(server, 1)
    clock.at += 4.0
    warmer.tick()
    await_accepted(server, 2)

    assert cool.open(server.mirror) is not first
    clock.at += 1.5
    assert cool.open(server.mirror) is not first
    await_accepted(server, 3)


def test_the_gateway_is_left_alone_when_no_code_came_for_long(
    serve: Serve, cool: HttpTransport, clock: HandClock
) -> None:
    """Nothing is opened then; the next code begins it anew."""
    server = serve(lambda line: server.over.wait(10))
    warmer = Warmer(cool, Mirrors([server.mirror], clock), 60.0, clock)
    clock.at += 60.0
    assert warmer.tick() is None
    assert server.accepted == 0

    cool.open(server.mirror).done(False)
    clock.at += 59.0
    assert warmer.tick() == server.mirror


def test_a_mirror_that_cannot_be_reached_is_tried_here_and_not_by_codes(
    serve: Serve, cool: HttpTransport, clock: HandClock
) -> None:
    """The second is kept ready meanwhile; the first is found again at its breaker's pace."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    gone, other = f"http://127.0.0.1:{port}", silent(serve)
    mirrors = Mirrors([gone, other], clock)
    mirrors.are_tried_elsewhere = True
    warmer = Warmer(cool, mirrors, 3600.0, clock)
    assert warmer.tick() == other
    clock.at += 1000.0

    assert mirrors.next() == other
    assert mirrors.next({other}) == gone
    with socket.create_server(("127.0.0.1", port)):
        assert warmer.tick() == gone
    assert mirrors.next() == gone


def test_a_tripped_mirror_is_not_warmed(serve: Serve, cool: HttpTransport, clock: HandClock) -> None:
    """Its answers cannot be believed: that it connects heals nothing."""
    first, second = silent(serve), silent(serve)
    mirrors = Mirrors([first, second], clock)
    for _ in range(2):
        mirrors.unknown(first)

    assert Warmer(cool, mirrors, 60.0, clock).tick() == second
    mirrors.reached(first)
    assert mirrors.tripped() == (first,)


def await_accepted(server: ScriptedServer, count: int) -> None:
    """So many connections have come, and no more."""
    until = time.monotonic() + 10
    while server.accepted < count:
        assert time.monotonic() < until
        time.sleep(0.005)
    assert server.accepted == count
