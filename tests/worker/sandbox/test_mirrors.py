"""Mirrors on real sockets: one state behind several ports, and everything that can befall a connection."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from smsq.worker.sandbox import Sandbox
from smsq.worker.sandbox.http import MAX_BODY

Start = Callable[..., Sandbox]
Call = Callable[[str], Any]

BODY = urlencode({"login": "demo", "psw": "demo", "fmt": 3, "id": 5, "phones": "+79991234567", "mes": "Hi"})


def raw(port: int, request: bytes) -> bytes:
    """What comes back on a connection of its own, up to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(request)
        return b"".join(iter(lambda: line.recv(65536), b""))


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_request_line_may_hold_raw_letters_and_blanks(sandbox: Start, caller: Call, pieces: int) -> None:
    """As a library sends it; every byte arrives as it was."""
    started = sandbox()
    one = caller(started.mirrors[0])
    line = "GET /sys/send.php?login=demo&psw=demo&id=5&fmt=1&phones=79991234567&mes=Привет, мир 100%& HTTP/1.0\r\n\r\n"
    written = line.encode("cp1251")
    with socket.create_connection(("127.0.0.1", one.port), timeout=5) as connection:
        for start in range(0, len(written), pieces):
            connection.sendall(written[start : start + pieces])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.endswith(b"\r\n\r\n5,1")
    assert one.ask(5, all=1)["message"] == "Привет, мир 100%"


def test_a_mirror_may_be_reached_as_a_proxy(sandbox: Start, caller: Call) -> None:
    """So that a library with the gateway's name in it can be tried as it is."""
    port = caller(sandbox().mirrors[0]).port

    answer = raw(port, f"GET http://www2.smscentre.com/sys/send.php?{BODY} HTTP/1.0\r\n\r\n".encode())
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["id"] == 5


def test_a_body_that_is_too_large_is_not_half_read(sandbox: Start, caller: Call) -> None:
    """Half of a list would be accepted as a list."""
    started = sandbox()
    port = caller(started.mirrors[0]).port
    head = f"POST /sys/send.php HTTP/1.0\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n{BODY}&list=".encode()

    assert raw(port, head.ljust(len(head) - len(BODY) - 6 + MAX_BODY + 1, b"x")).startswith(b"HTTP/1.1 413 ")
    assert started.report()["accepted"] == 0


def test_mirrors_share_one_state(sandbox: Start, caller: Call) -> None:
    """What one accepts, another shows and guards against."""
    mirrors = [caller(base) for base in sandbox().mirrors]

    assert mirrors[0].send(id=5)["id"] == 5
    assert mirrors[1].ask(5)["status"] != -3
    assert mirrors[1].send(id=6)["error_code"] == 9


def test_a_connection_is_kept_for_the_next_request(sandbox: Start, caller: Call) -> None:
    """HTTP/1.1 keeps alive."""
    one = caller(sandbox().mirrors[0])
    one.send(id=1)
    before = one.connection.sock
    one.ask(1)

    assert before is not None
    assert before is one.connection.sock


def test_http_1_0_get_and_split_requests_are_served(sandbox: Start, caller: Call) -> None:
    """A query instead of a body, an old protocol, a request that comes byte by byte."""
    started = sandbox()
    port = caller(started.mirrors[0]).port

    old = raw(port, f"GET /sys/send.php?{BODY} HTTP/1.0\r\n\r\n".encode())
    slow = f"POST /sys/status.php HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(BODY) + 18}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as line:
        for byte in (slow + BODY + "&phone=79991234567").encode():
            line.sendall(bytes([byte]))
        answer = b"".join(iter(lambda: line.recv(65536), b""))

    assert old.endswith(b'{"id": 5, "cnt": 1}')
    assert b'"status": -1' in answer


