"""Whose service we speak to, and at which addresses.

Brands share one protocol and nothing else: whether a log-in of one works on another is unknown, so a
brand is part of an account and we never go from one brand to another. Adding one is adding a row.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """One brand; `mirrors` are base URLs in the order in which they are tried."""

    name: str
    mirrors: tuple[str, ...]


def _mirrors(host: str) -> tuple[str, ...]:
    """The base host, then www2 (the documented backup), then www3..www5 (named by the gateway's own libraries)."""
    return (f"https://{host}", *(f"https://www{n}.{host}" for n in range(2, 6)))


# Chapter "connection" of the HTTP manual and the official libraries (PROTOCOL A.1, A.6), read 2026-11-20.
BRANDS: dict[str, Brand] = {
    name: Brand(name=name, mirrors=_mirrors(name)) for name in ("smsc.ru", "smscentre.com", "smsc.kz")
}
