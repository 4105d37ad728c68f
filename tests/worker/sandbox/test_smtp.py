from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from smsq.worker.sandbox import KINDS, Profile, Sandbox

PHONE = "79991234567"


@pytest.fixture
def post_office() -> Iterator[Callable[..., Sandbox]]:
    """A sandbox with a mail face."""
    made: list[Sandbox] = []

    def make(**profile: Any) -> Sandbox:
        made.append(Sandbox(Profile(login="me", password="secret", **profile), smtp_port=0).start())
        return made[-1]

    yield make
    for sandbox in made:
        sandbox.stop()


def post(sandbox: Sandbox, line: str) -> tuple[int, bytes]:
    """What the mail server answers to a letter, at its recipient or behind its last line."""
    where = urlsplit(sandbox.mail)
    with smtplib.SMTP(where.hostname or "", where.port or 0, local_hostname="[127.0.0.1]", timeout=10) as server:
        server.ehlo()
        server.mail("api@smsc.ru")
        answer = server.rcpt("send@send.smsc.ru")
        if answer[0] != 250:
            return answer
        return server.data(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + line.encode())


def letter(text: str = "Hi", given: int = 77, login: str = "me:secret") -> str:
    return f"{login}:{given}:0:0,0,:+{PHONE}:{text}"


def counted(sandbox: Sandbox) -> tuple[int, int, dict[str, int]]:
    report = sandbox.report()
    return report["letters"], report["accepted"], report["errors"]


def until(claim: Callable[[], bool]) -> None:
    """Look until it holds."""
    end = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_letter_is_a_send(post_office: Callable[..., Sandbox]) -> None:
    """Under its id, with its text, as if it had come over HTTP."""
    sandbox = post_office()

    assert post(sandbox, letter("Привет: мир")) == (250, b"taken")
    (row,) = sandbox.messages()
    assert (row["id"], row["phone"], row["text"], row["is_accepted"]) == (77, PHONE, "Привет: мир", True)
    assert counted(sandbox) == (1, 1, {})


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("Dear Sir or Madam", "letter:1"),
        (letter(login="me:wrong"), "letter:2"),
        (letter(""), "letter:1"),
        (letter("spam"), "letter:6"),
    ],
)
def test_a_mail_server_says_nothing_about_messages(post_office: Callable[..., Sandbox], line: str, error: str) -> None:
    """What the gateway refuses is taken as well; only the count and the statuses tell."""
    sandbox = post_office(denied_text="spam")

    assert post(sandbox, line) == (250, b"taken")
    assert counted(sandbox) == (1, 0, {error: 1})


def test_the_gateway_refuses_the_same_letter_within_its_minute(post_office: Callable[..., Sandbox]) -> None:
    """As it does over HTTP, and silently."""
    sandbox = post_office()
    for given in (77, 78):
        assert post(sandbox, letter(given=given))[0] == 250

    assert counted(sandbox) == (2, 1, {"letter:9": 1})


def test_a_test_letter_sends_nothing(post_office: Callable[..., Sandbox]) -> None:
    """It is taken and forgotten."""
    sandbox = post_office()

    assert post(sandbox, f"me:secret:77:0:0,0,,1:{PHONE}:Hi")[0] == 250
    assert counted(sandbox) == (1, 0, {})


# What the sender of a letter sees, and how many messages the gateway accepted.
STRUCK = {
    "rcpt_refused": (550, 0),
    "rcpt_later": (451, 0),
    "letter_refused": (554, 0),
    "letter_later": (451, 0),
    "letter_lost": (250, 0),
    "letter_held": (250, 0),
    "accepted_451": (451, 1),
    "lose_answer": (None, 1),
    "reset": (None, 1),
}


@pytest.mark.parametrize(("kind", "seen"), STRUCK.items())
def test_what_may_befall_a_letter(post_office: Callable[..., Sandbox], kind: str, seen: tuple[int | None, int]) -> None:
    """It strikes one letter and no request over HTTP, and is counted."""
    sandbox = post_office()
    sandbox.misfortune(kind, next_few=1, command="letter", seconds=3600)

    try:
        code: int | None = post(sandbox, letter())[0]
    except smtplib.SMTPServerDisconnected:
        code = None

    assert (code, counted(sandbox)[1]) == seen
    assert sandbox.report()["misfortunes"] == {kind: 1}
    assert post(sandbox, letter("again"))[0] == 250


def test_letters_that_wait_arrive(post_office: Callable[..., Sandbox]) -> None:
    """After their time, or when they are told to."""
    sandbox = post_office()
    sandbox.misfortune("letter_held", next_few=1, seconds=0.05)
    post(sandbox, letter("first"))
    until(lambda: counted(sandbox)[1] == 1)
    sandbox.misfortune("letter_held", next_few=1, seconds=3600)
    post(sandbox, letter("second"))
    assert sandbox.call(lambda server: server.mail.waiting) == 1

    sandbox.call(lambda server: server.mail.deliver())

    assert counted(sandbox)[1] == 2


def test_each_misfortune_of_letters_is_tried_here() -> None:
    """None is a word alone."""
    assert {kind.name for kind in KINDS.values() if kind.only == "letter"} <= STRUCK.keys()
