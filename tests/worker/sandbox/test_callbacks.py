"""Statuses pushed to a real handler."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from smsq.worker.gateway.http import callbacks
from smsq.worker.sandbox import Sandbox

Start = Callable[..., Sandbox]
Call = Callable[[str], Any]

SECRET = "shared"


class Handler:
    """Takes calls, checks their signatures, and can be told to fail."""

    def __init__(self) -> None:
        self.reports: list[Any] = []
        self.bodies: list[dict[str, str]] = []  # of the calls that were taken, in forms
        self.connections = 0
        self.answers: list[int] = []  # statuses for the next calls; 200 afterwards
        self.changed = threading.Condition()
        handler = self

        class Receive(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                handler.connections += 1

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                _, _, query = self.path.partition("?")
                with handler.changed:
                    status = handler.answers.pop(0) if handler.answers else 200
                    if status == 200:
                        handler.bodies.append(dict(parse_qsl(body.decode(), keep_blank_values=True)))
                        kind = self.headers.get("Content-Type", "")
                        handler.reports += callbacks.read(self.command, query, body, kind, SECRET).reports
                        handler.changed.notify_all()
                self.wfile.write(b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nOK" % status)

            do_GET = do_POST = answer  # noqa: N815 (the names that http.server calls)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callback"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def wait(self, count: int) -> list[Any]:
        """The reports, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.reports) >= count, 10), len(self.reports)
            return list(self.reports)


@pytest.fixture
def handler() -> Iterator[Handler]:
    """A handler that listens."""
    one = Handler()
    yield one
    one.server.shutdown()
    one.server.server_close()


def pushing(handler: Handler, **told: Any) -> dict[str, Any]:
    """A profile that pushes to this handler soon."""
    return {"callback_url": handler.url, "callback_secret": SECRET, "deliver_after_s": (0.0, 0.05), **told}


@pytest.mark.parametrize("style", ["form", "get", "json", "xml"])
@pytest.mark.parametrize("digest", ["md5", "sha1"])
def test_every_message_ends_in_a_signed_call(
    sandbox: Start, caller: Call, handler: Handler, style: str, digest: str
) -> None:
    """Each phone of a request, in whatever body."""
    started = sandbox(**pushing(handler, callback_style=style, callback_digest=digest))
    caller(started.mirrors[0]).send("+79990000001,+79990000002", id=5)

    reports = handler.wait(2)

    assert {(5, 79990000001, 1), (5, 79990000002, 1)} == {(r.gateway_id, r.recipient, r.code) for r in reports}


def test_a_call_is_repeated_until_it_is_taken(sandbox: Start, caller: Call, handler: Handler) -> None:
    """A 500 and a 503 delay a status, they do not lose it."""
    handler.answers = [500, 503]
    started = sandbox(**pushing(handler, callback_retry_s=0.02))
    caller(started.mirrors[0]).send(id=5)

    assert len(handler.wait(1)) == 1
    assert started.report()["callbacks"]["failed"] == 2


def test_a_handler_that_is_not_there_yet_is_waited_for(sandbox: Start, caller: Call, handler: Handler) -> None:
    """Refused connections count as failures and are tried again elsewhere."""
    started = sandbox(**pushing(handler, callback_url="http://127.0.0.1:1/", callback_retry_s=0.05))
    caller(started.mirrors[0]).send(id=5)
    started.push_to(handler.url)

    assert len(handler.wait(1)) == 1


def test_a_thousand_statuses_use_a_few_connections(sandbox: Start, caller: Call, handler: Handler) -> None:
    """Kept alive, each message once."""
    started = sandbox(**pushing(handler))
    for n in range(10):
        phones = ",".join(f"+7999000{n:02}{k:02}" for k in range(100))
        caller(started.mirrors[0]).send(phones, id=n + 1)

    reports = handler.wait(1000)

    assert {1} == set(Counter((r.gateway_id, r.recipient) for r in reports).values())
    assert handler.connections <= 4


def test_statuses_may_come_twice_and_out_of_order(sandbox: Start, caller: Call, handler: Handler) -> None:
    """An older status after the last one."""
    started = sandbox(**pushing(handler, callback_twice=1.0, callback_disorder=1.0))
    caller(started.mirrors[0]).send(id=5)

    codes = [report.code for report in handler.wait(3)]

    assert (1, Counter({1: 2, 0: 1})) == (codes[0], Counter(codes))


def test_a_status_may_come_before_the_answer(sandbox: Start, caller: Call, handler: Handler) -> None:
    """The client hears of the end before it hears of the beginning."""
    started = sandbox(**pushing(handler, deliver_after_s=(5.0, 5.0)))
    started.misfortune("early_callback", next_few=1, seconds=0.3)
    one = caller(started.mirrors[0])
    one.connection.request("POST", "/sys/send.php", "login=demo&psw=demo&fmt=3&id=5&phones=%2B79991234567&mes=Hi")

    assert handler.wait(1)[0].gateway_id == 5
    assert one.connection.getresponse().read() == b'{"id": 5, "cnt": 1}'


def test_statuses_may_get_lost(sandbox: Start, caller: Call, handler: Handler) -> None:
    """Then only asking helps."""
    started = sandbox(**pushing(handler, callback_lost=1.0))
    caller(started.mirrors[0]).send(id=5)
    started.push_to(handler.url)

    assert started.report()["callbacks"]["pushed"] == 0


def test_a_probe_brings_its_result_and_a_letter_its_address(sandbox: Start, caller: Call, handler: Handler) -> None:
    """The eight fields by the gateway's names; whose message it was in the place of the phone."""
    started = sandbox(**pushing(handler))
    started.call(
        lambda server: server.gateway.lookups.change("79991234567", {"net": "Yota", "status": "20", "err": "6"})
    )
    one = caller(started.mirrors[0])
    one.send(id=5, mes="", hlr=1)
    handler.wait(1)
    one.send("anna@example.com", id=6, mail=1, sender="me@example.com", subj="Hi")
    handler.wait(2)

    probe, letter = handler.bodies
    assert (probe["status"], probe["err"], probe["net"], probe["mcc"], probe["imsi"]) == ("20", "6", "Yota", "250", "")
    assert (letter["phone"], letter["type"], "imsi" in letter) == ("anna@example.com", "8", False)


def test_a_mailing_that_is_stopped_pushes_nothing(sandbox: Start, caller: Call, handler: Handler) -> None:
    """Its messages never leave; those of another do, at their time."""
    started = sandbox(**pushing(handler))
    one = caller(started.mirrors[0])
    waits = {"add": 1, "name": "x", "phones": "+79991234567", "time": f"0{int(time.time()) + 2}"}
    for text in ("first", "second"):
        one.post("/sys/jobs.php", mes=text, **waits)
    one.post("/sys/jobs.php", cancel=1, id=1_000_001)

    assert [report.gateway_id for report in handler.wait(1)] == [1_000_002]
    assert [one.ask(number)["status"] for number in (1_000_001, 1_000_002)] == [-2, 1]
