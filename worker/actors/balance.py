"""Jobs of the chores lane: the price of what is about to be sent, and what is left on the account."""

from __future__ import annotations

import logging
import secrets
from decimal import Decimal
from typing import Any

import msgspec

from worker.actors.gateway import BALANCE, SEND, ask_any
from worker.domain.batch import Options
from worker.domain.errors import LedgerTrouble
from worker.gateway import forms
from worker.gateway.replies import read_balance, read_price
from worker.ledger.store import translated
from worker.runtime import Runtime

log = logging.getLogger(__name__)

BALANCES_A_MINUTE = 8  # of the gateway's ten (its manual, answer of balance); a minute is `mass_ask_every_s`
PRICES_A_MINUTE = 4  # of five equal price requests
BAD_LOGIN = 2


class Chores:
    """The jobs of one worker process."""

    def __init__(self, runtime: Runtime) -> None:
        self._rt = runtime

    def check_balance(self) -> Decimal | None:
        """The actor: look the balance up and lift what an empty account halted; None where it is not known."""
        try:
            if self._rt.ledger.is_login_halted(self._rt.credentials):
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
            kind, payload = job
            answer = self._balance() if kind == "balance" else self._price(payload)
            self._rt.ledger.finish_job(job_id, {**answer, **_plain(answer)})
        except LedgerTrouble as error:
            log.warning("ledger in trouble job=%s why=%s", job_id, error.sentence)

    def _balance(self) -> dict[str, Any]:
        if not self._leave("balance", BALANCES_A_MINUTE):
            return {"error": "too many balance requests this minute; try again shortly"}
        answer = ask_any(self._rt, BALANCE, forms.balance(self._rt.login))
        if answer is None:
            return {"error": "no mirror of the gateway answered"}
        read = read_balance(answer.reply.status, answer.reply.body)
        if read.balance is None:
            self._note_error("balance", read.error)
            return {"error": read.sentence or f"the gateway answered with error {read.error}", "code": read.error}
        self._rt.mirrors.good(answer.mirror)
        self._store(read.balance)
        if self._rt.ledger.is_login_halted(self._rt.credentials):
            self._rt.ledger.login_works()
        return {"balance": read.balance, "currency": read.currency, "credit": read.credit}

    def _price(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Price `messages` ([phone, text] pairs, or phones and one `text`); nothing is sent."""
        options = msgspec.convert(payload.get("options", {}), Options)
        if "text" in payload:
            body = forms.price_same(self._rt.login, payload["phones"], payload["text"], options)
        else:
            body = forms.price_list(self._rt.login, [(phone, text) for phone, text in payload["messages"]], options)
        if not self._leave(f"price:{hash(body) & 0xFFFFFFFF:x}", PRICES_A_MINUTE):
            return {"error": "the same price was asked for too often this minute; try again shortly"}
        answer = ask_any(self._rt, SEND, body, command="price")  # cost=1: the one call of send.php that sends nothing
        if answer is None:
            return {"error": "no mirror of the gateway answered"}
        read = read_price(answer.reply.status, answer.reply.body)
        if read.cost is None:
            self._note_error("price", read.error)
            return {"error": read.sentence or f"the gateway answered with error {read.error}", "code": read.error}
        self._rt.mirrors.good(answer.mirror)
        return {"cost": read.cost, "parts": read.parts}

    def _note_error(self, command: str, code: int | None) -> None:
        self._rt.metrics.gateway_error(command, code)
        if code == BAD_LOGIN:
            self._rt.ledger.halt_login(self._rt.credentials)

    def _leave(self, name: str, most: int) -> bool:
        token = secrets.token_hex(8)
        wait = self._rt.ledger.take("chores", token, 4, 0.001, {name: (most, self._rt.settings.mass_ask_every_s)})
        return wait == 0.0

    def _store(self, balance: Decimal) -> None:
        with translated():
            self._rt.ledger.redis.hset(
                self._rt.ledger.key("ctl"), mapping={"balance": str(balance), "balance_at": str(self._rt.clock.now())}
            )
            halted = self._rt.ledger.redis.hexists(self._rt.ledger.key("ctl"), "no_money")
        if halted and balance > 0:
            self._rt.ledger.topped_up()
            log.info("money is back balance=%s", balance)


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in answer.items() if isinstance(value, Decimal)}
