"""How a setting's value is read: each function takes what is written, and raises ValueError with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from smsq.worker.domain import api_key
from smsq.worker.domain import phone as phones
from smsq.worker.domain.errors import BadPhone
from smsq.worker.domain.otp import LONGEST, SHORTEST
from smsq.worker.settings import watched
from smsq.worker.settings.secret import Secret

MAIL_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}  # meant if an address of a mail server has none
SMPP_PORTS = {"smpp": 3700, "smpps": 3443}  # PROTOCOL H.1
LEAST_SECRET = 32  # characters
LEAST_SHARED_SECRET = 16  # characters of what signs the gateway's calls


def text(written: str) -> str:
    """Any text."""
    return written


def secret(written: str) -> Secret:
    """A secret, whatever its length."""
    return Secret(written)


def shared_secret(written: str) -> Secret:
    """Read a secret that signs. It must not be short: from a digest of known words it could be found by trying."""
    if len(written) < LEAST_SHARED_SECRET:
        raise ValueError(
            f"at least {LEAST_SHARED_SECRET} characters at random, such as `openssl rand -hex 16` prints; "
            "the same goes into the gateway's own settings"
        )
    return Secret(written)


def secret_keys(written: str) -> Secret:
    """One key that seals, or several between commas: the first seals, all open."""
    keys = [each.strip() for each in written.split(",")]
    if any(len(each) < LEAST_SECRET for each in keys):  # a reader of the ledger could try keys against it
        raise ValueError(f"at least {LEAST_SECRET} characters at random, such as `openssl rand -base64 32` prints")
    return Secret(",".join(keys))


def api_keys(written: str) -> Secret:
    """The keys of callers, as `domain/api_key.py` reads them."""
    api_key.read(written)
    return Secret(written)


def path(written: str) -> Path:
    """A path, `~` being the home of the user."""
    return Path(written).expanduser()


def absolute(written: str) -> Path:
    """A path that does not hang on the working directory."""
    found = path(written)
    if not found.is_absolute():
        raise ValueError("an absolute path, such as /srv/smsq/files")
    return found


def flag(written: str) -> bool:
    """0 or 1, in the words people use for them."""
    if written.lower() in ("1", "true", "yes", "on"):
        return True
    if written.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("1 or 0")


def whole(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers in this range."""

    def read(written: str) -> int:
        if not (written.isascii() and written.isdigit() and low <= int(written) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(written)

    return read


def number(low: float, high: float) -> Callable[[str], float]:
    """A reader of numbers in this range."""

    def read(written: str) -> float:
        try:
            value = float(written)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return read


def money(written: str) -> Decimal:
    """An amount of money in the account's currency, 0 for none."""
    try:
        amount = Decimal(written)
    except ArithmeticError:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise ValueError("an amount of money, such as 100 or 99.50")
    return amount


_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def duration(unit: str) -> Callable[[str], float]:
    """`24 h`, `30 d`, `90 min`, `45 s`; a bare number counts in `unit`. The result is in seconds."""

    def read(written: str) -> float:
        bare = written.rstrip("abcdefghijklmnopqrstuvwxyz ").strip()
        suffix = written[len(bare) :].strip() or unit
        try:
            value = float(bare) * _UNITS[suffix]
        except (ValueError, KeyError):
            value = -1.0
        if not 0 <= value <= 3650 * 86400:
            raise ValueError("a duration such as 24 h, 90 min or 30 d")
        return value

    return read


def days(written: str) -> int:
    """A number of whole days."""
    many = duration("d")(written) / 86400
    if many != int(many) or many < 4:
        # Ids found absent are asked about for 72 hours: what they belong to must still be there.
        raise ValueError("whole days, at least 4")
    return int(many)


def ascending(written: str) -> tuple[float, ...]:
    """Seconds between commas, each longer than the one before."""
    values = tuple(number(0.1, 86400)(each.strip()) for each in written.split(","))
    if list(values) != sorted(values):
        raise ValueError("numbers of seconds that grow, such as 5,15,60")
    return values


def urls(*schemes: str) -> Callable[[str], str]:
    """A reader of addresses with one of these schemes."""

    def read(written: str) -> str:
        scheme, mark, rest = written.partition("://")
        if not mark or not rest or scheme not in schemes:
            raise ValueError("an address that starts with " + " or ".join(f"{each}://" for each in schemes))
        return written

    return read


def redis_url(*schemes: str) -> Callable[[str], str]:
    """An address whose password cannot be read as anything else: a `#` or `/` in it would end the host's name."""
    reader = urls(*schemes)

    def read(written: str) -> str:
        if watched.is_watched(written):
            return watched_url(written)
        reader(written)
        try:
            parts = urlsplit(written)
            has_place = bool(parts.path if parts.scheme == "unix" else parts.hostname) and parts.port != 0
        except ValueError:  # its message has a part of the password
            has_place = False
        number = parts.path.removeprefix("/") if has_place and parts.scheme != "unix" else ""
        is_number = not number or (number.isascii() and number.isdigit())
        if not has_place or not is_number or parts.fragment or "@" in parts.path:
            raise ValueError(
                f"an address such as {schemes[0]}://user:password@host:6379/0, with each # ? / [ ] @ and % of the "
                "password written as %23 %3F %2F %5B %5D %40 and %25"
            )
        return written

    return read


def watched_url(written: str) -> str:
    """The address of a Redis that Sentinel watches."""
    try:
        watched.read(written)
    except ValueError:  # its message may have a part of the password
        raise ValueError(
            "an address such as redis+sentinel://user:password@host:26379,host:26379,host:26379/name/0, with each "
            "# ? / [ ] @ , and % of the password written as %23 %3F %2F %5B %5D %40 %2C and %25, of these options: "
            + ", ".join(watched.OPTIONS)
        ) from None
    return written


AMQP_OPTIONS = ("heartbeat", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def broker_url(written: str) -> str:
    """The address of a Redis, or of a RabbitMQ with a virtual host and the options of AMQP_OPTIONS."""
    urls("redis", "rediss", "unix", *watched.SCHEMES, "amqp", "amqps")(written)
    if not written.startswith("amqp"):
        return redis_url("redis", "rediss", "unix")(written)
    try:
        parts = urlsplit(written)
        told = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        has_place = bool(parts.hostname) and parts.port != 0
        is_whole = (parts.username is None) == (parts.password is None)
    except ValueError:  # its message may have a part of the password
        has_place = False
    if not has_place or not is_whole or parts.fragment or "@" in parts.path or "/" in parts.path[1:]:
        raise ValueError(
            "an address such as amqp://user:password@host:5672/vhost, with each # ? / [ ] @ and % of the password or "
            "of the virtual host written as %23 %3F %2F %5B %5D %40 and %25"
        )
    if unknown := told.keys() - set(AMQP_OPTIONS):
        raise ValueError(f"of these options: {', '.join(AMQP_OPTIONS)}; not {', '.join(sorted(unknown))[:60]}")
    if not told.get("heartbeat", "10").isdecimal():
        raise ValueError("a heartbeat in whole seconds, such as ?heartbeat=10")
    return written


def mirrors(written: str) -> tuple[str, ...]:
    """Base addresses between commas."""
    bases = tuple(each.strip().rstrip("/") for each in written.split(",") if each.strip())
    if not bases or any("@" in base or "?" in base for base in bases):
        raise ValueError("base addresses separated by commas, without log-in or parameters")
    for base in map(urls("http", "https"), bases):
        try:
            is_good = bool(urlsplit(base).hostname) and urlsplit(base).port != 0
        except ValueError:
            is_good = False
        if not is_good:
            raise ValueError("addresses such as https://smsc.ru, with commas between them")
    different = {
        urlsplit(base)._replace(scheme=urlsplit(base).scheme.lower(), netloc=urlsplit(base).netloc.lower())
        for base in bases
    }
    if len(different) < len(bases):  # one mirror must not confirm absence as its own second
        raise ValueError("each address once")
    return tuple(bases)


def smpp(written: str) -> tuple[str, ...]:
    """One address or several: the first, and where to go if it cannot be reached."""
    bases = tuple(each.strip().rstrip("/") for each in written.split(",") if each.strip())
    for base in map(urls("smpp", "smpps"), bases):
        try:
            parts = urlsplit(base)
            is_good = bool(parts.hostname) and parts.port != 0 and not (parts.path or parts.query or parts.password)
        except ValueError:
            is_good = False
        if not is_good:
            raise ValueError(
                "addresses such as smpps://login@smpp.smscentre.com:3443; the password is SMSQ_SMPP_PASSWORD"
            )
    if not bases:
        raise ValueError("an address such as smpps://login@smpp.smscentre.com:3443")
    return bases


def smpp_password(written: str) -> Secret:
    """A password of eight characters at most (PROTOCOL H.1)."""
    if len(written) > 8 or not written.isascii():  # SMPP 3.4, 4.1.5: a longer one would be cut without a word
        raise ValueError("up to 8 Latin letters, digits and signs, as the gateway's page for access passwords made it")
    return Secret(written)


def mail_server(written: str) -> str:
    """The address of a mail server; its password is a setting of its own."""
    try:
        parts = urlsplit(written)
        is_good = parts.scheme in MAIL_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.password is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            "an address such as smtp://host:25 or smtp+starttls://login@host:587; the password is SMSQ_SMTP_PASSWORD"
        )
    return written.rstrip("/")


_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}", re.ASCII)


