"""What the queues are to the rest of the program, whichever server carries them.

A message here is only a hint: ids for an actor. Brokers of each kind of server (`broker.py` for Redis, `rabbitmq.py`)
share this: hints are small and plain and are never delayed, and a process notes which of them it holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from threading import Event
from typing import Any

import dramatiq
from dramatiq.message import generate_unique_id

from smsq.worker.domain.errors import BadInput
from smsq.worker.queues.messages import MAX_BYTES, read

NAMESPACE = "smsq"
KEEP_ASIDE = 1000  # of the newest undecodable messages, for a person to look at
ASIDE_S = 0.05  # between looks of a sick process whether it may take hints again


class HintBroker(dramatiq.Broker):
    """A broker without delay queues, whose messages are small and plain.

    A process that cannot do what hints ask for takes none (`may_take`), and gives back those it had fetched.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        # By queue: ids fetched by this process and not acknowledged yet.
        self.held: defaultdict[str, set[str]] = defaultdict(set)
        self.freed: defaultdict[str, Event] = defaultdict(Event)  # by queue: a thread ended a hint
        self.may_take: Callable[[], bool] = lambda: True  # whether this process can do what hints ask for
        self.ring_again: Callable[[int], None] = lambda many: None  # for rings that this process took and cannot use

    def add_middleware(self, middleware: dramatiq.Middleware, **where: type[dramatiq.Middleware] | None) -> None:
        """Add middleware, without dramatiq's warning about a second one of a kind: each worker adds its own."""
        was, self.logger.disabled = self.logger.disabled, True
        try:
            super().add_middleware(middleware, **where)
        finally:
            self.logger.disabled = was

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """Declare a queue, without the delay queue that would be polled for nothing."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Enqueue a hint; raises BadInput for a delay or for more than small plain values."""
        if delay is not None:
            raise BadInput("a hint cannot be delayed: what is due later waits in the ledger")
        queued = message.copy(options={"redis_message_id": generate_unique_id()})
        data = queued.encode()
        if read(data) is None:
            raise BadInput(
                f"a hint carries ids only, in at most {MAX_BYTES} bytes: {message.actor_name} has {len(data)}"
            )
        self.emit_before("enqueue", queued, delay)
        self.put(queued, data)
        self.emit_after("enqueue", queued, delay)
        return queued

    def put(self, message: dramatiq.Message[Any], data: bytes) -> None:
        """Put a hint, `data` as bytes, into its queue."""
        raise NotImplementedError

    def depth(self, queue: str) -> int:
        """How many hints wait in `queue`, fetched ones not counted; raises ConnectionClosed."""
        raise NotImplementedError

    def fetched(self, queue: str) -> set[str]:
        """Ids that are fetched by this process and not acknowledged, according to the server."""
        raise NotImplementedError

    def at_each_exchange(self, what: Callable[[], None]) -> None:
        """Call `what` around every exchange with the queues; set this before the first one."""
        raise NotImplementedError

    def room(self, queue: str, prefetch: int) -> int:
        """How many more hints this process may fetch."""
        return prefetch - len(self.held[queue])

    def put_out(self, queue: str, identity: str) -> None:
        """A hint was carried out: one that a ring became, or one that is acknowledged to the server too."""
        self.held[queue].discard(identity)
        self.freed[queue].set()
