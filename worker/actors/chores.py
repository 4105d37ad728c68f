"""Balance and price: producers ask for them, and workers alone may ask the gateway."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

from smsq.worker.domain.errors import BadInput, LedgerTrouble
from smsq.worker.domain.job import BalanceJob
from smsq.worker.questions.money import MoneyQuestions
from smsq.worker.questions.permits import may_ask
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)


class Chores:
    """The actors of the chores lane in one worker process."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime
        self._money = MoneyQuestions(runtime)

    def check_balance(self) -> Decimal | None:
        """The actor: ask for the balance, and lift the halt of an empty account; None if the balance is not known."""
        try:
            if not may_ask(self._rt):
                return None  # a person's question may try; this one would only count as another bad log-in
            return self._money.balance().get("balance")
        except LedgerTrouble as error:
            log.warning("ledger in trouble while reading the balance why=%s", error.sentence)
            return None

    def do_job(self, job_id: str) -> None:
        """The actor: answer one question that a producer posted."""
        try:
            job = self._rt.ledger.take_job(job_id)
            if job is None:
                return
            answer = self._money.balance() if isinstance(job, BalanceJob) else self._money.price(job)
            self._rt.ledger.finish_job(job_id, {**answer, **_plain(answer)})
        except BadInput as error:  # not a job of ours, or one that the gateway must not get: nothing was asked
            log.warning("job refused job=%s why=%s", job_id, error.sentence)
            self._rt.ledger.finish_job(job_id, {"error": error.sentence, "code": None, "refused": True})
        except LedgerTrouble as error:
            log.warning("ledger in trouble job=%s why=%s", job_id, error.sentence)


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in answer.items() if isinstance(value, Decimal)}
