"""The actors: what a worker does for each kind of hint. `declare` makes dramatiq actors of them.

They use ledger, transports and questions, and never a word of a dialect. Importing chooses no broker, nothing is
delayed, and a message has nothing but ids.
"""

from __future__ import annotations

import dramatiq

from smsq.worker.actors.answers import Answers
from smsq.worker.actors.chores import Chores
from smsq.worker.actors.doubts import DoubtSettler
from smsq.worker.actors.otp_steps import StepTaker
from smsq.worker.actors.send import Sender
from smsq.worker.actors.statuses import Statuses
from smsq.worker.domain.lane import SENDING, STATUS_URGENT
from smsq.worker.questions.asker import Asker
from smsq.worker.queues.hints import (
    ASK_STATUSES,
    ASK_URGENT,
    CHECK_BALANCE,
    DO_JOB,
    READ_ANSWERS,
    READ_HISTORY,
    SEND_BATCHES,
    SETTLE_DOUBTS,
    SETTLE_URGENT,
    TAKE_STEPS,
    WATCH_ABSENT,
)
from smsq.worker.runtime import Runtime


def declare(runtime: Runtime, lane: str, owner: str) -> None:
    """Declare the actors of one lane on the broker of `runtime`; `owner` names this process in the ledger."""

    def actor(function: object, name: str, queue: str = lane) -> None:
        dramatiq.actor(function, broker=runtime.broker, queue_name=queue, actor_name=name)  # type: ignore[call-overload]

    if lane in SENDING:
        actor(_function(Sender(runtime, owner).send_batches), SEND_BATCHES)
        if lane == "urgent":
            actor(_function(StepTaker(runtime).take_steps), TAKE_STEPS)
    elif lane == "status":
        asker = Asker(runtime)
        statuses, doubts = Statuses(runtime, asker), DoubtSettler(runtime, asker)
        actor(_function(statuses.ask_statuses), ASK_STATUSES)
        actor(_function(statuses.read_history), READ_HISTORY)
        actor(_function(Answers(runtime).read_answers), READ_ANSWERS)
        actor(_function(doubts.settle_doubts), SETTLE_DOUBTS)
        actor(_function(doubts.watch_absent), WATCH_ABSENT)
        actor(_function(statuses.ask_urgent_statuses), ASK_URGENT, STATUS_URGENT)
        actor(_function(doubts.settle_urgent_doubts), SETTLE_URGENT, STATUS_URGENT)
    elif lane == "chores":
        chores = Chores(runtime)
        actor(_function(chores.check_balance), CHECK_BALANCE)
        actor(_function(chores.do_job), DO_JOB)


def _function(method: object) -> object:
    """Wrap a bound method in a plain function: dramatiq writes attributes on what it is given."""

    def run(*arguments: object) -> None:
        method(*arguments)  # type: ignore[operator]

    return run
