"""Lines to the mail server: connected, encrypted, greeted and logged in, and kept for the next letter."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator

import certifi

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadInput, BadSettings, Unreachable
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.smtp.client_letters import Envelope, check_login
from smsq.worker.transports.kept import KeepingTransport
from smsq.worker.transports.smtp.line import SmtpLine
from smsq.worker.transports.smtp.server import MailServer
from smsq.worker.transports.smtp.talk import Gone, Talk
from smsq.worker.transports.sockets import dial, secure, tls_context, why_not


class SmtpTransport(KeepingTransport[SmtpLine]):
    """Opens conversations with one mail server; the gateway's log-in travels in each letter.

    Raises BadSettings for a log-in that a letter cannot hold. `ca_file` names the certificates to trust.
    """

    def __init__(
        self,
        server: MailServer,
        *,
        login: Login,
        sender: str,
        recipient: str,
        connect_timeout_s: float = 4.0,
        keep_idle_s: float = 5.0,
        silence_s: float = 30.0,
        clock: Clock | None = None,
        ca_file: str | None = None,
    ) -> None:
        super().__init__(keep_idle_s, clock or Clock())
        try:
            check_login(login)
        except BadInput as error:
            raise BadSettings(error.sentence) from None
        self._server = server
        self._login = login
        self._envelope = Envelope(sender=sender, recipient=recipient)
        self._connect_timeout_s = connect_timeout_s
        self._silence_s = silence_s
        self._ca_file = ca_file

    def _new(self, mirror: str, timeout_s: float | None) -> SmtpLine:
        """Connect within the time for that; a mail server may think about its greeting for longer."""
        server, monotonic = self._server, self._clock.monotonic
        within_s = min(timeout_s or self._connect_timeout_s, self._connect_timeout_s)
        try:
            line = dial(server.host, server.port, monotonic() + within_s, self._silence_s, monotonic)
            if server.tls == "always":
                line = secure(line, self._context(), server.host)
            line.deadline = monotonic() + self._silence_s
            talk = Talk(line)
        except (OSError, ValueError) as error:
            raise Unreachable(f"{mirror} cannot be reached: {why_not(error)}") from None
        try:
            with _as_unreachable(mirror):
                self._begin(talk)
        except BaseException:
            talk.hang_up()
            raise
        return SmtpLine(
            mirror,
            talk,
            login=self._login,
            envelope=self._envelope,
            keep_idle_s=self._keep_idle_s,
            clock=self._clock,
            keep=self._keep,
        )

    def _begin(self, talk: Talk) -> None:
        """Hear the greeting, greet, encrypt and log in. Raises Gone, and what smtplib raises."""
        server = self._server
        if talk.greeted() != 220:
            raise Gone("it takes no letters")
        _greet(talk)
        if server.tls == "required" or (server.tls == "offered" and talk.has_extn("starttls")):
            if not talk.has_extn("starttls") or talk.docmd("STARTTLS")[0] != 220:
                raise Gone("it does not encrypt")
            talk.encrypt(self._context(is_checked=server.tls == "required"), server.host)
            _greet(talk)
        if server.user:
            talk.login(server.user, server.password)

    def _context(self, *, is_checked: bool = True) -> ssl.SSLContext:
        context = tls_context(self._ca_file or certifi.where())
        if not is_checked:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _greet(talk: Talk) -> None:
    """EHLO, or HELO to a server of another age."""
    if talk.ehlo()[0] != 250 and talk.helo()[0] != 250:
        raise Gone("it does not let us in")


@contextlib.contextmanager
def _as_unreachable(mirror: str) -> Iterator[None]:
    """Raise everything as Unreachable: no letter was begun. What the server said is left out: it may hold our words."""
    try:
        yield
    except Gone as gone:
        raise Unreachable(f"{mirror} cannot be used: {gone.sentence}") from None
    except smtplib.SMTPNotSupportedError:
        raise Unreachable(f"{mirror} cannot be used: it wants no log-in, and SMSQ_SMTP_URL has one") from None
    except (smtplib.SMTPException, ValueError):
        raise Unreachable(f"{mirror} cannot be used: it refuses the log-in of SMSQ_SMTP_URL") from None
