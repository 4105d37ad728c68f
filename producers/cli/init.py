"""`smsq init`: asks what a real account needs, tries it without cost, and writes it down.

A log-in is tried once: after several refused ones the gateway blocks an address. Nothing is written before all is known
and checked, and nothing that is there is replaced without being asked.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smsq.worker.domain.brands import BRANDS
from smsq.worker.domain.errors import BadInput, BadSettings, LedgerTrouble, SmsqError

if TYPE_CHECKING:
    from smsq.producers.first_settings import FirstSettings
    from smsq.worker.settings import Settings

PRIVATE = "private"  # a Redis that `smsq up` starts by itself
SECRET_FILES = ("password", "apikey")
REPORTS = "?charset=utf-8&fmt=3&sha1=1"  # docs/quickstart.md, Statuses by callback


@click.command("init")
@click.option(
    "--brand", type=click.Choice(list(BRANDS)), envvar="SMSQ_BRAND", help="Whose service the account is with."
)
@click.option("--login", envvar="SMSQ_LOGIN", help="The account's log-in; none with an API key.")
@click.option("--password-file", envvar="SMSQ_PASSWORD_FILE", help="A file with the password; - is standard input.")
@click.option("--apikey-file", envvar="SMSQ_APIKEY_FILE", help="A file with an API key instead; - is standard input.")
@click.option("--redis", "redis_url", envvar="SMSQ_REDIS_URL", help=f"Address of the ledger's Redis, or {PRIVATE}.")
@click.option("--callback-url", envvar="SMSQ_CALLBACK_URL", help="Public address of `smsq web`/callback, or none.")
@click.option("--mirrors", envvar="SMSQ_MIRRORS", help="Addresses of the gateway instead of the brand's: of a sandbox.")
@click.option("--folder", type=click.Path(file_okay=False, exists=True, path_type=Path), default=Path(), help="Where.")
@click.option("--yes", is_flag=True, help="Ask nothing; what is not given has its default.")
@click.option("--force", is_flag=True, help="Replace the files of an earlier time.")
@click.option("--no-check", "is_unchecked", is_flag=True, help="Try neither the log-in nor Redis.")
def command(
    brand: str | None,
    login: str | None,
    password_file: str | None,
    apikey_file: str | None,
    redis_url: str | None,
    callback_url: str | None,
    mirrors: str | None,
    folder: Path,
    yes: bool,
    force: bool,
    is_unchecked: bool,
) -> None:
    """Write smsq.toml and the files of secrets for a real account, after trying both the log-in and Redis."""
    from smsq.producers.first_settings import FirstSettings, in_the_way, write

    asks = not yes and sys.stdin.isatty()
    _may_replace(in_the_way(folder), asks=asks, force=force)
    ask: Callable[[str, str], str] = (lambda what, default: str(click.prompt(what, default))) if asks else _default
    plain = {"brand": brand or ask(f"Brand ({', '.join(BRANDS)})", next(iter(BRANDS)))}
    kind, secret = _secret(password_file, apikey_file, asks=asks, login=login)
    if kind == "password":
        plain["login"] = login or (click.prompt("Log-in") if asks else "")
        if not plain["login"]:
            raise BadInput("give the log-in: --login or SMSQ_LOGIN; or an API key: --apikey-file")
        secret = secret or click.prompt("Password", hide_input=True)
    else:
        secret = secret or click.prompt("API key", hide_input=True)
    if mirrors:
        plain["mirrors"] = mirrors
    hidden = {kind: secret}
    where = redis_url or ask(f"Redis (an address such as redis://host:6379/0, or {PRIVATE})", PRIVATE)
    if where != PRIVATE:
        (hidden if "@" in where else plain)["redis_url"] = where
    public = callback_url or ask("Public address for the gateway's statuses (https://.../callback, or none)", "none")
    if public != "none":
        plain["callback_url"] = public
        hidden["callback_secret"] = secrets.token_hex(16)
    told = FirstSettings(plain=plain, secrets=hidden)
    settings = told.check(folder / ".smsq")
    if not is_unchecked:
        _try_redis(settings)
        _try_gateway(settings)
    for path in write(folder, told):
        click.echo(f"written   {path}")
    _say_next(told)


def _default(_: str, default: str) -> str:
    return default


def _may_replace(there: list[Path], *, asks: bool, force: bool) -> None:
    """Raise BadInput unless what is there may be replaced."""
    if not there or force:
        return
    named = ", ".join(map(str, there))
    if not asks:
        raise BadInput(f"there already: {named}; --force replaces them")
    if not click.confirm(f"There already: {named}. Replace?", default=False):
        raise BadInput("nothing was changed")


def _secret(password_file: str | None, apikey_file: str | None, *, asks: bool, login: str | None) -> tuple[str, str]:
    """Which secret there is, `password` or `apikey`, and its value; '' if a person is to type it."""
    if password_file and apikey_file:
        raise BadInput("a password or an API key, not both")
    for kind, path in zip(SECRET_FILES, (password_file, apikey_file), strict=True):
        if path:
            return kind, _read(path, kind)
        if value := os.environ.get(f"SMSQ_{kind.upper()}"):
            return kind, value
    if not asks:
        raise BadInput("give the password in a file: --password-file PATH, or - for standard input; or --apikey-file")
    if login is None and click.confirm("Do you have an API key? (No: log-in and password)", default=False):
        return "apikey", ""
    return "password", ""


def _read(path: str, kind: str) -> str:
    try:
        raw = sys.stdin.readline() if path == "-" else Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"the file with the {kind} cannot be read: {path}") from None
    if not (held := raw.strip()):
        raise BadInput(f"the {kind} is empty")
    return held


def _try_redis(settings: Settings) -> None:
    """Whether this Redis keeps what it acknowledges, and is nobody else's. Raises LedgerTrouble, BadSettings."""
    if settings.redis_url is None:
        from smsq.worker.processes.private_redis.redis_server import find_server

        click.echo(f"Redis     `smsq up` will start {find_server(settings.redis_server, settings.home)}")
        return
    from smsq.worker.ledger.keys import Keys
    from smsq.worker.ledger.ledger import Ledger
    from smsq.worker.redis_client import connect, where

    ledger = Ledger(connect(settings.redis_url), Keys())
    try:
        ledger.check_durable()
        owner = ledger.stamp().account
    except LedgerTrouble as error:
        raise type(error)(f"{where(settings.redis_url)}: {error.sentence}") from None
    finally:
        ledger.close()
    if owner and owner != settings.account:
        raise BadSettings(f"this ledger belongs to {owner}, not to {settings.account}: use another Redis or database")
    click.echo(f"Redis     {where(settings.redis_url)} answers and keeps what it acknowledges")


def _try_gateway(settings: Settings) -> None:
    """Ask for the balance, once. Raises SmsqError."""
    from smsq.worker.questions.first_login import try_login
    from smsq.worker.runtime import login_of

    try:
        answer = try_login(
            settings.mirrors or BRANDS[settings.brand].mirrors,
            login_of(settings),
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
        )
    except SmsqError as error:
        error.sentence += "; nothing was written. It was tried once: several refused log-ins block an address"
        raise
    click.echo(f"gateway   takes the log-in; balance {answer.balance} {answer.currency}".rstrip())


def _say_next(told: FirstSettings) -> None:
    named = {f"SMSQ_{name.upper()}" for name in ("brand", "login", *told.plain, *told.secrets)}
    if wins := sorted(named & os.environ.keys()):
        click.echo(f"note      {', '.join(wins)} of this shell wins over the file: unset it")
    click.echo('\nNext, in this folder:\n\n  smsq up\n  smsq doctor\n  smsq cost +79991234567 "Hi"    # sends nothing')
    if url := told.plain.get("callback_url"):
        click.echo(
            f"\nIn the gateway's user settings, register {url.partition('?')[0]}{REPORTS}\n"
            "with the secret in secrets/callback_secret."
        )
