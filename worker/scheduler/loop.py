"""The loop of the scheduler: the leader runs the duties at their intervals, in one thread.

To add a duty, add a file to this folder and a line to the table.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from typing import Protocol

from smsq.worker.domain.errors import LedgerTrouble, LedgerUnreachable
from smsq.worker.runtime import Runtime
from smsq.worker.scheduler.answers import Answers
from smsq.worker.scheduler.asks import Asks
from smsq.worker.scheduler.cascade import Cascade
from smsq.worker.scheduler.doubts import Doubts
from smsq.worker.scheduler.feed import Feed
from smsq.worker.scheduler.history import History
from smsq.worker.scheduler.leader import Leader
from smsq.worker.scheduler.money import Money
from smsq.worker.scheduler.pauses import Pauses
from smsq.worker.scheduler.recurring import Recurring
from smsq.worker.scheduler.sweeper import Sweeper
from smsq.worker.scheduler.upkeep import Upkeep
from smsq.worker.scheduler.windows import Windows
from smsq.worker.scheduler.windup import WindUp
from smsq.worker.settings import Settings

log = logging.getLogger(__name__)

TROUBLE_PAUSE_S = 0.5
STANDBY_LOOK_S = 0.5


class Duty(Protocol):
    """Something that the leader does at intervals; a test calls `tick`."""

    every_s: float

    def __init__(self, runtime: Runtime) -> None: ...

    def tick(self, now: float) -> None:
        """Do what is due at `now`, in Unix seconds."""


DUTIES: tuple[type[Duty], ...] = (
    *(Cascade, Feed, Sweeper, Doubts, Asks, History, Answers),
    *(Money, Pauses, Windows, Recurring, WindUp, Upkeep),
)


class Scheduler:
    """The duties of one process, and its part in the choice of a leader.

    `beat` is called at every step, `worked` after one without trouble: this process leads, or stands by.
    """

    def __init__(
        self,
        runtime: Runtime,
        leader: Leader | None = None,
        *,
        beat: Callable[[], None] = lambda: None,
        worked: Callable[[], None] = lambda: None,
    ) -> None:
        self._rt = runtime
        self.leader = leader or Leader(runtime.ledger)
        self.duties: list[Duty] = [duty(runtime) for duty in DUTIES]
        self._due = [0.0] * len(self.duties)
        self._led = False
        self._beat = beat
        self._worked = worked

    def run(self) -> None:
        """Run until the runtime stops."""
        while not self._rt.stopping.is_set():
            try:
                pause = self.step()
                self._worked()
            except LedgerTrouble as error:
                log.warning("duties wait why=%s", error.sentence)
                pause = TROUBLE_PAUSE_S
            self._rt.clock.wait(pause, self._rt.stopping)
        try:
            self.leader.stand_down()
        except LedgerTrouble:
            log.info("left without standing down; the lease ends by itself")

    def step(self) -> float:
        """Run every duty that is due; return the seconds until the next."""
        self._beat()
        now = self._rt.clock.monotonic()
        leads = self.leader.leads(now)
        if leads != self._led:
            log.info("leads=%s name=%s", leads, self.leader.name)
            self._led = leads
        if not leads:
            return STANDBY_LOOK_S
        for place, duty in enumerate(self.duties):
            if now >= self._due[place]:
                self._run_duty(duty)
                self._due[place] = self._rt.clock.monotonic() + duty.every_s
        return max(0.005, min(self._due) - self._rt.clock.monotonic())

    def _run_duty(self, duty: Duty) -> None:
        """Run one duty; its errors do not stop others: on a full Redis nothing is fed, but questions are still put."""
        try:
            duty.tick(self._rt.clock.now())
        except LedgerUnreachable:
            raise
        except LedgerTrouble as error:
            log.warning("duty in trouble duty=%s why=%s", type(duty).__name__.lower(), error.sentence)


def run(settings: Settings, beat: Callable[[], None], worked: Callable[[], None] = lambda: None) -> None:
    """The process: build a runtime and run until told to stop; `beat` shows the supervisor that it lives.

    `beat` is also called at every exchange with Redis, since one duty may need many of a slow server. `worked` is as
    in `Scheduler`.
    """
    runtime = Runtime.build(settings)
    runtime.at_each_exchange(beat)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: runtime.stopping.set())
    Scheduler(runtime, beat=beat, worked=worked).run()
