from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smsq.worker.domain.batch import Options
from smsq.worker.domain.errors import BadSettings, Unreachable
from smsq.worker.domain.outgoing import Outgoing
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.outcomes import Outcome
from smsq.worker.settings import Settings
from smsq.worker.transports.smtp import MailServer, SmtpTransport
from smsq.worker.transports.table import mail_server
from tests.worker.transports.conftest import ScriptedServer, Serve
from tests.worker.transports.smtp.conftest import GREETED, OFFERED, Kept, Told

Make = Callable[..., SmtpTransport]
HI = Outgoing(gateway_id=7, recipients=[79990000001], text="Hi", options=Options())


def with_login(url: str, login: str) -> str:
    return url.replace("smtp://", f"smtp://{login}@")


def test_a_log_in_is_given_when_it_is_set(kept: Kept, make_transport: Make) -> None:
    """Before the first letter, and it shows nowhere but there."""
    url = with_login(kept.url, "postman")
    transport = make_transport(url, password="knock")

    assert transport.open(MailServer.at(url).base).send(HI, 2.0).outcome is Outcome.HANDED_OVER
    assert kept.mails[0].login == "postman"


@pytest.mark.parametrize(
    ("login", "password", "why"),
    [("postman", "wrong", "it refuses the log-in"), ("postman", "жук", "it refuses the log-in")],
)
def test_a_log_in_that_is_refused_is_no_line(
    kept: Kept, make_transport: Make, login: str, password: str, why: str
) -> None:
    """Nothing was sent; the sentence names the setting and repeats no password."""
    url = with_login(kept.url, login)
    with pytest.raises(Unreachable, match=why) as raised:
        make_transport(url, password=password).open(kept.url)

    assert password not in str(raised.value)


def test_a_server_without_log_ins_gets_none(told: Callable[..., Told], make_transport: Make) -> None:
    """It is said, since letters would be refused later."""
    server = told([*GREETED])
    with pytest.raises(Unreachable, match="SMSQ_SMTP_URL has one"):
        make_transport(with_login(server.url, "me"), password="x").open(server.url)


@pytest.mark.parametrize(
    "script",
    [
        [("", "554 go away")],
        [("", "220 hello"), ("EHLO", "502 what"), ("HELO", "550 no")],
        [("", None)],
        [("", ...)],
        [("", "HTTP/1.1 400 Bad Request")],
    ],
    ids=["turned away", "not let in", "closed", "silent", "no mail server"],
)
def test_a_server_that_does_not_let_us_in_is_unreachable(
    told: Callable[..., Told], make_transport: Make, script: list[tuple[str, str]]
) -> None:
    """So its breaker backs off from it, and nothing is lost."""
    server = told(script)
    with pytest.raises(Unreachable):
        make_transport(server.url, silence_s=0.5).open(server.url)


def test_a_server_of_another_age_is_greeted_as_it_knows_it(told: Callable[..., Told], make_transport: Make) -> None:
    """HELO, without extensions."""
    server = told([("", "220 hello"), ("EHLO", "502 what"), ("HELO", "250 hello"), *OFFERED, (".", "250 ok")])

    assert make_transport(server.url).open(server.url).send(HI, 2.0).outcome is Outcome.HANDED_OVER


def test_nobody_there_is_unreachable(make_transport: Make) -> None:
    """A port that nobody listens on."""
    url = "smtp://127.0.0.1:1"
    with pytest.raises(Unreachable, match="the connection was refused"):
        make_transport(url).open(url)


def test_a_line_that_was_closed_meanwhile_is_not_given_out(told: Callable[..., Told], make_transport: Make) -> None:
    """The server hung up on the kept line; the next letter gets a new one."""
    once = [*GREETED, *OFFERED, (".", "250 ok"), ("", "421 too long idle"), ("", None)]
    server = told(once, [*GREETED, *OFFERED, (".", "250 ok")])
    transport = make_transport(server.url)
    first = transport.open(server.url)
    assert first.send(HI, 2.0).outcome is Outcome.HANDED_OVER
    first.done(keep=True)
    ends = time.monotonic() + 30
    while first.is_quiet() and time.monotonic() < ends:  # until the server has hung up
        time.sleep(0.005)

    second = transport.open(server.url)

    assert second.send(HI, 2.0).outcome is Outcome.HANDED_OVER
    assert len(server.letters) == 2


class Encrypted:
    """A mail server that can STARTTLS, as a script for `serve`; what it heard in the clear is noted."""

    def __init__(self, context: ssl.SSLContext, *, injects: bytes = b"") -> None:
        self._context = context
        self._injects = injects
        self.clear: list[bytes] = []
        self.sealed: list[bytes] = []

    def __call__(self, line: object) -> None:
        line.sendall(b"220 hello\r\n")  # type: ignore[attr-defined]
        with line.makefile("rb") as reader:  # type: ignore[attr-defined]
            self.clear.append(reader.readline())
            line.sendall(b"250-hello\r\n250 STARTTLS\r\n")  # type: ignore[attr-defined]
            self.clear.append(reader.readline())
            line.sendall(b"220 go\r\n" + self._injects)  # type: ignore[attr-defined]
            if self._injects:  # nobody goes on from here
                reader.read()
                return
        secured = self._context.wrap_socket(line, True, do_handshake_on_connect=False)  # type: ignore[arg-type]
        with secured, secured.makefile("rb") as reader:
            secured.do_handshake()
            for answer in (b"250 hello", b"250 ok", b"250 ok", b"354 go"):
                self.sealed.append(reader.readline())
                secured.sendall(answer + b"\r\n")
            while self.sealed[-1] != b".\r\n":
                self.sealed.append(reader.readline())
            secured.sendall(b"250 ok\r\n")
            reader.read()


