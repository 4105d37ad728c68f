"""The pages of the front door: which there are, who may ask them, and the answer when something is wrong.

Every request of the gateway's interface is answered with HTTP 200 and a body in the shape and charset that it asks
for, whatever happens (PROTOCOL A.7, I.4). Refusals have the gateway's codes; what cannot be done now is error 9 in the
words for too many requests at once, which a program may take for "again, later".
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import phonenumbers

from smsq.producers.web.front_door.callers import Caller, Callers
from smsq.producers.web.front_door.connection import Answer, Request
from smsq.producers.web.front_door.jobs import Jobs
from smsq.producers.web.front_door.past import Past
from smsq.producers.web.front_door.prices import Prices
from smsq.producers.web.front_door.sends import Busy, Sends, busy
from smsq.producers.web.front_door.statuses import Statuses
from smsq.worker.domain.errors import FilesTrouble, LedgerTrouble
from smsq.worker.gateway.http.server import shapes
from smsq.worker.gateway.http.server.balance import BalanceRequest, write_balance
from smsq.worker.gateway.http.server.form import CHARSETS, Form, FormError
from smsq.worker.gateway.http.server.info import InfoRequest, Operator, write_operator
from smsq.worker.gateway.http.server.jobs import JobRequest
from smsq.worker.gateway.http.server.statuses import error_text
from smsq.worker.gateway.options import OPTIONS
from smsq.worker.processes.bounded_log import BoundedLog
from smsq.worker.processes.readiness import Report

BAD_LOGIN, WRONG = 2, 1
PLAIN = "text/plain; charset=utf-8"
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'" + r'|"(?:\\.|[^"\\])*"')

log = logging.getLogger(__name__)


class Page(NamedTuple):
    """One page: the right that it needs, its name in metrics, and what answers."""

    right: str
    name: str
    answer: Callable[[Form, Caller, str], Awaitable[Answer]]


class Pages:
    """Answers requests; belongs to one loop, and blocks it nowhere."""

    def __init__(
        self,
        callers: Callers,
        sends: Sends,
        statuses: Statuses,
        prices: Prices,
        jobs: Jobs,
        past: Past,
        readiness: Callable[[], Awaitable[Report]],
    ) -> None:
        self._callers = callers
        self._sends = sends
        self._statuses = statuses
        self._prices = prices
        self._jobs = jobs
        self._past = past
        self._readiness = readiness
        self.refused_log = BoundedLog(lambda why, many: log.warning("requests refused why=%s many=%d", why, many))
        send = Page("", "send", sends.answer)  # a price is another right than a send
        self._pages: dict[bytes, Page] = {
            b"/sys/send.php": send,
            b"/rest/send/": send,
            b"/sys/status.php": Page("ask", "status", self._status),
            b"/sys/balance.php": Page("balance", "balance", self._balance),
            b"/sys/jobs.php": Page("jobs", "jobs", self._job),
            b"/sys/get.php": Page("ask", "history", self._history),
            b"/sys/info.php": Page("ask", "info", self._info),
        }

    def name_of(self, request: Request) -> str:
        """The page's name in metrics."""
        page = self._pages.get(request.path)
        return page.name if page is not None else "other"

    async def answer(self, request: Request) -> tuple[Answer, str]:
        """Answer one request, and say how it went in a word of the metric. Raises nothing."""
        page = self._pages.get(request.path)
        if page is None:
            return await self._beside(request)
        form = request.body.so_far()
        try:
            form = request.body.close()
            caller = self._callers.of(form.login)
            if caller is None or (page.right and not caller.may(page.right)):
                why = "no such key" if caller is None else f"the key {caller.name} may not {page.right}"
                raise FormError(BAD_LOGIN, why)
            if caller.key.charset and "charset" not in form.raw:
                form = _in_charset(form, CHARSETS[caller.key.charset])
            return await page.answer(form, caller, request.host), "taken"
        except Busy as error:
            self.refused_log.note(error.sentence)
            return _answer(busy(form.fmt, form.charset), form), "busy"
        except FormError as error:
            return self._refused(page, error, form), "refused"
        except (LedgerTrouble, FilesTrouble) as error:
            self.refused_log.note(error.sentence)
            return _answer(busy(form.fmt, form.charset), form), "failed"
        except Exception as error:  # whatever it is, the caller gets an answer: for none it would send again
            log.exception("request not answered page=%s", page.name)
            self.refused_log.note(type(error).__name__)
            return _answer(busy(form.fmt, form.charset), form), "failed"

    def _refused(self, page: Page, error: FormError, form: Form) -> Answer:
        self.refused_log.note(f"{page.name}: error {error.error}: {_without_values(error.sentence)}")
        text = error_text(error.error) if page.name == "status" else None
        return _answer(shapes.write_error(error.error, text, error.gateway_id, form.fmt, form.charset), form)

    async def _beside(self, request: Request) -> tuple[Answer, str]:
        """What is none of the gateway's pages."""
        if request.path == b"/healthz":
            return Answer(body=b"ok", content_type=PLAIN), "taken"
        if request.path == b"/readyz":
            report = await self._readiness()
            status = "200 OK" if report.is_ready else "503 Service Unavailable"
            answer = Answer(body=report.written(), content_type="application/json", status=status)
            return answer, "taken" if report.is_ready else "failed"
        if request.path.startswith(b"/sys/"):
            form = request.body.so_far()
            return _answer(shapes.write_error(WRONG, None, None, form.fmt, form.charset), form), "refused"
        return Answer(body=b"there is no such page\n", content_type=PLAIN, status="404 Not Found"), "refused"

    async def _status(self, form: Form, caller: Caller, host: str) -> Answer:
        return await asyncio.to_thread(self._statuses.answer, form, caller)

    async def _job(self, form: Form, caller: Caller, host: str) -> Answer:
        request = JobRequest.read(form)
        cost = None
        if request.send is not None and request.send.cost:
            cost = await self._sends.cost_of(request.send, caller)
        return await asyncio.to_thread(self._jobs.answer, request, caller, host, cost)

    async def _history(self, form: Form, caller: Caller, host: str) -> Answer:
        return await asyncio.to_thread(self._past.answer, form, caller)

    async def _balance(self, form: Form, caller: Caller, host: str) -> Answer:
        request = BalanceRequest.read(form)
        balance = await self._prices.balance(is_asked=True)
        if balance is None:
            raise Busy("the balance is not known yet")
        currency = self._prices.currency if request.wants_currency else None
        return _answer(write_balance(balance, currency, None, request.fmt, form.charset), form)

    async def _info(self, form: Form, caller: Caller, host: str) -> Answer:
        request = InfoRequest.read(form)
        told = Operator(country=_country_of(request.phone), operator="")
        return _answer(write_operator(told, request.fmt, form.charset), form)


def refused() -> Answer:
    """The answer to what is no request: nobody can say in which shape it is expected, so it is the plainest."""
    return Answer(body=shapes.write_error(WRONG, None, None, 0, "utf-8"), content_type=PLAIN)


def _without_values(sentence: str) -> str:
    """A reason without what the caller wrote, which may be a person's; names of options stay.

    >>> _without_values("'subj' is for mail, not for sms"), _without_values("that is no address; not 'anna@x'")
    ("'subj' is for mail, not for sms", 'that is no address')
    """
    return _QUOTED.sub(lambda found: found[0] if found[0][1:-1] in OPTIONS else "...", sentence.partition("; not ")[0])


def _answer(body: bytes, form: Form) -> Answer:
    return Answer(body=body, content_type=shapes.content_type(form.fmt, form.charset))


def _in_charset(form: Form, charset: str) -> Form:
    """The same form in the charset of its caller's key, since it names none."""
    words = {name: value.decode(charset, "replace") for name, value in form.raw.items()}
    return dataclasses.replace(form, words=words, charset=charset)


def _country_of(digits: str) -> str:
    """The country of a phone by its digits, as two letters; '' if it is none."""
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""
