"""What became of a send over HTTP, in words of no dialect, on real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput, Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.http.server.send import Accepted, write_accepted
from smsq.worker.gateway.http.server.shapes import write_error
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import Outcome, SendAnswer
from smsq.worker.transports.http import HttpTransport
from tests.worker.transports.http.test_line import served

PHONES = [79991234567, 79991234568]
ONE = Outgoing(gateway_id=33, recipients=PHONES[:1], text="Hi", options=Options())
TWO = Outgoing(gateway_id=33, recipients=PHONES, text=None, texts=["Hi", "Ho"], options=Options())
HTML = b"<html>502</html>"

Serve = Callable[..., Any]


@pytest.fixture
def sending() -> Any:
    """A transport that has somebody to send for."""
    made = HttpTransport(2.0, login=Login("me", "hush"))
    yield made
    made.close()


def accepted(gateway_id: int, parts: int, cost: Decimal | None = None, balance: Decimal | None = None) -> bytes:
    return write_accepted(Accepted(id=gateway_id, parts=parts, cost=cost, balance=balance))


def whole(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


# What the gateway says, to whom, what that is: outcome, code, whether it spoke itself, and whether its line is kept.
ANSWERED = [
    ("accepted", accepted(33, 1, Decimal("3.8"), Decimal(9)), ONE, Outcome.ACCEPTED, None, True),
    ("accepted, a text each", accepted(33, 2, Decimal("7.6"), Decimal(9)), TWO, Outcome.ACCEPTED, None, True),
    ("in part", accepted(33, 1), TWO, Outcome.ACCEPTED_IN_PART, None, True),
    ("parameters", write_error(1), ONE, Outcome.REFUSED, 1, True),
    ("log-in", write_error(2), ONE, Outcome.BAD_LOGIN, 2, True),
    ("no money", write_error(3, gateway_id=33), ONE, Outcome.NO_MONEY, 3, True),
    ("blocked", write_error(4), ONE, Outcome.LATER, 4, True),
    ("bad number, one", write_error(7, gateway_id=33), ONE, Outcome.REFUSED, 7, True),
    ("bad number, two", write_error(7, gateway_id=33), TWO, Outcome.REFUSED_WHO, 7, True),
    ("too many at once", write_error(9, "too many concurrent requests"), ONE, Outcome.LATER, 9, True),
    ("duplicate", write_error(9), ONE, Outcome.UNKNOWN, 9, True),
    ("a code in no table", write_error(99), ONE, Outcome.UNKNOWN, 99, True),
    ("another id", accepted(34, 1), ONE, Outcome.UNKNOWN, None, False),
    ("HTML", HTML, ONE, Outcome.UNKNOWN, None, False),
    ("nothing", b"", ONE, Outcome.UNKNOWN, None, False),
]


@pytest.mark.parametrize(
    ("body", "outgoing", "outcome", "code", "spoke"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED]
)
def test_what_a_whole_answer_says(
    serve: Serve, sending: Any, body: bytes, outgoing: Outgoing, outcome: Outcome, code: int | None, spoke: bool
) -> None:
    """Each answer is one outcome; a whole one is over, whatever it proves."""
    line = sending.open(served(serve, whole(body)).mirror)

    answer = line.send(outgoing, 2.0)

    assert (answer.outcome, answer.code, answer.is_well_formed) == (outcome, code, spoke)
    assert (answer.is_complete, answer.is_over) == (True, True)
    assert line.is_quiet()


def hang(line: socket.socket) -> None:
    line.settimeout(5)
    line.recv(65536)
    line.recv(65536)


def close(line: socket.socket) -> None:
    line.recv(65536)


def cut(line: socket.socket) -> None:
    line.recv(65536)
    line.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"id":33')


# What happens to the request, and whether something of it may still be running.
UNANSWERED = [("no answer in time", hang, False), ("closed", close, True), ("cut short", cut, True)]


@pytest.mark.parametrize(("script", "is_over"), [row[1:] for row in UNANSWERED], ids=[row[0] for row in UNANSWERED])
def test_whatever_fails_after_the_first_write_is_an_answer(
    serve: Serve, sending: Any, script: Callable[[socket.socket], None], is_over: bool
) -> None:
    """Nothing is raised, and the outcome is not known; the line is closed for good."""
    line = sending.open(serve(script).mirror)

    answer = line.send(ONE, 0.3)

    assert (answer.outcome, answer.is_complete, answer.is_over) == (Outcome.UNKNOWN, False, is_over)
    assert not answer.is_well_formed
    with pytest.raises(Unreachable):
        line.send(ONE, 0.3)


def test_an_error_page_of_a_proxy_proves_nothing(serve: Serve, sending: Any) -> None:
    """Be it a well-formed acceptance, under a status that the gateway never gives."""
    line = sending.open(served(serve, whole(accepted(33, 1), "502 Bad Gateway")).mirror)

    answer = line.send(ONE, 2.0)

    assert (answer.outcome, answer.is_complete, answer.is_well_formed) == (Outcome.UNKNOWN, True, False)


@pytest.mark.parametrize(("outgoing", "field", "value"), [(ONE, "mes", "Hi"), (TWO, "list", None)])
def test_what_is_said(serve: Serve, sending: Any, outgoing: Outgoing, field: str, value: str | None) -> None:
    """One POST under the id of the claim, by the login that the transport was given."""
    server = served(serve, whole(accepted(33, 2)))

    sending.open(server.mirror).send(outgoing, 2.0)

    head, body = server.requests[0].split(b"\r\n\r\n", 1)
    said = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    assert head.startswith(b"POST /sys/send.php ")
    assert (said["login"], said["psw"], said["id"]) == ("me", "hush", "33")
    assert said[field] == (value or "+79991234567:Hi\n+79991234568:Ho")


def test_what_http_cannot_say_is_not_said(serve: Serve, sending: Any) -> None:
    """Found out before the first byte: the line may serve the next request."""
    server = served(serve, whole(accepted(33, 1)))
    line = sending.open(server.mirror)

    with pytest.raises(BadInput):
        line.send(Outgoing(gateway_id=33, recipients=PHONES, text="Hi", options=Options(extra={"hlr": "1"})), 2.0)

    assert server.requests == []
    line.done(keep=True)
    assert sending.open(server.mirror) is line
    assert line.send(ONE, 2.0).outcome is Outcome.ACCEPTED


def test_only_an_error_that_is_known_by_its_code_is_the_gateways_own() -> None:
    """Which is what a mirror's breaker goes by."""
    spoke = {outcome: SendAnswer(outcome=outcome, sentence="").is_well_formed for outcome in Outcome}

    assert [outcome for outcome, is_so in spoke.items() if not is_so] == [Outcome.UNKNOWN]
