"""Builds everything once: from settings to ledger, queues, journal and transport.

Nothing else reads settings and makes connections; other parts receive the two or three values that they need.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from smsq.worker.clock import Clock
from smsq.worker.domain.brands import BRANDS
from smsq.worker.domain.errors import BadSettings
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.numbers import SEND_ERRORS, delivery_error
from smsq.worker.gateway.options import parts_of
from smsq.worker.host.files import Files
from smsq.worker.host.health import Health
from smsq.worker.host.journal import Journal
from smsq.worker.ledger import Keys, Ledger
from smsq.worker.ledger.campaigns.copying import Copying
from smsq.worker.ledger.otp.shield import Shield
from smsq.worker.ledger.views import CampaignView, Views
from smsq.worker.metrics import Metrics
from smsq.worker.otp.one_time_codes import OneTimeCodes
from smsq.worker.queues.broker import check_available, make_broker
from smsq.worker.queues.hint_broker import HintBroker
from smsq.worker.queues.hints import Hints
from smsq.worker.queues.middleware import ActorMetrics
from smsq.worker.redis_client import TIMEOUT_S, connect, next_database
from smsq.worker.sealing import Sealer
from smsq.worker.settings import NO_LOGIN, Settings
from smsq.worker.transports import Transport
from smsq.worker.transports.mirrors import Mirrors
from smsq.worker.transports.table import TRANSPORTS, http

if TYPE_CHECKING:
    from smsq.worker.traces import Traces
    from smsq.worker.transports.http import HttpTransport

FINGERPRINT_ROUNDS = 200_000  # a twelfth of a second, once per process


@dataclass
class Runtime:
    """What one process works with. Connections are made at first use."""

    settings: Settings
    redis_url: str
    broker_url: str
    hint_timeout_s: float = TIMEOUT_S
    clock: Clock = field(default_factory=Clock)
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def build(cls, settings: Settings, *, hint_timeout_s: float = TIMEOUT_S) -> Runtime:
        """A runtime on the Redis that the settings name. Raises BadSettings if they name none.

        `hint_timeout_s` limits the wait for a reply of the queues: a process that only gives hints can wait less.
        """
        if not settings.redis_url:
            raise BadSettings(
                "SMSQ_REDIS_URL is not set and no `smsq up` runs in this home: "
                "start it in another terminal, or set SMSQ_REDIS_URL"
            )
        if settings.test_codes and not settings.is_sandboxed:
            raise BadSettings(
                "SMSQ_TEST_CODES fixes codes that anybody can know, so it works only with a sandbox, if all "
                "SMSQ_MIRRORS are on this machine: on a real account it would let anybody in"
            )
        broker_url = settings.broker_url or next_database(settings.redis_url)
        check_available(broker_url)
        if settings.traces and importlib.util.find_spec("opentelemetry") is None:
            raise BadSettings(
                "SMSQ_TRACES is set, and the libraries for it are not installed: python -m pip install 'smsq[otel]'"
            )
        return cls(settings, settings.redis_url, broker_url, hint_timeout_s)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, with this process' journal as the witness of enrolments."""
        ledger = Ledger(connect(self.redis_url, blocking_s=2.0), Keys(), self.clock)
        ledger.make_sealer = lambda: self.sealer
        ledger.witness = self.journal.enrolment
        ledger.order_witness = self.journal.order
        ledger.on_final = self.metrics.final
        ledger.guests = self.settings.guests
        return ledger

    @cached_property
    def sealer(self) -> Sealer:
        """What seals codes in the ledger. Raises BadSettings if the home's own key cannot be made or read."""
        secret = self.settings.secret_key
        return Sealer.of(secret.reveal() if secret else None, self.settings.home)

    @cached_property
    def views(self) -> Views:
        """The read side of the ledger."""
        return Views(self.ledger, explain)

    def copying(self, origin: CampaignView) -> Copying:
        """The messages of a campaign, to be enrolled for another one."""
        return Copying(self.ledger, origin, parts_of)

    @cached_property
    def otp(self) -> OneTimeCodes:
        """One-time codes, on this ledger."""
        return OneTimeCodes(self.ledger, self.views, self.settings, self.shield)

    @cached_property
    def shield(self) -> Shield:
        """The pumping shield, which decides whether a code may be sent."""
        return Shield(self.ledger, self.settings.shield_limits, lambda: self.sealer.key().digest("shield"))

    @cached_property
    def journal(self) -> Journal:
        """The journal of this process."""
        return Journal(self.settings.home, fsync=self.settings.accept_loss, clock=self.clock)

    @cached_property
    def files(self) -> Files:
        """Files of messages, on this host's disk or one that hosts share."""
        return Files(self.settings.files or self.settings.home / "files", self.ledger.birth, self.clock)

    @cached_property
    def broker(self) -> HintBroker:
        """The queues."""
        return make_broker(self.broker_url, [ActorMetrics(self.metrics)], timeout_s=self.hint_timeout_s)

    @cached_property
    def hints(self) -> Hints:
        """What gives hints to the workers."""
        return Hints(self.broker)

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics of this process."""
        return Metrics.of_process()

    @cached_property
    def traces(self) -> Traces | None:
        """What records spans; None if nothing is traced."""
        if self.settings.traces is None:
            return None
        from smsq.worker.traces import Traces  # its libraries take half a second

        return Traces(self.settings.traces)

    @cached_property
    def login(self) -> Login:
        """Our log-in at the gateway. Raises BadSettings if neither password nor key is set."""
        return login_of(self.settings)

    @cached_property
    def credentials(self) -> str:
        """A fingerprint of log-in and password, so that a login halted for bad ones goes on with others.

        It is the same on every host, whatever its home, since a halt must stop all hosts. It is slow to make and
        peppered by `SMSQ_SECRET_KEY`, since somebody who reads the ledger could try passwords against it.
        """
        salt = self.settings.account.encode()
        if self.settings.secret_key:
            salt = hmac.digest(self.settings.secret_key.reveal().encode(), salt, "sha256")
        said = f"{self.login.login}\0{self.login.secret}".encode()
        return _fingerprint(said, salt)

    @cached_property
    def mirrors(self) -> Mirrors:
        """The mirrors that are asked: those of the brand, or those that the settings name."""
        bases = self.settings.mirrors or BRANDS[self.settings.brand].mirrors
        return Mirrors(bases, self.clock, on_seen=self.metrics.mirror_up)

    @cached_property
    def send_mirrors(self) -> Mirrors:
        """The mirrors that messages go to: the same as those that are asked, unless messages leave by another wire."""
        addresses = TRANSPORTS[self.settings.transport].mirrors
        if addresses is None:
            return self.mirrors
        return Mirrors(addresses(self.settings), self.clock, on_seen=self.metrics.mirror_up)

    @cached_property
    def health(self) -> Health:
        """What is known about whether this process can send."""
        return Health(self.mirrors, self.send_mirrors)

    @cached_property
    def http(self) -> HttpTransport:
        """The transport of questions, and of messages if they go over HTTP: both share its lines."""
        return http(self.settings, self.login, self.clock)

    @cached_property
    def transport(self) -> Transport:
        """The transport of messages."""
        make = TRANSPORTS[self.settings.transport].make
        return self.http if make is http else make(self.settings, self.login, self.clock)

    def at_each_exchange(self, what: Callable[[], None]) -> None:
        """Call `what` around every exchange with ledger and queues; set this before the first one."""
        self.ledger.at_each_exchange(what)
        self.broker.at_each_exchange(what)

    def check_ledger(self) -> None:
        """Raise LedgerWeak or LedgerForeign if this ledger must not be used."""
        if not self.settings.accept_loss:
            self.ledger.check_durable()


@lru_cache(maxsize=8)  # it is slow on purpose, and a process may build several runtimes
def _fingerprint(said: bytes, salt: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", said, salt, FINGERPRINT_ROUNDS).hex()[:16]


def login_of(settings: Settings) -> Login:
    """Our log-in at the gateway. Raises BadSettings if neither password nor key is set."""
    if settings.apikey:
        return Login("", settings.apikey.reveal(), is_key=True)
    if not settings.login or not settings.password:
        raise BadSettings(NO_LOGIN)
    return Login(settings.login, settings.password.reveal())


def explain(code: int, at_the_door: bool) -> str:
    """An error code in words: of the request if the gateway refused it (`at_the_door`), else of the delivery."""
    row: Any = SEND_ERRORS.get(code) if at_the_door else None
    return row.meaning if row is not None else delivery_error(code)
