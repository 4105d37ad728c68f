"""A Redis that Sentinel watches: its address names the sentinels, and each new connection asks them who is the master.

    redis+sentinel://user:password@host:26379,host:26379,host:26379/name/0?sentinel_password=…

User and password are those of Redis; `name` is what the sentinels call it, behind it is the database. A fail-over to a
replica is a change of the run: nothing is claimed until the roll call has compared what the replica has.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")  # the second speaks TLS to sentinels and servers
PORT = 26379
OF_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")
OPTIONS: Final = ("sentinel_username", "sentinel_password", *OF_TLS)


class Watched(NamedTuple):
    """What an address says."""

    sentinels: tuple[tuple[str, int], ...]
    name: str
    database: int
    username: str | None
    password: str | None
    options: dict[str, str]


def is_watched(url: str) -> bool:
    """Whether this address names sentinels."""
    return url.partition("://")[0] in SCHEMES


def read(url: str) -> Watched:
    """What an address says. Raises ValueError, whose message may have a part of the password."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    name, _, number = parts.path.removeprefix("/").partition("/")
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    user, colon, password = login.partition(":")
    number = number or "0"
    is_number = number.isascii() and number.isdigit()
    if not name or not is_number or parts.fragment or "@" in parts.path or (at and not colon):
        raise ValueError("not the address of a watched Redis")
    if options.keys() - set(OPTIONS):
        raise ValueError("an option that is not known")
    sentinels = tuple(_place(each) for each in hosts.split(","))
    return Watched(sentinels, unquote(name), int(number), unquote(user) or None, unquote(password) or None, options)


def with_database(url: str, number: int) -> str:
    """The same address with another database."""
    parts = urlsplit(url)
    name = parts.path.removeprefix("/").partition("/")[0]
    return parts._replace(path=f"/{name}/{number}").geturl()


def _place(written: str) -> tuple[str, int]:
    parts = urlsplit(f"//{written}")
    if not parts.hostname or parts.port == 0:
        raise ValueError("no host")
    return parts.hostname, parts.port or PORT
