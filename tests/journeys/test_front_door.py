"""A library at the front door, and processes that die behind it: one message for each that was wanted."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

import pytest

from smsq.producers.machine.up import free_port
from tests.journeys.town import Town
from tests.producers.web.front_door.opened import KEY, Line

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOSTS = ("smsc.example", "www2.smsc.example", "www3.smsc.example", "www4.smsc.example", "www5.smsc.example")


def library_send(port: int, phone: int, text: str, given: int) -> str:
    """As all of the gateway's libraries send: any empty answer has them try the next host, five at most."""
    query = f"phones={phone}&mes={text}&id={given}&fmt=1&cost=0"
    for host in HOSTS:
        try:
            with Line(port) as line:
                return line.get("/sys/send.php", query, host=host).text
        except OSError:
            continue
    return ","


@pytest.mark.fault
def test_a_killed_front_door_and_a_library_that_tries_again(make_town: Callable[..., Town]) -> None:
    """The front door kill -9 between enrolment and answer: the library's retry is one message at the gateway."""
    port = free_port()
    town = make_town(redis="private", SMSQ_API_KEYS=f"shop:{KEY}", SMSQ_DOOR_ADDR=f"127.0.0.1:{port}")
    phones = town.phones(60)
    town.wait_for(lambda: _listens(port), "the front door", 30)
    answers = []
    for n, phone in enumerate(phones):
        if n % 20 == 10:
            with Line(port) as line:  # its answer is never read: the process dies with it
                line.ask("/sys/send.php", f"phones={phone}&mes=Killed&id={n + 1}&fmt=1&cost=0", host=HOSTS[0])
                town.wait_for(lambda phone=phone, n=n: _is_enrolled(town, n + 1, phone), "the enrolment", 10)
                killed = town.pids("door")
                os.kill(killed[0], signal.SIGKILL)
            town.wait_for(lambda killed=killed: _is_new(town, port, killed), "the front door again", 30)
            answers.append(library_send(port, phone, "Killed", n + 1))
        else:
            answers.append(library_send(port, phone, f"Hello{n}", n + 1))

    assert answers == [f"{n + 1},1" for n in range(60)]
    town.wait_for(lambda: not _left(town), "everything being sent", 60)
    count = town.count()
    assert (count["twice"], count["twice_by_id"]) == (0, 0)
    assert town.order("missing", [str(phone) for phone in phones])["count"] == 0


def _left(town: Town) -> int:
    """Messages that are still to be sent."""
    redis = town.ledger.redis
    return sum(int(redis.zcard(town.ledger.key(name))) for name in ("ready:urgent", "ready:bulk", "lease"))


def _is_enrolled(town: Town, given: int, phone: int) -> bool:
    return town.ledger.numbers_of("shop", [(str(given), str(phone))]) != [None]


def _is_new(town: Town, port: int, killed: list[int]) -> bool:
    return town.pids("door") not in ([], killed) and _listens(port)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
