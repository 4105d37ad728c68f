"""What is left on the account, the price of what is about to be sent, and the harmless question that heals a mirror."""

from __future__ import annotations

import hmac
import logging
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from smsq.worker.actors.gateway import BALANCE, SEND, ask_any, ask_mirror
from smsq.worker.actors.leave import leave, may_ask, note_error
from smsq.worker.domain.errors import BadInput, LedgerTrouble
from smsq.worker.domain.job import BalanceJob, PriceJob
from smsq.worker.gateway import forms, prices
from smsq.worker.gateway.replies import read_balance, read_price
from smsq.worker.runtime import Runtime

log = logging.getLogger(__name__)

BALANCES_A_MINUTE = 8  # of the gateway's ten (its manual, answer of balance); a minute is `mass_ask_every_s`
PROBES_A_MINUTE = 6  # of the same, while a mirror is tripped
PRICES_A_MINUTE = 4  # of five equal price requests
AT_ONCE = 4  # questions of this kind under way, far below what the gateway allows of requests in all


class Chores:
    """The jobs of one worker process."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def check_balance(self) -> Decimal | None:
        """The actor: look the balance up and lift what an empty account halted; None where it is not known."""
        try:
            if not may_ask(self._rt):
                return None  # a person's own question may try; this one would only count as another bad log-in
            return self._balance().get("balance")
        except LedgerTrouble as error:
            log.warning("ledger in trouble while reading the balance why=%s", error.sentence)
            return None

    def do_job(self, job_id: str) -> None:
        """The actor: answer one question that a producer posted."""
        try:
            job = self._rt.ledger.take_job(job_id)
            if job is None:
                return
            answer = self._balance() if isinstance(job, BalanceJob) else self._price(job)
            self._rt.ledger.finish_job(job_id, {**answer, **_plain(answer)})
        except BadInput as error:  # not one of ours, or one that the gateway must not be told: nothing was asked
            log.warning("job refused job=%s why=%s", job_id, error.sentence)
            self._rt.ledger.finish_job(job_id, {"error": error.sentence, "code": None, "refused": True})
        except LedgerTrouble as error:
            log.warning("ledger in trouble job=%s why=%s", job_id, error.sentence)

    def _balance(self) -> dict[str, Any]:
        if resting := self._resting():
            return {"error": resting}
        with self._leave("balance", BALANCES_A_MINUTE) as may:
            if not may:
                return {"error": "too many balance requests this minute; try again shortly"}
            answer = ask_any(self._rt, BALANCE, forms.balance(self._rt.login))
        if answer is None:
            return {"error": "no mirror of the gateway answered"}
        read = read_balance(answer.reply.status, answer.reply.body)
        if read.balance is None:
            note_error(self._rt, "balance", read.error)
            return _trouble(answer.mirror, read.sentence, read.error)
        self._rt.mirrors.good(answer.mirror)
        self._store(read.balance)
        if self._rt.ledger.is_login_halted(self._rt.credentials):
            self._rt.ledger.login_works()
        return {"balance": read.balance, "currency": read.currency, "credit": read.credit}

    def _price(self, job: PriceJob) -> dict[str, Any]:
        """What these messages would cost together; nothing is sent. Raises BadInput where they could not be."""
        prices.check(job)
        body = prices.body(self._rt.login, job)
        if resting := self._resting():
            return {"error": resting}
        with self._leave(f"price:{self._known_as(body)}", PRICES_A_MINUTE) as may:
            if not may:
                return {"error": "the same price was asked for too often this minute; try again shortly"}
            # cost=1: the one call of send.php that sends nothing
            answer = ask_any(self._rt, SEND, body, command="price")
        if answer is None:
            return {"error": "no mirror of the gateway answered"}
        read = read_price(answer.reply.status, answer.reply.body)
        if read.cost is None:
            note_error(self._rt, "price", read.error)
            return _trouble(answer.mirror, read.sentence, read.error)
        self._rt.mirrors.good(answer.mirror)
        return {"cost": read.cost, "parts": read.parts}

    def _known_as(self, body: bytes) -> str:
        """Equal requests have equal names, in every process; nobody reads phones or password from one."""
        return hmac.digest(self._rt.credentials.encode(), body, "sha256").hex()[:16]

    def _leave(self, name: str, most: int) -> AbstractContextManager[float]:
        return leave(self._rt, "chores", AT_ONCE, {name: (most, self._rt.settings.mass_ask_every_s)})

    def _resting(self) -> str:
        """Why nothing is asked just now, '' where it may be; with a refused log-in a person may try."""
        rest_s = self._rt.ledger.questions_rest_s(self._rt.credentials)
        return f"the gateway wants to be left alone for another {rest_s:.0f} s" if 0 < rest_s < float("inf") else ""

    def _store(self, balance: Decimal) -> None:
        is_halted = self._rt.ledger.note_balance(balance)
        if is_halted and balance > 0:
            self._rt.ledger.topped_up()
            log.info("money is back balance=%s", balance)


def probe_mirror(runtime: Runtime, mirror: str) -> None:
    """Ask a tripped mirror for the balance: anything well-formed heals it."""
    if not may_ask(runtime):
        return
    with leave(runtime, "chores", AT_ONCE, {"balance": (PROBES_A_MINUTE, runtime.settings.mass_ask_every_s)}) as may:
        reply = ask_mirror(runtime, mirror, BALANCE, forms.balance(runtime.login)) if may else None
    if reply is None:
        return
    read = read_balance(reply.status, reply.body)
    if read.balance is None:
        note_error(runtime, "balance", read.error)
    (runtime.mirrors.good if read.balance is not None or read.error else runtime.mirrors.unknown)(mirror)


def _trouble(mirror: str, sentence: str, code: int | None) -> dict[str, Any]:
    """What whoever asked is told: the gateway's refusal, or whose answer could not be read."""
    if code is None:
        return {"error": f"the gateway at {mirror} gave no answer that can be read: {sentence}", "code": None}
    return {"error": sentence or f"the gateway answered with error {code}", "code": code}


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in answer.items() if isinstance(value, Decimal)}
