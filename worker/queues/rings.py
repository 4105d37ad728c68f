"""Wait at the bell of the ledger, and carry out each ring at once, past the queue.

A process that enrols a code rings that bell in the same round trip, so that no hint has to go through the queue. A
ring becomes a hint of our own, which names no batch and is in no queue: its actor claims what is next. Two threads of
a process wait, only while a thread of the worker is free and the process can send. The one that is rung runs the actor
itself, if the other goes on waiting; else it passes the ring to a thread of the worker. What the process took and
cannot use it rings for another.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from queue import PriorityQueue
from typing import Any, Protocol

import dramatiq
from dramatiq.worker import WorkerThread

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.lane import QUEUES
from smsq.worker.queues.hint_broker import ASIDE_S, HintBroker
from smsq.worker.queues.hints import SEND_BATCHES
from smsq.worker.queues.messages import RING

HEARD_FOR_S = 2.5  # after a beat: one that is late does not send callers back to hints
TRY_AGAIN_S = 1.0  # from a failure of the bell to the next try
THREADS = 2  # at the bell: one goes on waiting while the other sends

_log = logging.getLogger(__name__)


class LedgerBell(Protocol):
    """What the ledger does for us."""

    def await_ready(self, seconds: float) -> bool: ...
    def ring_ready(self) -> bool: ...


class _Doing(Enum):
    """What a thread of `Rings` does."""

    LOOKING = auto()  # whether it may wait, or who is to carry out a ring
    WAITING = auto()  # at the bell
    SENDING = auto()  # it carries out a ring itself
    ENDED = auto()


class _Ringer(threading.Thread):
    """One thread at the bell."""

    def __init__(self, run: Callable[[_Ringer], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._run_as = run
        self.doing = _Doing.ENDED

    def run(self) -> None:
        self._run_as(self)


class _NoQueue(PriorityQueue[Any]):
    """What was rung for was never in a queue of the worker."""

    def task_done(self) -> None:
        """Nothing waits for it."""


class Rings:
    """The threads of one worker process that wait for rings; `queue` is that of the worker.

    `on_change(is_up)` is called at the first wait, and each time the bell fails or works again.
    """

    def __init__(
        self,
        broker: HintBroker,
        worker: dramatiq.Worker,
        queue: str,
        bell: LedgerBell,
        *,
        on_change: Callable[[bool], None] = lambda is_up: None,
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._queue = queue
        self._bell = bell
        self._on_change = on_change
        self._slice_s = QUEUES[queue].slice_s
        self._is_up: bool | None = None
        self._stopped = threading.Event()
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()  # of what the threads do
        self._threads = [_Ringer(self._run, f"rings-{n}") for n in range(THREADS)]
        self._here = WorkerThread(  # never started: our threads process messages as those of the worker do
            broker=broker, consumers=worker.consumers, work_queue=_NoQueue(), worker_timeout=0
        )
        broker.ring_again = self._ring_again

    def start(self) -> None:
        """Wait for rings in threads of their own until `stop`."""
        for thread in self._threads:
            thread.doing = _Doing.LOOKING
            thread.start()

    def stop(self) -> None:
        """Take no more rings; returns at the end of the waits that are under way. What is being sent goes on."""
        self._stopped.set()
        with self._changed:
            self._changed.wait_for(self._is_nobody_waiting, self._slice_s + TRY_AGAIN_S)

    def join(self, seconds: float) -> None:
        """After `stop`, wait for what is being sent, at most so long."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))

    @property
    def heard_for_s(self) -> float:
        """For how long those who enrol can rely on this process to hear the bell; 0 if they cannot."""
        hears = self._is_up and self._broker.may_take() and not self._stopped.is_set()
        return HEARD_FOR_S if hears else 0.0

    def _run(self, thread: _Ringer) -> None:
        try:
            while not self._stopped.is_set():
                if not self._broker.may_take():
                    self._stopped.wait(ASIDE_S)
                elif self._may_wait(thread):
                    self._wait(thread)
        finally:
            self._now(thread, _Doing.ENDED)

    def _may_wait(self, thread: _Ringer) -> bool:
        """Note that this thread waits, if what it is rung for could begin at once; else False after a while."""
        freed = self._broker.freed[self._queue]
        freed.clear()
        with self._changed:
            room = self._broker.room(self._queue, self._worker.worker_threads)
            if room > self._waiting():
                thread.doing = _Doing.WAITING
                return True
        freed.wait(self._slice_s)
        return False

    def _wait(self, thread: _Ringer) -> None:
        message = self._hint()  # before the ring, since after it a code waits
        try:
            rang = self._bell.await_ready(self._slice_s)
        except LedgerTrouble as trouble:
            self._failed(thread, trouble.sentence)
            return
        except Exception as error:  # whatever it is, the thread must go on; hints are given meanwhile
            self._failed(thread, type(error).__name__)
            return
        self._note(True)
        if rang:
            self._wake(thread, message)
        self._now(thread, _Doing.LOOKING)

    def _wake(self, thread: _Ringer, message: dramatiq.MessageProxy) -> None:
        """Have what is next claimed: here, if another thread waits at the bell meanwhile, else by the worker."""
        consumer = self._worker.consumers.get(self._queue)
        if self._stopped.is_set() or consumer is None or not self._broker.may_take():
            self._ring_again(1)
            return
        self._broker.held[self._queue].add(message.message_id)
        with self._changed:  # of two that are rung at once, one sends
            others = any(each.doing is _Doing.WAITING for each in self._threads if each is not thread)
            # `stop` waits for a thread that passes its ring on.
            self._now(thread, _Doing.SENDING if others else _Doing.LOOKING)
        if others:
            self._here.process_message(message)
        else:
            consumer.handle_message(message)

    def _hint(self) -> dramatiq.MessageProxy:
        identity = f"ring-{next(self._numbers)}"
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=self._queue,
            actor_name=SEND_BATCHES,
            args=([],),
            kwargs={},
            options={"redis_message_id": identity, RING: True},
            message_id=identity,
            message_timestamp=int(time.time() * 1000),
        )
        return dramatiq.MessageProxy(message)

    def _ring_again(self, many: int) -> None:
        for _ in range(many):
            self._bell.ring_ready()

    def _failed(self, thread: _Ringer, why: str) -> None:
        self._now(thread, _Doing.LOOKING)
        self._note(False, why)
        self._stopped.wait(TRY_AGAIN_S)

    def _now(self, thread: _Ringer, doing: _Doing) -> None:
        with self._changed:
            thread.doing = doing
            self._changed.notify_all()

    def _waiting(self) -> int:
        """How many threads wait at the bell."""
        return sum(each.doing is _Doing.WAITING for each in self._threads)

    def _is_nobody_waiting(self) -> bool:
        return all(thread.doing in (_Doing.SENDING, _Doing.ENDED) for thread in self._threads)

    def _note(self, is_up: bool, why: str = "") -> None:
        """Note whether the bell was heard at the last wait of any thread."""
        with self._changed:
            if is_up is self._is_up:
                return
            was, self._is_up = self._is_up, is_up
        if not is_up:
            _log.warning("bell of the ledger not heard, so codes wait for hints queue=%s why=%s", self._queue, why)
        elif was is not None:
            _log.info("bell of the ledger heard again queue=%s", self._queue)
        self._on_change(is_up)
