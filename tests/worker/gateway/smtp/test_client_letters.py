from __future__ import annotations

import base64
from typing import Any

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadInput
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.smtp.client_letters import Envelope, check_login, check_options, letters, mail

LOGIN = Login("me", "secret")
KEY = Login("", "key", is_key=True)
ENVELOPE = Envelope(sender="api@smsc.ru", recipient="send@send.smsc.ru")
PHONES = [79990000001, 79990000002]


def bodies(login: Login, outgoing: Outgoing) -> list[str]:
    """The texts of the letters."""
    written = letters(login, outgoing, ENVELOPE, date="Sun, 29 Nov 2026 12:00:00 -0000", token="abcd")
    return [base64.b64decode(each.partition(b"\r\n\r\n")[2]).decode() for each in written]


def out(text: str | None = "Hi", texts: list[str] | None = None, **options: Any) -> Outgoing:
    return Outgoing(gateway_id=1000000001, recipients=PHONES, text=text, texts=texts or [], options=Options(**options))


@pytest.mark.parametrize(
    ("login", "outgoing", "line"),
    [
        (LOGIN, out(), "me:secret:1000000001:0:0,0,:+79990000001,+79990000002:Hi"),
        (KEY, out(), ":key:1000000001:0:0,0,:+79990000001,+79990000002:Hi"),
        (LOGIN, out(sender="Shop"), "me:secret:1000000001:0:0,0,Shop:+79990000001,+79990000002:Hi"),
        (LOGIN, out(translit=1), "me:secret:1000000001:0:1,0,:+79990000001,+79990000002:Hi"),
        (LOGIN, out(time="2911261200"), "me:secret:1000000001:2911261200:0,0,:+79990000001,+79990000002:Hi"),
        (
            LOGIN,
            out("12:30, at the door\nOK"),
            "me:secret:1000000001:0:0,0,:+79990000001,+79990000002:12:30, at the door\nOK",
        ),
        (
            LOGIN,
            out(None, ["Hello Ann: hi", "Hello\nBob"]),
            "me:secret:1000000001:0:0,0,::+79990000001:Hello Ann: hi\n+79990000002:Hello\\nBob",
        ),
    ],
    ids=["plain", "with a key", "a sender", "translit", "a time", "colons, commas and lines in a text", "a list"],
)
def test_a_letter_is_a_line_of_fields_and_the_text(login: Login, outgoing: Outgoing, line: str) -> None:
    """As the gateway's manual has it (PROTOCOL G)."""
    assert bodies(login, outgoing) == [line]


def test_a_whole_letter() -> None:
    """An empty subject, and a body that every mail server passes on as it is."""
    (written,) = letters(LOGIN, out("Привет"), ENVELOPE, date="Sun, 29 Nov 2026 12:00:00 -0000", token="abcd")

    line = "me:secret:1000000001:0:0,0,:+79990000001,+79990000002:Привет".encode()
    coded = base64.b64encode(line)
    assert written == (
        b"From: api@smsc.ru\r\nTo: send@send.smsc.ru\r\nSubject: \r\nDate: Sun, 29 Nov 2026 12:00:00 -0000\r\n"
        b"Message-ID: <1000000001.0.abcd@smsc.ru>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + coded[:76] + b"\r\n" + coded[76:] + b"\r\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"sender": "a:b"}, "sender 'a:b'"),
        ({"sender": "a,b"}, "sender 'a,b'"),
        ({"time": "29.11.26 12:30"}, "time '29.11.26 12:30'"),
        ({"sender": ""}, "sender off"),
        ({"valid": "01:00"}, "'valid'"),
        ({"extra": {"tinyurl": "1"}}, "'tinyurl'"),
    ],
)
def test_what_a_letter_cannot_say_is_refused_by_name(options: dict[str, Any], name: str) -> None:
    """A colon or a comma would end a field, and an option without a field would be lost."""
    with pytest.raises(BadInput, match=name):
        check_options(Options(**options))
    with pytest.raises(BadInput, match=name):
        bodies(LOGIN, out(**options))


@pytest.mark.parametrize("login", [Login("a:b", "x"), Login("a", "x,y"), Login("", "x\ny", is_key=True)])
def test_a_log_in_that_ends_its_field_is_refused(login: Login) -> None:
    """Without repeating it."""
    with pytest.raises(BadInput, match="a colon, a comma or a line break") as raised:
        check_login(login)

    assert login.secret not in raised.value.sentence


def test_a_letter_in_another_charset_or_as_html() -> None:
    """For a way that lets no UTF-8, or no plain text, through."""
    koi = mail("Привет", ENVELOPE, date="", message_id="<a@b>", charset="koi8-r")
    page = mail("me:x:…", ENVELOPE, date="", message_id="<a@b>", as_html=True)

    assert base64.b64decode(koi.partition(b"\r\n\r\n")[2]).decode("koi8-r") == "Привет"
    assert base64.b64decode(page.partition(b"\r\n\r\n")[2]).decode() == "[text]me:x:…[/text]"
    assert b"text/html" in page
    with pytest.raises(BadInput, match="koi8-r lacks"):
        mail("😀", ENVELOPE, date="", message_id="<a@b>", charset="koi8-r")
