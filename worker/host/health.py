"""Whether this process can send now; while it cannot, it takes no hints and claims nothing.

Several hosts work on one ledger. A host that reaches no mirror, or has an old password, a full disk or a wrong clock
would take codes from healthy hosts and hold each for seconds. So a process notes here what is wrong with it, leaves
its queue to the others until that is mended, and gives back the hints it had fetched. `Sender` notes what a send
shows, the beat what the ledger answers, `Checkup` what can be tried without a send.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from typing import Final

from smsq.worker.clock import Clock
from smsq.worker.domain.errors import Unreachable
from smsq.worker.domain.lane import LANES, SENDING
from smsq.worker.domain.sick import Sick
from smsq.worker.host.journal import Journal
from smsq.worker.ledger.runs import Beat
from smsq.worker.transports import Transport
from smsq.worker.transports.mirrors import Mirrors

log = logging.getLogger(__name__)

CLOCK_OFF_S = 7200.0  # less than journals allow for; sending hours are wrong long before
FROZEN_S = 3.0  # a silence that makes claims doubtful
FIRST_PAUSE_S, LAST_PAUSE_S = 2.5, 40.0  # from the end of a freeze to the first hint; doubles if freezes go on
FORGIVEN_S = 60.0  # after so long without a freeze the next one counts as the first
LOOK_S = 0.25
FIRST_TRY_S, LAST_TRY_S = 0.5, 5.0  # between tries of a disk that could not be written


ALL = frozenset(LANES)
ASKS = frozenset(lane.name for lane in LANES.values() if lane.asks)
SENDS = frozenset(SENDING)
CODES = frozenset(lane.name for lane in LANES.values() if lane.carries_otp)
# The lanes that each of these stops. Chores only let others go first: a person's question may try a log-in again.
MATTERS: Final[Mapping[Sick, Collection[str]]] = {
    Sick.GATEWAY: ALL,
    Sick.LOGIN: ALL,
    Sick.JOURNAL: SENDS,
    Sick.KEY: CODES,  # only codes are sealed
    Sick.CLOCK: ASKS,
    Sick.FROZEN: ALL,
    Sick.RUN: SENDS,
}
SHOWN_BY_A_SEND = {Sick.GATEWAY, Sick.LOGIN, Sick.JOURNAL}  # a send notices these by itself before it writes a byte


class Health:
    """What is wrong with one process. Thread-safe.

    `mirrors` are those that are asked, `send_mirrors` those that messages go to, if they are others.
    """

    def __init__(self, mirrors: Mirrors, send_mirrors: Mirrors | None = None) -> None:
        self._mirrors = mirrors
        self._send_mirrors = send_mirrors or mirrors
        self._sick: dict[Sick, bool] = {}  # in the order of finding out; False if it was not tried yet
        self.changed = threading.Event()  # set at each change, for threads that wait

    def fell(self, why: Sick, *, is_known: bool = True) -> None:
        """Note a reason why it cannot send; with `is_known` False it was only not tried yet, and nothing is logged."""
        if is_known and not self._sick.get(why):
            log.error("this process cannot send, and leaves its queue to others why=%s", why)
        self._sick[why] = is_known or self._sick.get(why, False)
        self.changed.set()

    def mended(self, why: Sick) -> None:
        """Note that this reason is gone."""
        if self._sick.pop(why, False):
            log.warning("this process is well again was=%s", why)
        self.changed.set()

    def ails(self, lane: str) -> Sick | None:
        """Why a process of this lane leaves its queue to others; None while it is well."""
        noted = next((why for why in list(self._sick) if lane in MATTERS[why]), None)
        if noted is None and lane in MATTERS[Sick.GATEWAY] and _cut_off(self._mirrors_of(lane)):
            return Sick.GATEWAY
        return noted

    def may_claim(self, lane: str) -> bool:
        """Whether a send may begin; reasons that only a send can find gone do not count."""
        return not any(lane in MATTERS[why] for why in list(self._sick) if why not in SHOWN_BY_A_SEND)

    def has(self, why: Sick) -> bool:
        """Whether this reason is noted and not mended."""
        return why in self._sick

    def is_cut_off(self) -> bool:
        """Whether no mirror can take a send now: none could be reached, or we back off from all of them."""
        return _cut_off(self._send_mirrors)

    def _mirrors_of(self, lane: str) -> Mirrors:
        return self._send_mirrors if lane in SENDS else self._mirrors


def _cut_off(mirrors: Mirrors) -> bool:
    return mirrors.is_cut_off() or mirrors.wait_s() > 0


class Checkup:
    """Tries again what stopped the process from sending; its own thread calls `look` a few times a second.

    At the start a mirror must be reached before the first hint is taken.
    """

    def __init__(self, health: Health, mirrors: Mirrors, transport: Transport, journal: Journal, clock: Clock) -> None:
        self._health = health
        self._mirrors = mirrors
        self._transport = transport
        self._journal = journal
        self._clock = clock
        self._try_journal_at = 0.0
        self._journal_pause_s = FIRST_TRY_S
        self._awake_at = 0.0
        self._pause_s = 0.0
        self._froze_at = float("-inf")
        health.fell(Sick.GATEWAY, is_known=False)

    def look(self) -> None:
        """Try what is due; the intervals grow."""
        now = self._clock.monotonic()
        if self._health.has(Sick.GATEWAY) or self._mirrors.is_cut_off():
            self._try_mirrors()
        if self._health.has(Sick.JOURNAL) and now >= self._try_journal_at:
            self._try_journal(now)
        if self._health.has(Sick.FROZEN) and now >= self._awake_at:
            self._health.mended(Sick.FROZEN)

    def slept(self, meant_s: float, slept_s: float) -> None:
        """Note a freeze of the process if a pause of `meant_s` took much longer: `slept_s`."""
        if slept_s - meant_s < FROZEN_S:
            return
        now = self._clock.monotonic()
        is_again = now - self._froze_at < FORGIVEN_S + slept_s
        self._pause_s = min(LAST_PAUSE_S, self._pause_s * 2) if is_again and self._pause_s else FIRST_PAUSE_S
        self._froze_at, self._awake_at = now, now + self._pause_s
        self._health.fell(Sick.FROZEN)

    def run(self, stopping: threading.Event) -> None:
        """Look again and again until `stopping`, and at once after a change."""
        while not stopping.is_set():
            self.look()
            began = self._clock.monotonic()
            self._health.changed.wait(LOOK_S)
            self._health.changed.clear()
            self.slept(LOOK_S, self._clock.monotonic() - began)

    def _try_mirrors(self) -> None:
        """Connect to a mirror that its breaker lets us try; the line is kept for the next send."""
        tried: set[str] = set()
        while (mirror := self._mirrors.next_to_warm(tried)) is not None:
            try:
                self._transport.reach(mirror)
            except Unreachable:
                self._mirrors.unreachable(mirror)
                tried.add(mirror)
            else:
                self._mirrors.reached(mirror)
                self._health.mended(Sick.GATEWAY)
                return
        if tried:
            self._health.fell(Sick.GATEWAY)

    def _try_journal(self, now: float) -> None:
        if self._journal.is_writable():
            self._journal_pause_s = FIRST_TRY_S
            self._health.mended(Sick.JOURNAL)
        else:
            self._try_journal_at = now + self._journal_pause_s
            self._journal_pause_s = min(LAST_TRY_S, self._journal_pause_s * 2)


class Told:
    """What the ledger's answer to a beat says about this process."""

    def __init__(self, health: Health, journal: Journal, credentials: str, key_names: Collection[str], clock: Clock):
        self._health = health
        self._journal = journal
        self._credentials = credentials
        self._key_names = key_names
        self._clock = clock

    def heard(self, beat: Beat, took_s: float) -> None:
        """Note what is wrong with this process and what no longer is; the answer took `took_s`."""
        off_s = abs(self._clock.now() - beat.at) - took_s
        self._note(Sick.CLOCK, off_s > CLOCK_OFF_S)
        self._note(Sick.LOGIN, beat.bad_login == self._credentials)
        self._note(Sick.KEY, bool(beat.secret and self._key_names) and beat.secret not in self._key_names)
        follows_another = beat.in_force and self._journal.newest_run() != beat.run
        self._note(Sick.RUN, beat.is_newer or follows_another)

    def _note(self, why: Sick, is_so: bool) -> None:
        if is_so != self._health.has(why):
            (self._health.fell if is_so else self._health.mended)(why)
