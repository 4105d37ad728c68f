"""The balance of the account, the price of messages, and the question that closes a breaker."""

from __future__ import annotations

import hmac
import logging
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from smsq.worker.domain.blocking import GATEWAY_LIMITS
from smsq.worker.domain.job import PriceJob
from smsq.worker.gateway.http import BALANCE_PATH, SEND_PATH, client_forms
from smsq.worker.gateway.http.client_replies import read_balance, read_price
from smsq.worker.gateway.numbers import BAD_LOGIN
from smsq.worker.gateway.options import check_price
from smsq.worker.questions import Means
from smsq.worker.questions.exchange import ask_any, ask_mirror
from smsq.worker.questions.permits import may_ask, note_error, permit

log = logging.getLogger(__name__)

BALANCES_A_MINUTE = 8  # of the gateway's ten (its manual, answer of balance); a minute is `mass_ask_every_s`
PROBES_A_MINUTE = 6  # of the same, while a mirror is tripped
PRICES_A_MINUTE = 4  # of five equal price requests
TRIES = GATEWAY_LIMITS["logins"].most  # in half an hour, by all together: for more the gateway blocks an address
TRIES_WITHIN = 30  # minutes
AT_ONCE = 4  # questions of this kind under way, far below the gateway's limit of requests


class MoneyQuestions:
    """Balance and price; an answer has what was asked for, or `error` and, if the gateway gave one, its `code`."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def balance(self) -> dict[str, Any]:
        if paused := self._paused():
            return {"error": paused}
        with self._permit("balance", BALANCES_A_MINUTE) as may:
            if not may:
                return self._refused() or {"error": "too many balance requests this minute; try again shortly"}
            answer = ask_any(self._means, BALANCE_PATH, client_forms.balance(self._means.login))
        if answer is None:
            return {"error": "no mirror of the gateway answered"}
        read = read_balance(answer.reply.status, answer.reply.body)
        if read.balance is None:
            note_error(self._means, "balance", read.error)
            return _trouble(answer.mirror, read.sentence, read.error)
        self._means.mirrors.good(answer.mirror)
        self._store(read.balance)
        if self._is_refused():
            self._means.ledger.login_works()
        return {"balance": read.balance, "currency": read.currency, "credit": read.credit}

    def price(self, job: PriceJob) -> dict[str, Any]:
        """What these messages would cost together; nothing is sent. Raises BadInput if they could not be sent."""
        check_price(job)
        body = client_forms.price(self._means.login, job)
        if paused := self._paused():
            return {"error": paused}
        with self._permit(f"price:{self._known_as(body)}", PRICES_A_MINUTE) as may:
            if not may:
                return self._refused() or {
                    "error": "the same price was asked for too often this minute; try again shortly"
                }
            # cost=1: send.php then sends nothing
            answer = ask_any(self._means, SEND_PATH, body, command="price")
        if answer is None:
            return {"error": "no mirror of the gateway answered"}
        read = read_price(answer.reply.status, answer.reply.body)
        if read.cost is None:
            note_error(self._means, "price", read.error)
            return _trouble(answer.mirror, read.sentence, read.error)
        self._means.mirrors.good(answer.mirror)
        return {"cost": read.cost, "parts": read.parts}

    def _known_as(self, body: bytes) -> str:
        """A name for equal requests, the same in every process; phones and password cannot be read from it."""
        return hmac.digest(self._means.credentials.encode(), body, "sha256").hex()[:16]

    def _permit(self, name: str, most: int) -> AbstractContextManager[float]:
        minute_s = self._means.settings.mass_ask_every_s
        limits = {name: (most, minute_s)}
        if self._is_refused():
            limits[f"login:{self._means.credentials}"] = (TRIES, TRIES_WITHIN * minute_s)
        return permit(self._means, "chores", AT_ONCE, limits)

    def _is_refused(self) -> bool:
        return self._means.ledger.is_login_halted(self._means.credentials)

    def _refused(self) -> dict[str, Any]:
        """The answer without a question, for a log-in that was refused and tried again often enough."""
        if not self._is_refused():
            return {}
        return {
            "error": f"the gateway refused this log-in; it is tried {TRIES} times in half an hour",
            "code": BAD_LOGIN,
        }

    def _paused(self) -> str:
        """Why no question is put now, '' if one may be; after a refused log-in a person may still try."""
        pause_s = self._means.ledger.questions_back_off_s(self._means.credentials)
        return f"the gateway asked us to back off for another {pause_s:.0f} s" if 0 < pause_s < float("inf") else ""

    def _store(self, balance: Decimal) -> None:
        ledger = self._means.ledger
        is_halted = ledger.note_balance(balance)
        if is_halted and balance > 0:
            ledger.topped_up()
            log.info("money is back balance=%s", balance)


def probe_mirror(means: Means, mirror: str) -> None:
    """Ask a tripped mirror for the balance: any well-formed answer closes its breaker."""
    if not may_ask(means):
        return
    with permit(means, "chores", AT_ONCE, {"balance": (PROBES_A_MINUTE, means.settings.mass_ask_every_s)}) as may:
        reply = ask_mirror(means, mirror, BALANCE_PATH, client_forms.balance(means.login)) if may else None
    if reply is None:
        return
    read = read_balance(reply.status, reply.body)
    if read.balance is None:
        note_error(means, "balance", read.error)
    (means.mirrors.good if read.balance is not None or read.error else means.mirrors.unknown)(mirror)


def _trouble(mirror: str, sentence: str, code: int | None) -> dict[str, Any]:
    """The answer to the caller: the gateway's refusal, or which mirror's answer could not be read."""
    if code is None:
        return {"error": f"the gateway at {mirror} gave no answer that can be read: {sentence}", "code": None}
    return {"error": sentence or f"the gateway answered with error {code}", "code": code}
