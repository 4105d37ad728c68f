"""Sessions over SMPP: bound to the address that is asked for, one at a time, and bound again when one has ended.

If messages are to go to another address, a new session is bound there; the old one takes no new submits and unbinds
once its answers have come. A refused bind is not tried again for a while, longer each time.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import certifi

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import BadInput, Unreachable
from smsq.worker.gateway.smpp import pdus
from smsq.worker.gateway.smpp.pdus import BadPdu, Bind, Head
from smsq.worker.settings import SMPP_PORTS
from smsq.worker.transports.smpp.line import SmppLine
from smsq.worker.transports.smpp.session import Delivery, Session
from smsq.worker.transports.smpp.throttle import Throttle
from smsq.worker.transports.smpp.wire import Wire
from smsq.worker.transports.sockets import DeadlineSocket, dial, secure, tls_context

LATIN = "ISO"  # the system type of a session without the GSM alphabet
FIRST_REFUSED_S, LAST_REFUSED_S = 5.0, 300.0  # between binds that the gateway refuses
PLACE_LOOK_S = 0.25  # between looks whether the session lives, while its window is full
RETIRE_S = 60.0  # for so long a session that is replaced waits for its last answers

# Why a bind was refused, by status (SMPP 3.4, 5.1.3).
_REFUSALS = {
    0x05: "it says that we are bound already",
    0x0D: "it refused the bind",
    0x0E: "wrong password for SMPP",
    0x0F: "wrong log-in for SMPP",
    0x53: "it does not take this system type",
    0x58: "too many binds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How sessions are bound."""

    bind: Bind
    window: int = 50
    has_backup: bool = False  # there is another address
    cut_s: float = 120.0  # how long the gateway lets a silent session live; we ask three times as often
    certificate: str | None = None  # a file with our certificate and its key
    ca_file: str | None = None  # certificates to trust, by default those that come with `requests`


def _nobody(delivery: Delivery) -> None:
    """The default of `on_delivery`: no answer, so that the gateway delivers it again."""


@dataclass
class _Refused:
    """Binds that were refused at one address."""

    until: float = 0.0
    pause_s: float = FIRST_REFUSED_S
    why: str = field(default="", repr=False)