def test_two_requests_in_one_breath_are_answered_in_order(sandbox: Start, caller: Call) -> None:
    """Even where each takes time to think."""
    port = caller(sandbox(think_s=0.02).mirrors[0]).port
    post = f"POST /sys/send.php HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"

    answer = raw(port, f"{post}\r\n{BODY}{post}Connection: close\r\n\r\n{BODY}".encode())

    assert answer.index(b'"cnt": 1') < answer.index(b'"error_code": 9')


def test_other_paths_and_nonsense_are_turned_away(sandbox: Start, caller: Call) -> None:
    """404 and 400, as any server would."""
    one = caller(sandbox().mirrors[0])

    assert one.post("/sys/nothing.php")[0] == 404
    assert raw(one.port, b"what?\r\n\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [("lose_answer", 1), ("reset", 1), ("close", 0), ("refuse", 0)],
)
def test_a_connection_may_end_without_an_answer(sandbox: Start, caller: Call, kind: str, accepted: int) -> None:
    """The client cannot tell the accepted from the others; the count can."""
    started = sandbox()
    started.misfortune(kind, next_few=1)

    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        caller(started.mirrors[0]).send(id=5)

    assert accepted == started.report()["accepted"]
    assert {kind: 1} == started.report()["misfortunes"]


@pytest.mark.parametrize(
    ("kind", "status", "part", "accepted"),
    [
        ("error_500", 500, b"<html>", 0),
        ("error_502", 502, b"<html>", 0),
        ("accepted_502", 502, b"<html>", 1),
        ("html", 200, b"<html>", 1),
        ("empty", 200, b"", 1),
        ("cut_json", 200, b'{"id": 5, ', 1),
        ("wrong_id", 200, b'{"id": 6, "cnt": 1', 1),
        ("short_count", 200, b'"cnt": 0', 1),
        ("accepted_duplicate", 200, b'"error_code": 9', 1),
        ("accepted_unknown_code", 200, b'"error_code": 15', 1),
        ("unknown_code", 200, b'"error_code": 15', 0),
        ("duplicate", 200, b"duplicate request, wait a minute", 0),
        ("concurrent", 200, b"too many concurrent requests", 0),
        ("blocked", 200, b'"error_code": 4', 0),
        ("bad_login", 200, b'"error_code": 2', 0),
        ("no_money", 200, b'"error_code": 3, "id": 5', 0),
        ("bad_request", 200, b'"error_code": 1', 0),
        ("denied", 200, b'"error_code": 6, "id": 5', 0),
    ],
)
def test_a_wrong_answer_may_come(
    sandbox: Start, caller: Call, kind: str, status: int, part: bytes, accepted: int
) -> None:
    """Each misfortune answers what its row says, once."""
    started = sandbox()
    started.misfortune(kind, next_few=1)
    one = caller(started.mirrors[0])

    got, body = one.post("/sys/send.php", id=5, phones="+79991234567", mes="Hi")

    assert (status, True) == (got, part in body)
    assert accepted == started.report()["accepted"]
    assert one.send(id=7, mes="next")["id"] == 7


def test_a_misfortune_of_one_mirror_spares_the_others(sandbox: Start, caller: Call) -> None:
    """From the profile, by the mirror's number; a reset keeps it."""
    started = sandbox(misfortunes={"2:empty": 1.0})
    first, second = (caller(base) for base in started.mirrors)

    assert first.send(id=1, mes="a")["id"] == 1
    assert second.post("/sys/send.php", id=2, phones="+79991234567", mes="b") == (200, b"")
    started.reset()
    assert second.post("/sys/send.php", id=2, phones="+79991234567", mes="b") == (200, b"")


def test_half_an_answer_may_come(sandbox: Start, caller: Call) -> None:
    """More is promised than arrives."""
    started = sandbox()
    started.misfortune("truncated", next_few=1)

    with pytest.raises(http.client.IncompleteRead):
        caller(started.mirrors[0]).send(id=5)

    assert started.report()["accepted"] == 1


