"""Findings about this machine and its surroundings: room for the home, the log-in, the mirrors."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
import zoneinfo
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from smsq.producers.findings import Finding
from smsq.producers.findings.server import gateway_clock
from smsq.worker.processes import disk

if TYPE_CHECKING:
    from smsq.worker.settings import Settings

FOLDERS = ("journal", "logs", "redis", "queues", "metrics")  # of the home, as far as they are there
LEAST_ROOM, LEAST_SHARE = 200_000_000, 0.05  # bytes, and of the whole disk


def space(home: Path) -> Iterator[Finding]:
    """Whether the home can be written, and for how long still."""
    try:
        left = disk.room(home)
        places = (
            [home, *(home / name for name in FOLDERS if (home / name).exists())] if home.exists() else [_above(home)]
        )
    except OSError as error:
        yield _unwritable(home, error.strerror or type(error).__name__)
        return
    for place in places:
        if why := disk.trouble(place):
            yield _unwritable(home if place == _above(home) else place, why)
            return
    is_low = left.free < LEAST_ROOM or left.share < LEAST_SHARE
    size = f"{left.free / 1e9:.1f} GB" if left.free >= 1e9 else f"{left.free / 1e6:.0f} MB"
    said = f"{size} ({left.share:.0%}) are free on the disk of the home"
    cure = (
        "free some space: ledger, journals and logs grow there, and nothing is sent once the disk is full"
        if is_low
        else ""
    )
    yield Finding("disk space", "warn" if is_low else "ok", said, cure)


def _above(home: Path) -> Path:
    """The folder in which a home that is not there yet would be made."""
    return next((folder for folder in home.parents if folder.exists()), home)


def _unwritable(place: Path, why: str) -> Finding:
    cure = "free space there, or make it writable; work resumes by itself"
    return Finding("disk space", "fail", f"nothing can be written in {place}: {why}", cure)


def secrets(settings: Settings) -> Iterator[Finding]:
    """Whether others on this machine can read a secret; the key of the home is looked at with the ledger's."""
    from smsq.worker.ownership import readable_by_others
    from smsq.worker.settings import secret_files

    home = settings.home.expanduser().absolute()
    files = [*secret_files(), home / "up.json"]
    found = [told for told in map(readable_by_others, files) if told]
    for told in found:
        said, _, cure = told.partition("; ")
        yield Finding("secrets", "warn", said, f"{cure}; then change the secret, if somebody may have read it")
    if not found:
        yield Finding("secrets", "ok", "other users can read no file with a secret")


def tools(settings: Settings) -> Iterator[Finding]:
    """Whether what this machine needs beside smsq is there."""
    from smsq.worker.domain.errors import SmsqError
    from smsq.worker.processes.private_redis.redis_server import find_server

    if settings.redis_url is None:
        try:
            yield Finding(
                "tools", "ok", f"a private Redis can be started: {find_server(settings.redis_server, Path())}"
            )
        except SmsqError as error:
            said, _, cure = error.sentence.partition(" Either ")
            yield Finding(
                "tools", "fail", "no Redis server was found here, and SMSQ_REDIS_URL is not set", cure or said
            )
    try:
        zoneinfo.ZoneInfo("Asia/Almaty")
    except zoneinfo.ZoneInfoNotFoundError:
        said = "this machine does not know time zones: sending hours cannot be kept"
        yield Finding("tools", "fail", said, "pip install tzdata, or your system's tzdata")


def credentials(settings: Settings) -> Iterator[Finding]:
    """Whether this shell has the log-in for the gateway."""
    if _has_login(settings):
        yield Finding("log-in", "ok", f"set, for account {settings.account}")
    elif settings.redis_url:
        cure = "set SMSQ_LOGIN and SMSQ_PASSWORD, or SMSQ_APIKEY, where the workers run"
        yield Finding("log-in", "warn", "not set in this shell", cure)
    else:
        cure = "set SMSQ_LOGIN and SMSQ_PASSWORD, or SMSQ_APIKEY; without an account: `smsq up --sandbox`"
        yield Finding("log-in", "fail", "none is set, so nothing can be sent and `smsq up` does not start", cure)
    if settings.callback_secret is None:
        yield Finding(
            "callbacks",
            "warn",
            "SMSQ_CALLBACK_SECRET is not set in this shell: without it `smsq web` refuses all callbacks",
        )


def _has_login(settings: Settings) -> bool:
    return bool(settings.apikey or (settings.login and settings.password))


