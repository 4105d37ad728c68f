"""Dramatiq's workers as our processes run them: one queue each, and what they did not begin goes back."""

from __future__ import annotations

from queue import Empty

import dramatiq
import dramatiq.worker

from smsq.worker.queues.hint_broker import HintBroker

STOP_LOOK_MS = 250  # between looks of an idle thread whether it should end; a hint wakes it at once
RECONNECT_S = 0.5  # between tries of a consumer whose Redis is gone


def make_worker(broker: HintBroker, queue: str, threads: int) -> dramatiq.Worker:
    """A worker of one queue, not started yet.

    Values that dramatiq would read from the environment are set here.
    """
    vars(dramatiq.worker).update(
        CONSUMER_RESTART_DELAY_SECS=RECONNECT_S,
        POST_PROCESS_MESSAGE_RETRY_DELAY_SECS=RECONNECT_S,
    )
    worker = dramatiq.Worker(broker, queues={queue}, worker_threads=threads, worker_timeout=STOP_LOOK_MS)
    # Running hints count too, so that few are kept from the other processes of the lane.
    worker.queue_prefetch = threads + max(1, threads // 2)
    return worker


def give_back(worker: dramatiq.Worker) -> int:
    """Give back hints that a worker fetched and did not begin, for another process; return how many.

    Raises ConnectionClosed if Redis does not answer; the hints then come back after the process' heartbeat times out.
    """
    waiting: dict[str, list[dramatiq.MessageProxy]] = {}
    while True:
        try:
            message = worker.work_queue.get_nowait().message
        except Empty:
            break
        worker.work_queue.task_done()
        waiting.setdefault(message.queue_name, []).append(message)
    for queue, messages in waiting.items():
        worker.consumers[queue].requeue_messages(messages)
    return sum(map(len, waiting.values()))
