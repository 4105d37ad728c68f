"""One bound session: submits out of a window, their answers, and what the gateway delivers to us.

Its own thread reads. A caller that submits hands over a `sink`, which gets exactly one `Reply` for each submit: the
gateway's answer, or that the session ended without one. A delivery of the gateway's is answered by the thread that has
stored it; without an answer the gateway sends it again.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.gateway.smpp import pdus
from smsq.worker.gateway.smpp.pdus import BadPdu, Head, Short
from smsq.worker.transports.smpp.wire import Wire

log = logging.getLogger(__name__)

LOOK_S = 0.25  # between looks at the clock while nothing comes
ENQUIRE_S = 60.0  # of silence, then we ask whether the peer is there; it cuts a silent link after two minutes
SILENT_S = 5.0  # without a PDU while answers are owed: then another address is better
CUT_S = 120.0  # of silence, then the session is over
UNBIND_S = 2.0  # the wait for the answer to our unbind

UNKNOWN_COMMAND = 0x03  # command_status of a request that we do not know
CANNOT_READ = 0x65  # of a delivery that cannot be read, and so not stored: it is not to come again


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one submit: the gateway's answer, or `is_lost`, and then nobody knows."""

    key: object  # as the submitter named it
    status: int = 0
    message_id: str = ""
    is_lost: bool = False


