"""Every setting: its type, its default, its help and its allowed values.

The only reader of the environment and of `smsq.toml`. `Settings.load` is called once per process; the rest of the
program receives the values it needs, not the environment. `table.py` has a row for each, from which `docs/settings.md`
is written. Here is never what one of them does.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec

from smsq.worker import ownership
from smsq.worker.domain import limits
from smsq.worker.domain.errors import BadSettings
from smsq.worker.domain.guests import EVERYBODY, Guests
from smsq.worker.settings.masks import masked
from smsq.worker.settings.readers import MAIL_PORTS as MAIL_PORTS
from smsq.worker.settings.readers import SMPP_PORTS as SMPP_PORTS
from smsq.worker.settings.secret import Secret as Secret
from smsq.worker.settings.sources import FILE_NAME as FILE_NAME
from smsq.worker.settings.sources import from_environ, from_file, together, value_of
from smsq.worker.settings.sources import secret_files as secret_files
from smsq.worker.settings.sources import with_values as with_values
from smsq.worker.settings.table import FIELDS as FIELDS
from smsq.worker.settings.table import PREFIX as PREFIX
from smsq.worker.settings.table import of_shield

NO_LOGIN = "set SMSQ_LOGIN and SMSQ_PASSWORD, or SMSQ_APIKEY (each may come from a file: SMSQ_PASSWORD_FILE)"
LEASE_OVER_READ = 15.0  # seconds a claim may take beyond its read timeout: connecting, settling, a slow ledger
LEAST_LEASE_OVER_READ = 1.0  # below this a send that is merely slow would be called doubtful
# A silent SMPP link lives for two minutes (PROTOCOL H.1), and the gateway waits a minute for missing parts (H.2). What
# did not leave of a batch waits for the end of a doubt in it, so batches are small.
SMPP_DEFAULTS = {"peer_close_s": 120.0, "doubt_settle_s": 420.0, "batch_size": 25}


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
    smpp_url: tuple[str, ...]  # empty: none is set
    smpp_password: Secret | None
    smpp_system_type: str
    smpp_window: int
    smpp_parts_s: float
    smpp_certificate: str | None
    smpp_ca: str | None
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
    answers_every_s: float
    rate: float | None
    reserve: Decimal
    stop_if_bad: float
    stop_if_bad_of: int
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
    callback_url: str | None  # None: not told
    alerts_key: Secret | None
    oncall: tuple[int, ...]
    oncall_sender: str | None
    oncall_per_hour: int
    oncall_repeat_s: float
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
    guests: Guests
    files: Path | None  # None: a folder of the home
    files_mb: float
    most_files: int
    traces: str | None
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
    def load(
        cls, environ: Mapping[str, str] | None = None, file: Path | None = None, *, sends: bool = True
    ) -> Settings:
        """Read and check everything. Raises BadSettings with the variable, the given value and what is allowed.

        The environment wins over the file. Without `environ` it is the process's own, and the file then is
        `smsq.toml` of the working directory if there is one. An empty value counts as not set. A file or a
        home that others may write is refused. With `sends` False what only workers need may be missing: what
        signs them in over SMPP and SMTP.
        """
        if file is None and environ is None and Path(FILE_NAME).is_file():
            file = Path(FILE_NAME)
        environ = os.environ if environ is None else environ
        written = together(from_environ(environ), from_file(file) if file else {})
        values = {field.name: value_of(field, written) for field in FIELDS}
        if values["mirrors"] is None:
            values["mirrors"] = ()
        values["smpp_url"] = values["smpp_url"] or ()
        values["test_codes"] = values["test_codes"] or {}
        values["oncall"] = values["oncall"] or ()
        values["guests"] = values["guests"] or EVERYBODY
        if values["transport"] == "smpp":
            for name, value in SMPP_DEFAULTS.items():
                if PREFIX + name.upper() not in written:
                    values[name] = value
        if values["lease_s"] is None:
            values["lease_s"] = values["read_timeout_s"] + LEASE_OVER_READ
        settings = cls(**values)
        _check_together(settings)
        if sends:
            _check_sending(settings)
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
            field.variable: field.write(value) if field.write else masked(value, is_address=field.is_address)
            for field in FIELDS
            for value in [getattr(self, field.name)]
        }

    @property
    def is_sandboxed(self) -> bool:
        """Whether nothing leaves this machine: the settings name every mirror, and all are on this machine.

        So is the server that messages go to, if they leave by another wire.
        """
        sends_to = {"smtp": (self.smtp_url or "",), "smpp": self.smpp_url}.get(self.transport, ())
        return bool(self.mirrors) and all(map(_is_here, (*self.mirrors, *sends_to)))

    @property
    def clear_smpp(self) -> list[str]:
        """SMPP hosts to which password, phones and texts travel unencrypted over a network."""
        hosts = self.smpp_mirrors if self.transport == "smpp" else ()
        return [base for base in hosts if base.startswith("smpp:") and not _is_here(base)]

    @property
    def late_s(self) -> float:
        """How long after its claim a message may still arrive, or show that only a part of it did."""
        parts_s = self.smpp_parts_s if self.transport == "smpp" else 0.0
        return self.peer_close_s + self.arrival_s + parts_s

    @property
    def smpp_login(self) -> str:
        """The log-in that sessions are bound with: the one in SMSQ_SMPP_URL, else the account's."""
        told = next((urlsplit(each).username for each in self.smpp_url if urlsplit(each).username), None)
        return unquote(told) if told else self.login or ""

    @property
    def smpp_mirrors(self) -> tuple[str, ...]:
        """The addresses of SMSQ_SMPP_URL without a log-in, in the order in which they are tried."""
        return tuple(
            urlsplit(each)._replace(netloc=urlsplit(each).netloc.rpartition("@")[2]).geturl() for each in self.smpp_url
        )

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
        return limits.Limits(**{name: getattr(self, of_shield(name)) for name in limits.READINGS})

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value}' for name, value in self.shown().items())})"


