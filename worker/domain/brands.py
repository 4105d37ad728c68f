"""Whose service we speak to, and at which addresses.

Brands share one protocol and nothing else: whether a log-in of one works on another is unknown, so a
brand is part of an account and we never go from one brand to another. Adding one is adding a row.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """One brand; `mirrors` are base URLs in the order in which they are tried.

    `mail_server` is where its letters are taken in, `letters_to` whom they are addressed to, and `letters_from` who its
    own libraries say they are from: any sender will do.
    """

    name: str
    mirrors: tuple[str, ...]
    mail_server: str
    letters_to: str
    letters_from: str


def _mirrors(host: str) -> tuple[str, ...]:
    """The base host, then www2 (the documented backup), then www3..www5 (named by the gateway's own libraries)."""
    return (f"https://{host}", *(f"https://www{n}.{host}" for n in range(2, 6)))


def _brand(host: str) -> Brand:
    """A brand whose addresses all follow from its host."""
    mail = f"send.{host}"
    return Brand(
        name=host,
        mirrors=_mirrors(host),
        mail_server=f"smtp://{mail}:25",
        letters_to=f"send@{mail}",
        letters_from=f"api@{host}",
    )


# Chapters "connection" of the HTTP manual and "sending" of the SMTP manual, and the official libraries (PROTOCOL A.1,
# A.6, G), read 2026-11-20 and 2026-11-29.
BRANDS: dict[str, Brand] = {host: _brand(host) for host in ("smsc.ru", "smscentre.com", "smsc.kz")}