def test_silence_occupies_a_place_until_the_client_leaves(sandbox: Start, caller: Call) -> None:
    """Accepted, and nothing more."""
    started = sandbox()
    started.misfortune("hang", next_few=1)
    one = caller(started.mirrors[0])
    one.connection.request("POST", "/sys/send.php", BODY)

    assert until(lambda: started.report()["accepted"] == 1)
    assert started.report()["running"]["sends"] == 1
    one.connection.close()
    assert until(lambda: started.report()["running"]["sends"] == 0)


def test_a_late_acceptance_happens_after_the_client_left(sandbox: Start, caller: Call) -> None:
    """Nothing is there at first, and then it is."""
    started = sandbox()
    started.misfortune("late", next_few=1, seconds=0.2)
    one = caller(started.mirrors[0])
    one.connection.request("POST", "/sys/send.php", BODY)
    assert until(lambda: started.report()["running"]["sends"] == 1)
    one.connection.close()

    assert started.report()["accepted"] == 0
    assert until(lambda: started.report()["accepted"] == 1)


def test_a_mirror_that_is_down_refuses_and_comes_back_on_its_port(sandbox: Start, caller: Call) -> None:
    """Connections that were open are reset."""
    started = sandbox(down=(2,))
    first, second = (caller(base) for base in started.mirrors)
    first.send(id=1)

    with pytest.raises(ConnectionRefusedError):
        second.send(id=2)
    started.mirror(2, down=False)
    assert second.send(id=2, mes="b")["id"] == 2
    started.mirror(2, down=True)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        second.ask(2)
    with pytest.raises(ConnectionRefusedError):
        caller(started.mirrors[1]).ask(2)
    assert first.send(id=3, mes="c")["id"] == 3


def test_fifteen_sends_at_once_are_one_too_many(sandbox: Start, caller: Call) -> None:
    """Fourteen go through; the place is free again afterwards."""
    started = sandbox(think_s=0.5)
    many = [caller(base) for base in started.mirrors * 8][:15]
    for n, one in enumerate(many):
        one.connection.request("POST", "/sys/send.php", BODY.replace("Hi", f"Hi+{n}"))
    answers = [json.loads(one.connection.getresponse().read()) for one in many]

    assert [answer["error_code"] for answer in answers if "error" in answer] == [9]
    assert [answer["error"] for answer in answers if "error" in answer] == ["too many concurrent requests"]
    report = started.report()
    assert (
        report["limits_broken"],
        report["peak_parallel"]["sends"],
        report["running"]["sends"],
    ) == ({"parallel_sends": 1}, 15, 0)


def test_five_asks_at_once_are_one_too_many(sandbox: Start, caller: Call) -> None:
    """Asks have a limit of their own."""
    started = sandbox(think_s=0.3)
    many = [caller(started.mirrors[0]) for _ in range(5)]
    for n, one in enumerate(many):
        body = urlencode({"login": "demo", "psw": "demo", "fmt": 3, "id": n + 1, "phone": "79991234567"})
        one.connection.request("POST", "/sys/status.php", body)
    answers = [json.loads(one.connection.getresponse().read()) for one in many]

    assert sum("error" in answer for answer in answers) == 1
    assert started.report()["limits_broken"] == {"parallel_asks": 1}


def test_a_silent_connection_is_closed(sandbox: Start, caller: Call) -> None:
    """After peer close, and half a request does not keep it."""
    one = caller(sandbox(peer_close_s=0.1).mirrors[0])

    assert raw(one.port, b"") == b""
    assert raw(one.port, b"POST /sys/send.php HTTP/1.1\r\nContent-Le") == b""


def test_a_taken_port_is_an_error(sandbox: Start, caller: Call) -> None:
    """And says so to whoever starts it."""
    port = caller(sandbox().mirrors[0]).port

    with pytest.raises(OSError, match="in use"):
        sandbox(ports=(port,))


def until(is_so: Callable[[], bool]) -> bool:
    """Ask for up to five seconds."""
    pause = threading.Event()
    return any(is_so() or pause.wait(0.02) for _ in range(250))
