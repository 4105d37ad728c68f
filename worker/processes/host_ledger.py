"""The supervisor's part in the ledger: answer the roll call for this host, read the beats of its workers."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.host.master import Master
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

TICK_S = 1.0  # while claims are granted; otherwise every look does it, since the workers wait
BEATS_KEPT_S = 0.5
LAST_TURN_S = 2.0  # at a stop, a look that hangs for longer is not waited for


class HostLedger:
    """The master of one host; the supervisor calls `tick` and `heartbeat`."""

    def __init__(self, runtime: Runtime, say: Callable[[str], None] = lambda line: None) -> None:
        self._runtime = runtime
        self._master = Master(runtime.ledger, runtime.journal, say, runtime.files)
        self._next_tick = 0.0
        self._turn: threading.Thread | None = None
        self._beats: dict[int, float] = {}
        self._beats_read_at = float("-inf")
        self._hearing_since = float("inf")  # no worker counts as silent for longer than we have heard Redis

    def begin(self) -> None:
        """Check that this ledger may be used; raises LedgerTrouble with why not, BadSettings if no log-in is set."""
        _ = self._runtime.login  # raises before a ledger is established
        self._runtime.check_ledger()
        self._master.establish(self._runtime.settings.account)

    def tick(self) -> None:
        """Follow the server's run, about once a second; it does not wait, even if a disk or Redis hangs."""
        if (self._turn is None or not self._turn.is_alive()) and time.monotonic() >= self._next_tick:
            self._turn = threading.Thread(target=self._follow, name="roll call", daemon=True)
            self._turn.start()

    def _follow(self) -> None:
        try:
            is_in_force = self._master.tick()
        except Exception as error:  # any error: it is tried again
            log.error("roll call failed why=%s", type(error).__name__)
            is_in_force = False
        self._next_tick = time.monotonic() + (TICK_S if is_in_force else 0.0)

    def sign_off(self) -> None:
        """Sign this host off once all its processes have ended, so that a roll call does not wait for it."""
        if self._turn is not None:
            self._turn.join(LAST_TURN_S)
        if self._turn is None or not self._turn.is_alive():
            self._master.sign_off()

    def heartbeat(self, pid: int) -> float | None:
        """How many seconds ago the worker process `pid` of this host beat; None if it never did."""
        now = time.monotonic()
        if now - self._beats_read_at > BEATS_KEPT_S:
            try:
                self._beats = self._read_beats()
            except LedgerTrouble:
                self._hearing_since = float("inf")
                raise
            self._beats_read_at = now
            self._hearing_since = min(self._hearing_since, now)
        silent_s = self._beats.get(pid)
        return None if silent_s is None else min(silent_s, now - self._hearing_since)

    def _read_beats(self) -> dict[int, float]:
        ledger, host = self._runtime.ledger, socket.gethostname()
        at = ledger.time()
        beats: dict[int, float] = {}
        for owner, beat_at in ledger.beats().items():
            _, where, pid, *_ = owner.split("/")
            if where == host:
                silent_s = at - beat_at
                beats[int(pid)] = min(silent_s, beats.get(int(pid), silent_s))
        return beats
