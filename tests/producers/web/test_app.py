"""The receiver as a whole: its pages, and callers who mean it no good."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from smsq.worker.gateway.http.callbacks import write
from smsq.worker.runtime import Runtime
from tests.conftest import Plant
from tests.producers.web.test_callback import SECRET, Receiver, receive, secret_plant, status  # noqa: F401

Receive = Callable[[Runtime], Receiver]


def test_every_address_that_is_printed_leads_somewhere(plant: Plant, receive: Receive) -> None:  # noqa: F811
    """`smsq up` prints the root: it names what there is, and each of those answers."""
    receiver = receive(plant.runtime)
    answered, page = receiver.ask("GET", "/")
    named = [line.split()[0] for line in page.decode().splitlines()[1:]]

    assert (answered, named) == (200, ["/callback", "/alerts", "/healthz", "/readyz"])
    assert [receiver.ask("GET", path)[0] for path in named[1:]] == [405, 200, 200]


def test_a_caller_who_hangs_up_in_the_middle_is_one_quiet_line(
    secret_plant: Plant,  # noqa: F811
    receive: Receive,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No traceback, and the next call is served."""
    caplog.set_level(logging.INFO)
    receiver = receive(secret_plant.runtime)
    for _ in range(20):
        line = socket.create_connection(("127.0.0.1", receiver.port), 10)
        line.sendall(b"POST /callback HTTP/1.1\r\nHost: here\r\nContent-Length: 500\r\n\r\nid=1&")
        line.close()
    answered = receiver.call(write(status(1, 79990000001), SECRET))
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    assert answered == 200
    assert all(len(line) < 120 and "hung up" in line for line in lines), lines
    assert len(lines) <= 1


def test_a_flood_of_unsigned_calls_is_a_line_or_two(
    secret_plant: Plant,  # noqa: F811
    receive: Receive,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each is refused; the log says that they come and how many."""
    caplog.set_level(logging.INFO)
    receiver = receive(secret_plant.runtime)
    forged = write(status(1, 79990000001), "another secret")
    answers = {receiver.call(forged) for _ in range(300)}

    assert answers == {403}
    assert len([record for record in caplog.records if "signature" in record.getMessage()]) <= 2


def test_many_questions_whether_it_is_ready_are_one_to_redis(
    secret_plant: Plant,  # noqa: F811
    receive: Receive,  # noqa: F811
) -> None:
    """While Redis is frozen they wait together: no thread that stores callbacks waits for them."""
    receiver = receive(secret_plant.runtime)
    client = secret_plant.ledger.redis
    before = int(client.info("commandstats").get("cmdstat_ping", {"calls": 0})["calls"])
    client.execute_command("CLIENT", "PAUSE", "500", "ALL")
    with ThreadPoolExecutor(30) as pool:
        answers = [answer for answer, _ in pool.map(lambda _: receiver.ask("GET", "/readyz"), range(30))]
    asked = int(client.info("commandstats")["cmdstat_ping"]["calls"]) - before

    assert (answers, asked < 10) == ([200] * 30, True), asked