class SmppTransport:
    """Opens lines on bound sessions. `on_delivery` gets what the gateway delivers; set it before the first line."""

    def __init__(
        self,
        terms: Terms,
        *,
        connect_timeout_s: float = 4.0,
        silence_s: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self._terms = terms
        self._connect_timeout_s = connect_timeout_s
        self._silence_s = silence_s
        self._clock = clock or Clock()
        self._lock = threading.Lock()  # of the fields below
        self._binding: dict[str, threading.Lock] = {}
        self._session: Session | None = None
        self._throttles: dict[str, Throttle] = {}
        self._retired: list[Session] = []
        self._refused: dict[str, _Refused] = {}
        self._is_closed = False
        self._context: ssl.SSLContext | None = None
        self.on_delivery: Callable[[Delivery], None] = _nobody
        self.used_at = self._clock.monotonic()

    def open(self, mirror: str, timeout_s: float | None = None) -> SmppLine:
        """A free place of the session with `mirror`, which is bound if need be; raises Unreachable."""
        self.used_at = self._clock.monotonic()
        within_s = min(timeout_s or self._connect_timeout_s, self._connect_timeout_s)
        session = self._bound(mirror, within_s)
        self._take_place(session)
        line = SmppLine(session, self._throttle_of(mirror), self._clock, is_latin=self._terms.bind.system_type == LATIN)
        if not session.is_alive:
            raise Unreachable(f"the session with {mirror} is over")
        return line

    def _take_place(self, session: Session) -> None:
        """Wait for a free place; a full window is no reason to go elsewhere, so the wait may be as long as a send."""
        until = self._clock.monotonic() + self._silence_s
        while not session.places.acquire(timeout=PLACE_LOOK_S):
            if not session.is_alive:
                raise Unreachable(f"the session with {session.mirror} is over")
            if self._clock.monotonic() >= until:
                raise Unreachable(f"{session.mirror} gave no free place of its window")

    @property
    def is_bound(self) -> bool:
        """Whether there is a session."""
        session = self._session
        return session is not None and session.is_alive

    def warm(self, mirror: str) -> None:
        """Have a session with `mirror`; raises Unreachable."""
        self._bound(mirror, self._connect_timeout_s)

    def reach(self, mirror: str) -> None:
        """The same: a bind tells more than a connection."""
        self._bound(mirror, self._connect_timeout_s)

    def close(self) -> None:
        """Unbind every session in order; call it when no send is running any more."""
        with self._lock:
            self._is_closed = True
            sessions = [*self._retired, *([self._session] if self._session else [])]
            self._session, self._retired = None, []
        for session in sessions:
            session.unbind()

    def _bound(self, mirror: str, within_s: float) -> Session:
        with self._lock:
            binding = self._binding.setdefault(mirror, threading.Lock())
        until = self._clock.monotonic() + within_s
        if not binding.acquire(timeout=within_s):
            raise Unreachable(f"{mirror} cannot be reached: binding took too long")
        try:
            session = self._session
            if session is not None and session.mirror == mirror and session.is_alive:
                if session.is_silent and self._terms.has_backup:
                    raise Unreachable(f"{mirror} owes answers and is silent")
                return session
            return self._bind(mirror, max(0.05, until - self._clock.monotonic()))
        finally:
            binding.release()

    def _bind(self, mirror: str, within_s: float) -> Session:
        refused = self._refused.setdefault(mirror, _Refused())
        if self._clock.monotonic() < refused.until:
            raise Unreachable(f"{mirror} cannot be used: {refused.why}")
        try:
            session = self._connect(mirror, within_s)
        except _BindRefused as error:
            refused.why = error.why
            refused.until = self._clock.monotonic() + refused.pause_s
            refused.pause_s = min(LAST_REFUSED_S, refused.pause_s * 2)
            raise Unreachable(f"{mirror} cannot be used: {error.why}") from None
        except (OSError, ValueError, BadPdu) as error:
            raise Unreachable(f"{mirror} cannot be reached: {_why(error)}") from None
        except BadInput as error:
            raise Unreachable(f"{mirror} cannot be used: {error.sentence}") from None
        del self._refused[mirror]
        with self._lock:
            old, is_closed = self._session, self._is_closed
            if not is_closed:
                self._session = session
                if old is not None and not old.ended.is_set():
                    self._retired.append(old)
                    threading.Thread(target=self._retire, args=(old,), name="smpp-retire", daemon=True).start()
        if is_closed:
            session.unbind()
            raise Unreachable("the transport was closed")
        return session

    def _connect(self, mirror: str, within_s: float) -> Session:
        url = urlsplit(mirror)
        host, is_tls = url.hostname or "", url.scheme == "smpps"
        port = url.port or SMPP_PORTS[url.scheme]
        deadline = self._clock.monotonic() + within_s
        line = dial(host, port, deadline, self._silence_s, self._clock.monotonic)
        if is_tls:
            line = secure(line, self._tls(), host)
        try:
            frames, first = self._say_bind(line)
        except BaseException:
            line.close()
            raise
        session = Session(
            mirror,
            Wire(line),
            window=self._terms.window,
            write_s=self._silence_s,
            clock=self._clock,
            on_delivery=lambda delivery: self.on_delivery(delivery),
            frames=frames,
            enquire_s=self._terms.cut_s / 3,
            cut_s=self._terms.cut_s,
        )
        session.start(first)
        return session

    def _say_bind(self, line: DeadlineSocket) -> tuple[pdus.Frames, list[Head]]:
        """Bind, and read its answer; returns what cuts the stream into PDUs, and those that came behind the answer."""
        line.sendall(pdus.bind(self._terms.bind, 1))
        frames = pdus.Frames()
        while True:
            octets = line.receive(4096)
            if not octets:
                raise ConnectionResetError("it closed the connection")
            heads = frames.feed(octets)
            if not heads:
                continue
            answer = heads[0]
            if answer.name not in ("bind_transceiver_resp", "generic_nack"):
                raise BadPdu("it spoke before the bind was answered")
            if answer.status or answer.name == "generic_nack":
                raise _BindRefused(_REFUSALS.get(answer.status, f"it refused the bind ({answer.status:#04x})"))
            return frames, heads[1:]

    def _retire(self, session: Session) -> None:
        """Let a session that was replaced end: its answers come first."""
        session.is_leaving = True
        until = self._clock.monotonic() + RETIRE_S
        while session.owes and self._clock.monotonic() < until and not session.ended.wait(0.1):
            pass
        session.unbind()
        with self._lock:
            if session in self._retired:
                self._retired.remove(session)

    def _throttle_of(self, mirror: str) -> Throttle:
        with self._lock:
            return self._throttles.setdefault(mirror, Throttle(self._clock))

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                context = tls_context(self._terms.ca_file or certifi.where())
                if self._terms.certificate:
                    context.load_cert_chain(self._terms.certificate)
                self._context = context
            return self._context


class _BindRefused(Exception):
    """The gateway answered the bind with an error."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


_TROUBLES: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate cannot be trusted"),
    (ssl.SSLError, "TLS failed"),
    (TimeoutError, "connecting and binding took too long"),
    (ConnectionRefusedError, "the connection was refused"),
    (BadPdu, "it does not speak SMPP"),
    (OSError, "no connection could be made"),
    (UnicodeError, "its name is not a valid host name"),
)


def _why(error: Exception) -> str:
    return next((words for kind, words in _TROUBLES if isinstance(error, kind)), "it has no address")
