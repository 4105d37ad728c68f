"""The table of transports, by name; a row imports its libraries when it is made, since producers have none.

A name is what `SMSQ_TRANSPORT` may be set to, and the word for the dialect in the table of channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from smsq.worker.clock import Clock
from smsq.worker.domain.brands import BRANDS
from smsq.worker.gateway.login import Login
from smsq.worker.settings import Settings
from smsq.worker.transports import Transport

if TYPE_CHECKING:
    from smsq.worker.transports.http import HttpTransport
    from smsq.worker.transports.smtp import SmtpTransport


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


def http_mirrors(settings: Settings) -> Sequence[str]:
    """The mirrors that the settings name, or those of the brand."""
    return settings.mirrors or BRANDS[settings.brand].mirrors


def smtp(settings: Settings, login: Login, clock: Clock) -> SmtpTransport:
    """The gateway's mail interface: letters, which nobody receipts."""
    from smsq.worker.transports.smtp import MailServer, SmtpTransport

    brand = BRANDS[settings.brand]
    return SmtpTransport(
        MailServer.at(settings.smtp_url or brand.mail_server),
        login=login,
        sender=settings.smtp_from or brand.letters_from,
        recipient=brand.letters_to,
        connect_timeout_s=settings.connect_timeout_s,
        keep_idle_s=settings.keep_idle_s,
        silence_s=settings.read_timeout_s,
        clock=clock,
    )


def smtp_mirrors(settings: Settings) -> Sequence[str]:
    """The one mail server, without the log-in there."""
    from smsq.worker.transports.smtp import MailServer

    return (MailServer.at(settings.smtp_url or BRANDS[settings.brand].mail_server).base,)


class Row(NamedTuple):
    """How a transport is made, and the mirrors that it sends to."""

    make: Callable[[Settings, Login, Clock], Transport]
    mirrors: Callable[[Settings], Sequence[str]]


TRANSPORTS: dict[str, Row] = {"http": Row(http, http_mirrors), "smtp": Row(smtp, smtp_mirrors)}
