"""Middleware around every actor: it counts and times runs, and decides nothing."""

from __future__ import annotations

import time
from typing import Any

import dramatiq

from smsq.worker.metrics import Metrics


class ActorMetrics(dramatiq.Middleware):
    """Counts runs by outcome and measures them in seconds."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics.of_process()
        self._started: dict[str, float] = {}

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        self._started[message.options["redis_message_id"]] = time.perf_counter()

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        self._ended(message, "done" if exception is None else "failed")

    def after_skip_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        self._ended(message, "skipped")

    def _ended(self, message: dramatiq.MessageProxy, outcome: str) -> None:
        now = time.perf_counter()
        started = self._started.pop(message.options["redis_message_id"], now)
        self._metrics.actor_ran(message.actor_name, outcome, now - started)
