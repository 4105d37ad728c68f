"""Waits at the bell of the ledger, and wakes a thread of the worker at each ring, past the queue.

A process that enrols a code rings that bell in the same round trip, so that no hint has to go through the queue. A
ring becomes a hint of our own, which names no batch and is in no queue: the thread claims what is next. One thread of
a process waits here, only while a worker thread is free and the process can send; what it took and cannot use it rings
for another.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

import dramatiq

from smsq.worker.domain.errors import LedgerTrouble
from smsq.worker.domain.lane import QUEUES
from smsq.worker.queues.hint_broker import ASIDE_S, HintBroker
from smsq.worker.queues.hints import SEND_BATCHES
from smsq.worker.queues.messages import RING

HEARD_FOR_S = 2.5  # after a beat: one that is late does not send callers back to hints
TRY_AGAIN_S = 1.0  # from a failure of the bell to the next try

_log = logging.getLogger(__name__)


class LedgerBell(Protocol):
    """What the ledger does for us."""

    def await_ready(self, seconds: float) -> bool: ...
    def ring_ready(self) -> bool: ...


class Rings:
    """The thread of one worker process that waits for rings; `queue` is that whose threads are woken.

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
        self._thread = threading.Thread(target=self._run, name="rings", daemon=True)
        broker.ring_again = self._ring_again

    def start(self) -> None:
        """Wait for rings in a thread of its own until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more rings; returns at the end of the wait that is under way."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(self._slice_s + TRY_AGAIN_S)

    @property
    def heard_for_s(self) -> float:
        """For how long those who enrol can rely on this process to hear the bell; 0 if they cannot."""
        hears = self._is_up and self._broker.may_take() and not self._stopped.is_set()
        return HEARD_FOR_S if hears else 0.0

    def _run(self) -> None:
        while not self._stopped.is_set():
            if not self._broker.may_take():
                self._stopped.wait(ASIDE_S)
            elif self._is_a_thread_free():
                self._wait()

    def _is_a_thread_free(self) -> bool:
        """Whether a thread could begin at once; waits for a while if none could."""
        freed = self._broker.freed[self._queue]
        freed.clear()
        if self._broker.room(self._queue, self._worker.worker_threads) > 0:
            return True
        freed.wait(self._slice_s)
        return False

    def _wait(self) -> None:
        try:
            rang = self._bell.await_ready(self._slice_s)
        except LedgerTrouble as trouble:
            self._note(False, trouble.sentence)
            self._stopped.wait(TRY_AGAIN_S)
            return
        except Exception as error:  # whatever it is, the thread must go on; hints are given meanwhile
            self._note(False, type(error).__name__)
            self._stopped.wait(TRY_AGAIN_S)
            return
        self._note(True)
        if rang:
            self._wake()

    def _wake(self) -> None:
        """Have a thread claim what is next."""
        consumer = self._worker.consumers.get(self._queue)
        if self._stopped.is_set() or consumer is None or not self._broker.may_take():
            self._ring_again(1)
            return
        identity = f"ring-{next(self._numbers)}"
        self._broker.held[self._queue].add(identity)
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=self._queue,
            actor_name=SEND_BATCHES,
            args=([],),
            kwargs={},
            options={"redis_message_id": identity, RING: True},
            message_id=identity,
            message_timestamp=int(time.time() * 1000),
        )
        consumer.handle_message(dramatiq.MessageProxy(message))

    def _ring_again(self, many: int) -> None:
        for _ in range(many):
            self._bell.ring_ready()

    def _note(self, is_up: bool, why: str = "") -> None:
        if is_up is self._is_up:
            return
        if not is_up:
            _log.warning("bell of the ledger not heard, so codes wait for hints queue=%s why=%s", self._queue, why)
        elif self._is_up is not None:
            _log.info("bell of the ledger heard again queue=%s", self._queue)
        self._is_up = is_up
        self._on_change(is_up)