def mirrors(settings: Settings, *, is_up: bool = False) -> Iterator[Finding]:
    """Whether each mirror takes connections; real ones are left alone until there is a log-in.

    `is_up`: an `smsq up` of this home has one, though this shell need not.
    """
    from smsq.worker.domain.brands import BRANDS

    bases = settings.mirrors or BRANDS[settings.brand].mirrors
    for base in settings.clear_mirrors:
        said = f"{base}: anybody on the way can read the password, phones and texts"
        yield Finding("mirror", "warn", said, "write it with https:// in SMSQ_MIRRORS")
    if not (is_up or settings.is_sandboxed or _has_login(settings)):
        yield Finding("mirror", "warn", "none was tried: real mirrors are tried only when a log-in is set here")
        return
    with ThreadPoolExecutor(len(bases)) as pool:
        troubles = list(pool.map(lambda base: _reach_mirror(base, settings.connect_timeout_s), bases))
    is_cut_off = all(troubles)
    for base, trouble in zip(bases, troubles, strict=True):
        if not trouble:
            yield Finding("mirror", "ok", f"{base} takes connections")
            yield from _clock_of(base, settings.connect_timeout_s)
        else:
            cure = "check this machine's network and firewall" if is_cut_off else "the other mirrors are used meanwhile"
            yield Finding("mirror", "fail" if is_cut_off else "warn", f"{base}: {trouble}", cure, is_cut_off)


def _clock_of(base: str, timeout_s: float) -> Iterator[Finding]:
    """Whether the mirror's clock agrees with ours, if its answer to a HEAD of its front page tells the time."""
    parts = urlsplit(base)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    asked_at = time.time()
    with contextlib.closing(kind(parts.hostname or "", parts.port, timeout=timeout_s)) as line:
        try:
            line.request("HEAD", "/")
            told = line.getresponse().getheader("Date") or ""
            at = parsedate_to_datetime(told).timestamp()
        except (OSError, http.client.HTTPException, ValueError):
            return
    yield gateway_clock(base, at, asked_at, time.time() - asked_at)


def mail_server(settings: Settings, *, is_up: bool = False) -> Iterator[Finding]:
    """Whether the mail server takes connections, if messages leave as letters; a real one as with `mirrors`."""
    from smsq.worker.domain.brands import BRANDS
    from smsq.worker.settings import MAIL_PORTS

    if settings.transport != "smtp":
        return
    url = urlsplit(settings.smtp_url or BRANDS[settings.brand].mail_server)
    port = url.port or MAIL_PORTS[url.scheme]
    name = f"{url.scheme}://{url.hostname}:{port}"
    if settings.is_mail_clear:
        said = f"{name}: anybody on the way may read the password, phones and texts"
        yield Finding("mail server", "warn", said, "name one with smtp+starttls:// or smtps:// in SMSQ_SMTP_URL")
    if not (is_up or settings.is_sandboxed or _has_login(settings)):
        return
    tls = ssl.create_default_context() if url.scheme == "smtps" else None
    if trouble := reach(url.hostname or "", port, tls, settings.connect_timeout_s):
        cure = "many networks forbid port 25: name a mail server of yours in SMSQ_SMTP_URL, or send over HTTP"
        yield Finding("mail server", "fail", f"{name}: {trouble}", cure, True)
    else:
        yield Finding("mail server", "ok", f"{name} takes connections")


def smpp_hosts(settings: Settings, *, is_up: bool = False) -> Iterator[Finding]:
    """Whether each SMPP host takes connections, if messages leave over SMPP; real ones as with `mirrors`."""
    from smsq.worker.settings import SMPP_PORTS

    for base in settings.clear_smpp:
        said = f"{base}: anybody on the way can read the password, phones and texts"
        yield Finding("SMPP host", "warn", said, "write it with smpps:// in SMSQ_SMPP_URL")
    if settings.transport != "smpp" or not (is_up or settings.is_sandboxed or _has_login(settings)):
        return
    troubles = {}
    for base in settings.smpp_mirrors:
        url = urlsplit(base)
        tls = ssl.create_default_context(cafile=settings.smpp_ca) if url.scheme == "smpps" else None
        if tls is not None and settings.smpp_certificate:
            tls.load_cert_chain(settings.smpp_certificate)
        port = url.port or SMPP_PORTS[url.scheme]
        troubles[base] = reach(url.hostname or "", port, tls, settings.connect_timeout_s)
    is_cut_off = all(troubles.values())
    cure = "check SMSQ_SMPP_URL; the gateway takes only addresses that the account's page lists"
    for base, trouble in troubles.items():
        if not trouble:
            yield Finding("SMPP host", "ok", f"{base} takes connections")
        else:
            yield Finding("SMPP host", "fail" if is_cut_off else "warn", f"{base}: {trouble}", cure, is_cut_off)


def _reach_mirror(base: str, timeout_s: float) -> str:
    parts = urlsplit(base)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    return reach(parts.hostname or "", parts.port or (443 if tls else 80), tls, timeout_s)


def reach(host: str, port: int, tls: ssl.SSLContext | None, timeout_s: float) -> str:
    """Connect and leave; the trouble, '' for none."""
    try:
        with contextlib.ExitStack() as stack:
            line = stack.enter_context(socket.create_connection((host, port), timeout_s))
            if tls is not None:
                stack.enter_context(tls.wrap_socket(line, server_hostname=host))
    except OSError as error:
        return str(error.strerror or error) or type(error).__name__
    return ""
