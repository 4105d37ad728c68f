from __future__ import annotations

import asyncio
import contextlib
import logging
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smsq.worker.letterbox import Letterbox, Mail

LETTER = b"From: a@b\r\n\r\n.hidden dot\r\nHello\r\n"


class Clerk:
    """Takes letters, and answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.contexts: list[dict[str, Any]] = []
        self.answer = "250 kept"
        self.trouble: Exception | None = None

    async def recipient(self, address: str, context: dict[str, Any]) -> str:
        context.setdefault("recipients", []).append(address)
        return "250 ok" if address.startswith("send@") else "550 not here"

    async def take(self, mail: Mail, context: dict[str, Any]) -> str:
        if self.trouble is not None:
            raise self.trouble
        self.mails.append(mail)
        self.contexts.append(context)
        return self.answer

    def lets_in(self, login: str, password: str) -> bool:
        return (login, password) == ("me", "secret-word")


class Office:
    """A letterbox on a loop in a thread."""

    def __init__(self, **how: Any) -> None:
        self.clerk = Clerk()
        self._loop = asyncio.new_event_loop()
        self._box = Letterbox(self.clerk, **{"hostname": "office", "most": 2000, **how})
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(5)
        self.port = self._box.port

    def line(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="[127.0.0.1]", timeout=10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self._box.start("127.0.0.1", 0))
        ready.set()
        self._loop.run_forever()
        self._box.stop()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()


@pytest.fixture
def open_office() -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(**how: Any) -> Office:
        made.append(Office(**how))
        return made[-1]

    yield make
    for office in made:
        office.close()


def test_a_mail_is_handed_over_whole(open_office: Callable[..., Office]) -> None:
    """Byte for byte, with who sent it; each mail has a context of its own."""
    office = open_office()
    with office.line() as line:
        for _ in range(2):
            assert line.sendmail("me@x", ["send@y", "send@z"], LETTER) == {}

    mail = office.clerk.mails[0]
    assert (mail.content, mail.sender, mail.peer, mail.login) == (LETTER, "me@x", "127.0.0.1", "")
    assert [each["recipients"] for each in office.clerk.contexts] == [["send@y", "send@z"]] * 2


def test_a_recipient_that_is_refused_gets_no_letter(open_office: Callable[..., Office]) -> None:
    """The clerk's words are the answer."""
    office = open_office()
    with office.line() as line:
        line.ehlo()
        line.mail("me@x")

        assert line.rcpt("anna@y") == (550, b"not here")
        assert line.docmd("DATA")[0] == 503
    assert office.clerk.mails == []


def test_an_answer_may_be_no_answer(open_office: Callable[..., Office]) -> None:
    """The connection is closed then."""
    office = open_office()
    office.clerk.answer = ""
    with pytest.raises(smtplib.SMTPServerDisconnected), office.line() as line:
        line.sendmail("me@x", ["send@y"], LETTER)

    assert len(office.clerk.mails) == 1


def test_what_fails_inside_is_to_be_tried_again(open_office: Callable[..., Office]) -> None:
    """Nobody outside is told what it was."""
    office = open_office()
    office.clerk.trouble = RuntimeError("a secret-word inside")
    with office.line() as line, pytest.raises(smtplib.SMTPDataError) as raised:
        line.sendmail("me@x", ["send@y"], LETTER)

    assert (raised.value.smtp_code, b"secret" in raised.value.smtp_error) == (451, False)


def test_a_mail_that_is_too_large_is_refused(open_office: Callable[..., Office]) -> None:
    """By what it says of itself, and by what it is."""
    office = open_office()
    with office.line() as line:
        with pytest.raises(smtplib.SMTPSenderRefused):
            line.sendmail("me@x", ["send@y"], b"x" * 3000)
        line.rset()
        line.mail("me@x")
        line.rcpt("send@y")
        assert line.data(b"x\r\n" * 1000)[0] == 552

    assert office.clerk.mails == []


@pytest.mark.parametrize(("password", "is_in"), [("secret-word", True), ("other", False)])
def test_a_log_in_is_asked_of_the_clerk(open_office: Callable[..., Office], password: str, is_in: bool) -> None:
    """It is offered without encryption, since libraries that log in know none, and needed by nobody."""
    office = open_office()
    with office.line() as line:
        with contextlib.nullcontext() if is_in else pytest.raises(smtplib.SMTPAuthenticationError):
            line.login("me", password)
        line.sendmail("me@x", ["send@y"], LETTER)

    assert office.clerk.mails[0].login == ("me" if is_in else "")


def test_no_more_connections_than_it_has_places(open_office: Callable[..., Office]) -> None:
    """One too many is closed at once; those that are there go on."""
    office = open_office(connections=2)
    with office.line() as first, office.line() as second:
        with socket.create_connection(("127.0.0.1", office.port), 5) as third, contextlib.suppress(ConnectionError):
            assert third.recv(1) == b""
        assert first.noop()[0] == second.noop()[0] == 250


def test_a_silent_connection_is_closed(open_office: Callable[..., Office]) -> None:
    """So that it does not keep a place."""
    office = open_office(silence_s=0.2)
    with socket.create_connection(("127.0.0.1", office.port), 5) as line, line.makefile("rb") as answers:
        assert answers.readline().startswith(b"220")
        with contextlib.suppress(ConnectionError):
            assert answers.readline() == b""


def test_nothing_of_it_is_in_a_log(open_office: Callable[..., Office], caplog: pytest.LogCaptureFixture) -> None:
    """The library behind it would write down every log-in and every line."""
    caplog.set_level(logging.DEBUG)
    office = open_office()
    with office.line() as line:
        line.login("me", "secret-word")
        line.sendmail("me@x", ["send@y"], LETTER)

    assert not [row for row in caplog.messages if "Hello" in row or "secret" in row or "me@x" in row]