def _is_here(url: str) -> bool:
    """Whether an address is of this machine; no name server is asked."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_together(settings: Settings) -> None:
    """The rules between settings."""
    late = settings.late_s + settings.visible_s
    named = "SMSQ_PEER_CLOSE_S + SMSQ_ARRIVAL_S + SMSQ_VISIBLE_S"
    if settings.transport == "smpp":
        named += " + SMSQ_SMPP_PARTS_S"
    least_lease = settings.read_timeout_s + LEAST_LEASE_OVER_READ
    rules = (
        (
            settings.doubt_settle_s > late,
            f"SMSQ_DOUBT_SETTLE_S: {settings.doubt_settle_s:g} is not valid; the window must exceed "
            f"{named}, which are {late:g} seconds together",
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
    )
    _require(rules)


def _check_sending(settings: Settings) -> None:
    """What a process that sends needs."""
    rules = (
        (
            settings.transport != "smpp" or (bool(settings.smpp_url) and settings.smpp_password is not None),
            "SMSQ_TRANSPORT is smpp: set SMSQ_SMPP_URL and SMSQ_SMPP_PASSWORD (of the gateway's page for passwords)",
        ),
        (
            settings.transport != "smpp" or bool(settings.smpp_login),
            "SMSQ_TRANSPORT is smpp: give the log-in in SMSQ_SMPP_URL (smpps://login@host) or in SMSQ_LOGIN",
        ),
        (
            (settings.smtp_password is not None) == ("@" in (settings.smtp_url or "")),
            "SMSQ_SMTP_PASSWORD goes with a log-in in SMSQ_SMTP_URL, such as smtp+starttls://login@host:587: set both",
        ),
    )
    _require(rules)


def _require(rules: Iterable[tuple[bool, str]]) -> None:
    for holds, sentence in rules:
        if not holds:
            raise BadSettings(sentence)