Sink = Callable[[Reply], object]  # what gets the replies


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the gateway delivered; `answer` tells it that we have it for good."""

    short: Short
    answer: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Submit:
    """One submit to write."""

    key: object
    short: Short


class Session:
    """A bound session to one address. Thread-safe; `places` is its window."""

    def __init__(
        self,
        mirror: str,
        wire: Wire,
        *,
        window: int,
        write_s: float,
        clock: Clock,
        on_delivery: Callable[[Delivery], None],
        frames: pdus.Frames,
        enquire_s: float = ENQUIRE_S,
        cut_s: float = CUT_S,
    ) -> None:
        self.mirror = mirror
        self.places = threading.BoundedSemaphore(window)
        self.ended = threading.Event()
        self.is_leaving = False  # no new submits: it was told to unbind, or the peer unbound
        self.why = ""  # it ended
        self.closed_by_peer = False
        self._wire = wire
        self._write_s = write_s
        self._clock = clock
        self._on_delivery = on_delivery
        self._frames = frames
        self._enquire_s, self._cut_s = enquire_s, cut_s
        self._lock = threading.Lock()
        self._order = threading.Lock()  # of submits: they leave in the order of their numbers
        self._owed: dict[int, tuple[object, Sink]] = {}  # by sequence number: submits without an answer
        self._sequence = itertools.count(2)  # 1 was the bind
        self._owed_since = 0.0  # when the first of them was written after a time without any
        self._answered = 0  # the highest sequence number that was answered: what was written before it has arrived
        self._unbound = threading.Event()
        self._first: Sequence[Head] = ()
        self._heard_at = self._enquired_at = clock.monotonic()
        self._reader = threading.Thread(target=self._read, name="smpp", daemon=True)

    def start(self, first: Sequence[Head] = ()) -> None:
        """Begin to read, with PDUs that came behind the answer to the bind."""
        self._first = first
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether submits may be written."""
        return not self.ended.is_set() and not self.is_leaving

    @property
    def is_silent(self) -> bool:
        """Whether the peer owes answers and has said nothing for long."""
        return bool(self._owed) and self._clock.monotonic() - max(self._heard_at, self._owed_since) > SILENT_S

    def submit(self, submits: Sequence[Submit], sink: Sink, until: float = math.inf) -> list[int]:
        """Write these submits, each in a place of the window that the caller holds; return their sequence numbers.

        Raises Unreachable if the session is over, or if its turn comes after `until`: then none was written. Any other
        failure ends the session, and `sink` hears that each is lost.
        """
        octets = [pdus.submit(each.short) for each in submits]
        with self._order:
            numbers = [self._next() for _ in submits]
            with self._lock:
                if not self.is_alive or self._clock.monotonic() > until:
                    raise Unreachable(f"the session with {self.mirror} is over")
                if not self._owed:
                    self._owed_since = self._clock.monotonic()
                for number, each in zip(numbers, submits, strict=True):
                    self._owed[number] = each.key, sink
            self._write(b"".join(map(pdus.numbered, octets, numbers)))
        return numbers

    def give_up(self, numbers: Sequence[int]) -> None:
        """Wait no longer for these answers. If the peer answered nothing since, it is silent, and the session ends.

        An answer to a later submit shows that these have arrived; without one, octets may wait on the way as long as
        the session lives.
        """
        with self._lock:
            lost = [self._owed.pop(number) for number in numbers if number in self._owed]
            is_silent = bool(lost) and max(numbers) > self._answered
        for key, sink in lost:
            sink(Reply(key, is_lost=True))
        if is_silent:
            self.end("it owes answers")

    @property
    def owes(self) -> int:
        """How many submits have no answer yet."""
        with self._lock:
            return len(self._owed)

    def unbind(self) -> None:
        """Leave in order: no new submits, an unbind and its answer, the end."""
        with self._lock:
            self.is_leaving = True
        if not self.ended.is_set():
            self._write(pdus.bare("unbind", self._next()))
            self._unbound.wait(UNBIND_S)
        self.end("we unbound")

    def end(self, why: str, *, by_peer: bool = False) -> None:
        """End it at once: octets that did not leave are discarded, and submits without an answer are lost."""
        with self._lock:
            if self.ended.is_set():
                return
            self.why, self.closed_by_peer = why, by_peer
            self.ended.set()
            owed = list(self._owed.values())
            self._owed.clear()
        self._wire.close()
        self._unbound.set()
        log.info("session ended mirror=%s why=%s without_answer=%d", self.mirror, why, len(owed))
        for key, sink in owed:
            sink(Reply(key, is_lost=True))

    def _next(self) -> int:
        return (next(self._sequence) - 1) % pdus.LAST_SEQUENCE + 1

    def _write(self, octets: bytes) -> None:
        try:
            self._wire.write(octets, self._write_s)
        except OSError as error:
            self.end("the peer takes no more octets" if isinstance(error, TimeoutError) else "the connection broke")

    # --- the reader ------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            for head in self._first:
                self._take(head)
            while not self.ended.is_set():
                octets = self._wire.read(LOOK_S)
                if octets is None:
                    self._look_at_the_clock()
                    continue
                if not octets:
                    self.end("the gateway closed it", by_peer=True)
                    return
                self._heard_at = self._clock.monotonic()
                for head in self._frames.feed(octets):
                    self._take(head)
        except BadPdu as error:
            self.end(str(error))
        except OSError:
            self.end("the connection broke", by_peer=True)
        except Exception:
            log.exception("session failed mirror=%s", self.mirror)
            self.end("a bug of ours")

    def _look_at_the_clock(self) -> None:
        now = self._clock.monotonic()
        if now - self._heard_at >= self._cut_s:
            self.end("it fell silent")
        elif now - self._heard_at >= self._enquire_s and now - self._enquired_at >= self._enquire_s / 4:
            self._enquired_at = now
            self._write(pdus.bare("enquire_link", self._next()))

    def _take(self, head: Head) -> None:
        if head.name == "submit_sm_resp" or (head.name == "generic_nack" and head.sequence in self._owed):
            self._answer(head)
        elif head.name == "deliver_sm":
            self._deliver(head)
        elif head.name == "enquire_link":
            self._write(pdus.bare("enquire_link_resp", head.sequence))
        elif head.name == "unbind":
            with self._lock:
                self.is_leaving = True
            self._write(pdus.bare("unbind_resp", head.sequence))
            if not self.owes:
                self.end("the gateway unbound", by_peer=True)
        elif head.name == "unbind_resp":
            self._unbound.set()
        elif not head.is_response:
            self._write(pdus.bare("generic_nack", head.sequence, UNKNOWN_COMMAND))

    def _answer(self, head: Head) -> None:
        with self._lock:
            owed = self._owed.pop(head.sequence, None)
            self._answered = max(self._answered, head.sequence)
        if owed is not None:
            key, sink = owed
            name = pdus.message_id_of(head) if head.name == "submit_sm_resp" else ""
            sink(Reply(key, head.status, name))

    def _deliver(self, head: Head) -> None:
        try:
            short = pdus.short_of(head)
        except BadPdu as error:
            log.error("delivery cannot be read mirror=%s why=%s", self.mirror, error)
            self._write(pdus.named("deliver_sm_resp", head.sequence, "", CANNOT_READ))
            return
        self._on_delivery(Delivery(short, lambda: self._write(pdus.named("deliver_sm_resp", head.sequence, ""))))