def encrypted(serve: Serve, server: Encrypted, scheme: str) -> str:
    made: ScriptedServer = serve(server)
    return f"{scheme}://127.0.0.1:{made.port}"


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls"])
def test_letters_are_encrypted_if_the_server_offers_it(
    serve: Serve, tls: ssl.SSLContext, certificate: Path, make_transport: Make, scheme: str
) -> None:
    """Nothing but greetings travels in the clear."""
    server = Encrypted(tls)
    url = encrypted(serve, server, scheme)

    answer = make_transport(url, ca_file=str(certificate)).open(url).send(HI, 2.0)

    assert answer.outcome is Outcome.HANDED_OVER
    assert [each[:8] for each in server.clear] == [b"ehlo [12", b"STARTTLS"]
    assert server.sealed[1].startswith(b"mail FROM")


def test_a_certificate_that_cannot_be_trusted_is_refused_if_encryption_is_a_must(
    serve: Serve, tls: ssl.SSLContext, make_transport: Make
) -> None:
    """Without `+starttls` it would do: whoever forges one could hide the offer as well."""
    url = encrypted(serve, Encrypted(tls), "smtp+starttls")
    with pytest.raises(Unreachable, match="certificate cannot be trusted"):
        make_transport(url).open(url)

    url = encrypted(serve, Encrypted(tls), "smtp")
    assert make_transport(url).open(url).send(HI, 2.0).outcome is Outcome.HANDED_OVER


def test_no_encryption_no_letters_if_it_is_a_must(told: Callable[..., Told], make_transport: Make) -> None:
    """A server, or somebody on the way, that hides the offer gets nothing."""
    server = told([*GREETED])
    url = server.url.replace("smtp://", "smtp+starttls://")
    with pytest.raises(Unreachable, match="it does not encrypt"):
        make_transport(url).open(url)


def test_what_was_said_in_the_clear_behind_the_agreement_ends_it(
    serve: Serve, tls: ssl.SSLContext, certificate: Path, make_transport: Make
) -> None:
    """Somebody on the way may have put it there, to be taken for the encrypted server's."""
    url = encrypted(serve, Encrypted(tls, injects=b"250-evil\r\n250 AUTH PLAIN\r\n"), "smtp+starttls")
    transport = make_transport(url, ca_file=str(certificate))

    with pytest.raises(Unreachable):
        transport.open(url).send(HI, 2.0)


def test_tls_from_the_first_byte(serve: Serve, tls: ssl.SSLContext, certificate: Path, make_transport: Make) -> None:
    """`smtps://`."""
    heard = []

    def script(line: object) -> None:
        line.sendall(b"220 hello\r\n")  # type: ignore[attr-defined]
        with line.makefile("rb") as reader:  # type: ignore[attr-defined]
            heard.append(reader.readline())
            line.sendall(b"250 hello\r\n")  # type: ignore[attr-defined]
            reader.read()

    server = serve(script, tls=tls)
    url = f"smtps://127.0.0.1:{server.port}"

    assert make_transport(url, ca_file=str(certificate)).open(url).is_quiet()
    assert heard == [b"ehlo [127.0.0.1]\r\n"]


@pytest.mark.parametrize(
    ("login", "name"),
    [
        (Login("me", "se:cret"), "password"),
        (Login("me", "se,cret"), "password"),
        (Login("m:e", "secret"), "log-in"),
        (Login("", "k:ey", is_key=True), "API key"),
    ],
)
def test_a_log_in_that_no_letter_can_hold_stops_the_start(make_transport: Make, login: Login, name: str) -> None:
    """By its name and without its value; no message is refused for it."""
    with pytest.raises(BadSettings, match=f"the {name} holds a colon") as raised:
        make_transport("smtp://127.0.0.1:25", login=login)

    assert login.secret not in str(raised.value)


def test_nothing_of_a_letter_is_in_a_log(kept: Kept, make_transport: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Not of our side, and not of the library behind the letterbox, which writes down every line."""
    caplog.set_level(logging.DEBUG)
    url = with_login(kept.url, "postman")
    make_transport(url, password="knock").open(url).send(HI, 2.0)

    assert not [row for row in caplog.messages if "knock" in row or "secret" in row or "79990000001" in row]


@pytest.mark.parametrize(
    ("told", "base", "tls", "user"),
    [
        ({}, "smtp://send.smsc.kz:25", "offered", ""),
        ({"SMSQ_SMTP_URL": "smtp://mail.example"}, "smtp://mail.example:25", "offered", ""),
        ({"SMSQ_SMTP_URL": "smtps://mail.example"}, "smtps://mail.example:465", "always", ""),
        (
            {"SMSQ_SMTP_URL": "smtp+starttls://a%40b@mail.example", "SMSQ_SMTP_PASSWORD": "x"},
            "smtp+starttls://mail.example:587",
            "required",
            "a@b",
        ),
        ({"SMSQ_SMTP_URL": "smtp://[::1]:2525"}, "smtp://[::1]:2525", "offered", ""),
    ],
)
def test_where_the_mail_server_is(told: dict[str, str], base: str, tls: str, user: str) -> None:
    """The brand's own, or the one that is set; its log-in is in no name of it."""
    server = mail_server(Settings.load({"SMSQ_BRAND": "smsc.kz", **told}))

    assert (server.base, server.tls, server.user) == (base, tls, user)