def mail_address(written: str) -> str:
    """One mail address."""
    if _MAIL_ADDRESS.fullmatch(written) is None:
        raise ValueError("a mail address such as sms@example.com")
    return written


def one_of(*words: str) -> Callable[[str], str]:
    """A reader of one of these words."""

    def read(written: str) -> str:
        if written not in words:
            raise ValueError(" or ".join(words))
        return written

    return read


def test_codes(written: str) -> dict[int, str]:
    """Phones with the code that each always gets."""
    codes: dict[int, str] = {}
    for each in filter(None, (pair.strip() for pair in written.split(","))):
        phone, _, code = each.partition(":")
        if not (code.isascii() and code.isdigit() and SHORTEST <= len(code) <= LONGEST):
            raise ValueError(
                "phone:code pairs separated by commas, such as +79990000001:482107, codes of 4 to 8 digits"
            )
        try:
            codes[phones.parse(phone)] = code
        except BadPhone as error:
            raise ValueError(f"phones that can be: {error.sentence}") from None
    return codes


def phones_list(written: str) -> tuple[int, ...]:
    """Phones with commas between them, each once."""
    try:
        return tuple(dict.fromkeys(phones.parse(each) for each in written.split(",") if each.strip()))
    except BadPhone as error:
        raise ValueError(f"phones with commas between them: {error.sentence}") from None


def address(written: str) -> str:
    """A host and a port."""
    host, mark, port = written.rpartition(":")
    if not mark or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("host:port, such as 127.0.0.1:8080")
    return written
