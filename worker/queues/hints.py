"""Hints: telling the workers that something in the ledger wants doing.

A hint that cannot be given is logged, counted and forgotten, never an error of the caller's: the
ledger has the work already and the sweeper hands it out within seconds. Actors need not be
declared here, so producers give hints without importing them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

import dramatiq
import redis
from dramatiq.errors import BrokerConnectionError

from smsq.worker.domain.batch import Ref
from smsq.worker.domain.lane import STATUS_URGENT
from smsq.worker.queues.broker import HintBroker
from smsq.worker.redis_client import no_right

SEND_BATCHES: Final = "send_batches"
ASK_STATUSES: Final = "ask_statuses"
ASK_URGENT: Final = "ask_urgent_statuses"
SETTLE_DOUBTS: Final = "settle_doubts"
SETTLE_URGENT: Final = "settle_urgent_doubts"
DO_JOB: Final = "do_job"
CHECK_BALANCE: Final = "check_balance"
READ_HISTORY: Final = "read_history"
WATCH_ABSENT: Final = "watch_absent"
TAKE_STEPS: Final = "take_steps"

MAX_REFS = 100  # in one message, which stays below the broker's limit
MAX_CODES = 10  # of which one thread looks at each in turn

_log = logging.getLogger(__name__)


class Hints:
    """One method per actor; each answers whether the queue took everything, and stops at the first trouble."""

    def __init__(self, broker: HintBroker) -> None:
        self._broker = broker

    def waiting(self, lane: str) -> int:
        """How many hints wait in a lane; 0 if the queue cannot tell."""
        try:
            return self._broker.depth(lane)
        except BrokerConnectionError:
            return 0

    def batches(self, lane: str, refs: Sequence[Ref], *, each: int = 1) -> bool:
        """These may be claimed now; one message per `each` of them, which one thread sends in turn."""
        return all(self._give(lane, SEND_BATCHES, part) for part in _parts(refs, each))

    def asks(self, refs: Sequence[Ref], *, are_urgent: bool = False) -> bool:
        """The gateway should be asked about these; together, so that they share a request."""
        to = (STATUS_URGENT, ASK_URGENT) if are_urgent else ("status", ASK_STATUSES)
        return all(self._give(*to, part) for part in _parts(refs, MAX_REFS))

    def doubts(self, refs: Sequence[Ref], *, are_urgent: bool = False) -> bool:
        """It is time to look at these doubtful batches; those of codes one by one, so that none waits for another."""
        if are_urgent:
            return all(self._give(STATUS_URGENT, SETTLE_URGENT, part) for part in _parts(refs, 1))
        return all(self._give("status", SETTLE_DOUBTS, part) for part in _parts(refs, MAX_REFS))

    def history(self) -> bool:
        """Pages of history should be read: statuses are missing."""
        return self._give("status", READ_HISTORY)

    def watch(self, refs: Sequence[Ref]) -> bool:
        """Ids that were taken for absent should be asked about once more."""
        return all(self._give("status", WATCH_ABSENT, part) for part in _parts(refs, MAX_REFS))

    def steps(self, otp_ids: Sequence[str]) -> bool:
        """It is time to look whether these codes need their next channel."""
        parts = (list(otp_ids[start : start + MAX_CODES]) for start in range(0, len(otp_ids), MAX_CODES))
        return all(self._give("urgent", TAKE_STEPS, part) for part in parts)

    def job(self, job_id: str) -> bool:
        """A job was posted."""
        return self._give("chores", DO_JOB, job_id)

    def balance(self) -> bool:
        """The balance should be looked up."""
        return self._give("chores", CHECK_BALANCE)

    def _give(self, queue: str, actor: str, *args: Any) -> bool:
        try:
            self._broker.enqueue(dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options={}))
        except (redis.RedisError, BrokerConnectionError) as error:
            why = type(error).__name__
            if isinstance(error, redis.RedisError):
                why = no_right(error, "SMSQ_BROKER_URL", "broker.acl") or why
            _log.warning("hint lost queue=%s actor=%s why=%s", queue, actor, why)
            from smsq.worker.metrics import Metrics

            Metrics.of_process().hint_lost(queue)
            return False
        return True


def _parts(refs: Sequence[Ref], size: int) -> Iterator[list[str]]:
    for start in range(0, len(refs), size):
        yield [str(ref) for ref in refs[start : start + size]]
