"""Hints: they tell the workers that the ledger has something to do.

A hint that cannot be given is logged, counted and forgotten, and never an error for the caller: the ledger has the
work already, and the sweep hands it out within seconds. Actors need not be declared, so producers give hints without
importing them.
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
from smsq.worker.queues.hint_broker import HintBroker
from smsq.worker.redis_client import no_right

SEND_BATCHES: Final = "send_batches"
ASK_STATUSES: Final = "ask_statuses"
ASK_URGENT: Final = "ask_urgent_statuses"
SETTLE_DOUBTS: Final = "settle_doubts"
SETTLE_URGENT: Final = "settle_urgent_doubts"
DO_JOB: Final = "do_job"
CHECK_BALANCE: Final = "check_balance"
READ_HISTORY: Final = "read_history"
READ_ANSWERS: Final = "read_answers"
WATCH_ABSENT: Final = "watch_absent"
TAKE_STEPS: Final = "take_steps"

MAX_REFS = 100  # in one message, so that it stays below the broker's limit
MAX_OTPS = 10  # in one message, since one thread takes them in turn

_log = logging.getLogger(__name__)


class Hints:
    """One method per actor; each returns whether the queue took everything, and stops at the first failure."""

    def __init__(self, broker: HintBroker) -> None:
        self._broker = broker

    def waiting(self, lane: str) -> int:
        """How many hints wait in a lane; 0 if the queue cannot tell."""
        try:
            return self._broker.depth(lane)
        except BrokerConnectionError:
            return 0

    def batches(self, lane: str, refs: Sequence[Ref], *, each: int = 1) -> bool:
        """These batches may be claimed now; a message has up to `each` of them, which one thread sends in turn."""
        return all(self._give(lane, SEND_BATCHES, part) for part in _parts(refs, each))

    def asks(self, refs: Sequence[Ref], *, are_urgent: bool = False) -> bool:
        """Ask the gateway about these batches; they go together, so that they share a request."""
        to = (STATUS_URGENT, ASK_URGENT) if are_urgent else ("status", ASK_STATUSES)
        return all(self._give(*to, part) for part in _parts(refs, MAX_REFS))

    def doubts(self, refs: Sequence[Ref], *, are_urgent: bool = False) -> bool:
        """Look at these doubtful batches; those of codes go one by one, so that none waits for another."""
        if are_urgent:
            return all(self._give(STATUS_URGENT, SETTLE_URGENT, part) for part in _parts(refs, 1))
        return all(self._give("status", SETTLE_DOUBTS, part) for part in _parts(refs, MAX_REFS))

    def history(self) -> bool:
        """Read pages of history, since statuses are missing."""
        return self._give("status", READ_HISTORY)

    def answers(self) -> bool:
        """Read what people wrote back."""
        return self._give("status", READ_ANSWERS)

    def watch(self, refs: Sequence[Ref]) -> bool:
        """Ask once more about ids that were taken for absent."""
        return all(self._give("status", WATCH_ABSENT, part) for part in _parts(refs, MAX_REFS))

    def steps(self, otp_ids: Sequence[str]) -> bool:
        """Look whether these codes need their next channel."""
        parts = (list(otp_ids[start : start + MAX_OTPS]) for start in range(0, len(otp_ids), MAX_OTPS))
        return all(self._give("urgent", TAKE_STEPS, part) for part in parts)

    def job(self, job_id: str) -> bool:
        """Answer the job that was posted."""
        return self._give("chores", DO_JOB, job_id)

    def balance(self) -> bool:
        """Look the balance up."""
        return self._give("chores", CHECK_BALANCE)

    def _give(self, queue: str, actor: str, *args: Any) -> bool:
        try:
            self._broker.enqueue(dramatiq.Message(queue_name=queue, actor_name=actor, args=args, kwargs={}, options={}))
        except (redis.RedisError, BrokerConnectionError) as error:
            why = type(error).__name__
            if isinstance(error, redis.RedisError):
                why = no_right(error, "SMSQ_BROKER_URL", "broker.acl") or why
            elif str(error):
                why = str(error)
            _log.warning("hint lost queue=%s actor=%s why=%s", queue, actor, why)
            from smsq.worker.metrics import Metrics

            Metrics.of_process().hint_lost(queue)
            return False
        return True


def _parts(refs: Sequence[Ref], size: int) -> Iterator[list[str]]:
    for start in range(0, len(refs), size):
        yield [str(ref) for ref in refs[start : start + size]]
