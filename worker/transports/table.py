"""The table of transports, by name; a row imports its libraries when it is made, since producers have none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smsq.worker.clock import Clock
from smsq.worker.domain.brands import BRANDS
from smsq.worker.gateway.login import Login
from smsq.worker.settings import Settings
from smsq.worker.transports import Transport

if TYPE_CHECKING:
    from smsq.worker.transports.http import HttpTransport
    from smsq.worker.transports.smtp import MailServer, SmtpTransport


def http(settings: Settings, login: Login, clock: Clock) -> HttpTransport:
    """The gateway's HTTP interface. Questions go over it too, whatever the transport of messages is."""
    from smsq.worker.transports.http import HttpTransport

    return HttpTransport(
        settings.connect_timeout_s,
        login=login,
        keep_idle_s=settings.keep_idle_s,
        silence_s=settings.read_timeout_s,
        clock=clock,
    )


def smtp(settings: Settings, login: Login, clock: Clock) -> SmtpTransport:
    """The gateway's mail interface: letters, of which nobody gives a receipt."""
    from smsq.worker.transports.smtp import SmtpTransport

    brand = BRANDS[settings.brand]
    return SmtpTransport(
        mail_server(settings),
        login=login,
        sender=settings.smtp_from or brand.letters_from,
        recipient=brand.letters_to,
        connect_timeout_s=settings.connect_timeout_s,
        keep_idle_s=settings.keep_idle_s,
        silence_s=settings.read_timeout_s,
        clock=clock,
    )


def mail_server(settings: Settings) -> MailServer:
    """The mail server that takes letters, as the settings name it."""
    from smsq.worker.transports.smtp import MailServer

    password = settings.smtp_password.reveal() if settings.smtp_password else ""
    return MailServer.at(settings.smtp_url or BRANDS[settings.brand].mail_server, password)


@dataclass(frozen=True, slots=True)
class Row:
    """One wire: what makes its transport, and the mirrors that its messages go to; None for those of the questions."""

    make: Callable[[Settings, Login, Clock], Transport]
    mirrors: Callable[[Settings], Sequence[str]] | None = None


# By the names that SMSQ_TRANSPORT takes.
TRANSPORTS: dict[str, Row] = {
    "http": Row(http),
    "smtp": Row(smtp, lambda settings: (mail_server(settings).base,)),
}
