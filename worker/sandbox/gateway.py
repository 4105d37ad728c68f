"""The gateway itself: a request in, an answer out, no socket and no clock.

A request is taken in two steps, as a real server takes it: `begin` lets it in or turns it away (who is it,
does a limit forbid it), `finish` does the work after the time to think. Between the two it occupies one of
the log-in's places; `leave` gives the place back once nothing of the request runs any more. Application errors
are HTTP 200 (gateway manual, errors).
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.http import (
    BALANCE_PATH,
    HISTORY_PATH,
    INFO_PATH,
    JOBS_PATH,
    REST_PATH,
    SEND_PATH,
    STATUS_PATH,
)
from smsq.worker.gateway.http.server.balance import BalanceRequest, write_balance
from smsq.worker.gateway.http.server.body import Body
from smsq.worker.gateway.http.server.form import Form, FormError
from smsq.worker.gateway.http.server.info import InfoRequest, write_operator
from smsq.worker.gateway.http.server.jobs import CANNOT_SAVE, Action, JobRequest, write_added, write_job, write_jobs
from smsq.worker.gateway.http.server.lists import (
    NOTHING,
    AnswersRequest,
    HistoryRequest,
    Incoming,
    read_get,
    write_answers,
    write_history,
)
from smsq.worker.gateway.http.server.records import shown
from smsq.worker.gateway.http.server.send import Accepted, SendRequest, write_accepted, write_price
from smsq.worker.gateway.http.server.shapes import write_done, write_error
from smsq.worker.gateway.http.server.statuses import StatusRequest, error_text, write_statuses
from smsq.worker.gateway.numbers import CONCURRENT_TEXT, HISTORY_EMPTY
from smsq.worker.sandbox import jobs
from smsq.worker.sandbox.handset import Handsets
from smsq.worker.sandbox.limits import AddressBlocks
from smsq.worker.sandbox.lookups import Lookups
from smsq.worker.sandbox.misfortunes import Misfortunes, Stage, Stroke
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.sends import REFUSED_STATUS, Sends, code_of, content_of
from smsq.worker.sandbox.state import Account, Record, money
from smsq.worker.sandbox.statuses import MessageStatuses

PATHS = {
    SEND_PATH: "send",
    REST_PATH: "send",
    STATUS_PATH: "status",
    BALANCE_PATH: "balance",
    HISTORY_PATH: "history",
    JOBS_PATH: "jobs",
    INFO_PATH: "info",
}
# The log-in's places that a command occupies; a command that is not here takes none.
POOLS = {"send": "sends", "price": "sends", "balance": "sends", "jobs": "sends", "status": "asks"}
QUESTIONS_KEPT = 10_000  # of the log of who was asked about, in order: mirror, ids

Request = SendRequest | StatusRequest | BalanceRequest | HistoryRequest | AnswersRequest | JobRequest | InfoRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a body, the HTTP status, and the gateway's error code (0: none)."""

    body: bytes
    http_status: int = 200
    code: int = 0


@dataclass(slots=True, kw_only=True)
class Ticket:
    """A request that was let in, or (`answer` set) turned away."""

    command: str
    mirror: int
    peer: str
    form: Form = field(repr=False)
    stroke: Stroke | None = None
    account: Account | None = None
    request: Request | None = None
    pool: str = ""  # which of the log-in's places it occupies
    answer: Answer | None = None
    record: Record | None = None


class Gateway:
    """The state that all mirrors share. Not thread-safe: it belongs to the server's loop."""

    def __init__(self, profile: Profile, misfortunes: Misfortunes | None = None) -> None:
        self.profile = profile
        self.handsets = Handsets(profile)
        self.misfortunes = misfortunes or Misfortunes(profile.seed, profile.arrival_s)
        self.lookups = Lookups()
        self.sends = Sends(profile, self.lookups)
        self.statuses = MessageStatuses(profile, self.handsets, self.lookups)
        self.reset()

    def reset(self) -> None:
        """Forget every message, limit, count and changed number; accounts as at the start."""
        self.limits_broken: dict[str, int] = {}
        self.requests: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self.questions: deque[tuple[int, list[int | str]]] = deque(maxlen=QUESTIONS_KEPT)
        self.sends.guarded = 0
        self.incoming: list[Incoming] = []
        self.lookups.forget()
        self.address_blocks = AddressBlocks(self.profile, self.limits_broken)
        self.accounts = {self.profile.login: self._account(self.profile.login, self.profile.password)}

    def add_account(self, login: str, password: str) -> None:
        """One more log-in."""
        self.accounts[login] = self._account(login, password)

    def _account(self, login: str, password: str) -> Account:
        return Account(login, password, self.profile, self.limits_broken)

    # --- letting a request in ---------------------------------------------------------------------------------

    def begin(
        self, mirror: int, peer: str, path: str, query: bytes, body: bytes, now: float, content_type: bytes = b""
    ) -> Ticket | None:
        """Let a request in; None if the path is none of the gateway's."""
        command = PATHS.get(path)
        if command is None:
            return None
        reader = Body(query, content_type, is_json=path == REST_PATH)
        reader.feed(body)
        try:
            form, trouble = reader.close(), None
        except FormError as wrong:
            form, trouble = reader.so_far(), wrong
        if command == "send" and form.get("cost") == "1":
            command = "price"
        elif command == "history" and form.is_on("get_answers"):
            command = "answers"
        self.count_request(command)
        ticket = Ticket(command=command, mirror=mirror, peer=peer, form=form)
        if self.address_blocks.is_banned(peer, now):
            self._turn_away(ticket, 4, now)
        elif trouble is not None:
            self._turn_away(ticket, trouble.error, now)
        elif (account := self._who(form)) is None:
            self.address_blocks.bad_login(peer, now)
            self._turn_away(ticket, 2, now)
        else:
            ticket.account = account
            self._admit(ticket, account, now)
        return ticket

    def post(self, form: Form, mirror: int, peer: str, stroke: Stroke | None, now: float) -> None:
        """Do what a letter asks for. Nobody is answered: what went wrong is only counted."""
        self.count_request("letter")
        ticket = Ticket(command="letter", mirror=mirror, peer=peer, form=form, stroke=stroke)
        if stroke is not None and stroke.kind.stage is Stage.REFUSE:
            return
        ticket.account = self._who(form)
        if ticket.account is None:
            self.count_error("letter", 2)
            return
        try:
            ticket.request = SendRequest.read(form)
        except FormError as wrong:
            self.count_error("letter", wrong.error)
            return
        self.finish(ticket, now)

    def count_request(self, command: str) -> None:
        """One more request of this kind came."""
        self.requests[command] = self.requests.get(command, 0) + 1

    def count_error(self, command: str, code: int) -> None:
        """Count an error that was answered, or would have been."""
        name = f"{command}:{code}"
        self.errors[name] = self.errors.get(name, 0) + 1

    def _who(self, form: Form) -> Account | None:
        who = form.login
        if who.is_key:
            return next((a for a in self.accounts.values() if a.apikey and _same(a.apikey, who.secret)), None)
        account = self.accounts.get(who.login)
        if account is None or not any(_same(secret, who.secret) for secret in _passwords(account.password)):
            return None
        return account

    def _admit(self, ticket: Ticket, account: Account, now: float) -> None:
        """Check form and limits of a request whose log-in is right."""
        limits, command = account.limits, ticket.command
        try:
            ticket.request = _read_request(command, ticket.form)
        except FormError as wrong:
            self._turn_away(ticket, wrong.error, now)
            return
        if pool := POOLS.get(command, ""):
            ticket.pool = pool
            if not limits.enter(pool):
                self._turn_away(ticket, 9, now, CONCURRENT_TEXT)
                return
        if command == "status":
            request = ticket.request
            assert isinstance(request, StatusRequest)
            self.questions.append((ticket.mirror, [message_id for message_id, _ in request.pairs]))
            is_allowed = limits.ask(request.pairs, request.is_multiple, now)
        elif command == "price":
            assert isinstance(ticket.request, SendRequest)
            is_allowed = limits.price(content_of(ticket.request), now)
        else:
            is_allowed = command != "balance" or limits.balance(now)
        if not is_allowed:
            self._turn_away(ticket, 9, now)

    def _turn_away(self, ticket: Ticket, code: int, now: float, text: str | None = None) -> None:
        ticket.answer = self._error(ticket, code, text)
        if code not in (3, 4):
            self.address_blocks.error(ticket.peer, now)

    def leave(self, ticket: Ticket) -> None:
        """Give the place of this request back: nothing of it runs any more."""
        if ticket.pool and ticket.account is not None:
            ticket.account.limits.leave(ticket.pool)
            ticket.pool = ""

    # --- doing the work ---------------------------------------------------------------------------------------

    def finish(self, ticket: Ticket, now: float) -> Answer:
        """Do what the request asks for."""
        if ticket.answer is not None:
            return ticket.answer
        account, request, stroke = ticket.account, ticket.request, ticket.stroke
        assert account is not None
        if stroke is not None and stroke.kind.stage is Stage.REFUSE:
            return self._refuse_on_purpose(ticket, account, stroke, now)
        if isinstance(request, SendRequest):
            is_price = ticket.command == "price"
            return self._price(request) if is_price else self._send(ticket, account, request, now)
        if isinstance(request, StatusRequest):
            return self._statuses(ticket, account, request, now)
        if isinstance(request, HistoryRequest):
            return self._history(ticket, account, request, now)
        if isinstance(request, AnswersRequest):
            return self._answers(ticket, request, now)
        if isinstance(request, JobRequest):
            return self._job(ticket, account, request, now)
        if isinstance(request, InfoRequest):
            operator = self.lookups.operator(request.phone)
            return Answer(write_operator(operator, request.fmt, request.charset))
        assert isinstance(request, BalanceRequest)
        currency = self.profile.currency if request.wants_currency else None
        return Answer(write_balance(money(account.balance), currency, fmt=request.fmt, charset=request.charset))

    def _price(self, request: SendRequest) -> Answer:
        parts, cost = self.sends.measure(request)
        return Answer(write_price(money(cost), parts, request.fmt, request.charset))

    def _send(self, ticket: Ticket, account: Account, request: SendRequest, now: float) -> Answer:
        is_early = ticket.stroke is not None and ticket.stroke.name == "early_callback"
        verdict = self.sends.take(
            account, request, now, mirror=ticket.mirror, hidden_s=_hidden_s(ticket), is_early=is_early
        )
        record = verdict.record
        if record is None:
            return self._error(ticket, verdict.code)
        if verdict.code:
            if verdict.code != 3:
                self.address_blocks.error(ticket.peer, now)
            return self._error(ticket, verdict.code, message_id=record.id)
        ticket.record = record
        each = self.sends.each(record) if request.wants_each or request.wants_bad else []
        answer = Accepted(
            id=record.id,
            parts=record.parts,
            cost=money(record.cost) if request.cost in (2, 3) else None,
            balance=money(account.balance) if request.cost == 3 else None,
            code=code_of(record),
            each=each if request.wants_each else None,
            bad=[one for one in each if one.error is not None] if request.wants_bad else None,
        )
        return Answer(write_accepted(answer, request.fmt, request.charset))

    def _refuse_on_purpose(self, ticket: Ticket, account: Account, stroke: Stroke, now: float) -> Answer:
        code, request = stroke.kind.code, ticket.request
        if code in REFUSED_STATUS and isinstance(request, SendRequest) and ticket.command == "send":
            hidden_s = _hidden_s(ticket)
            record = self.sends.refuse(account, request, code, now, mirror=ticket.mirror, hidden_s=hidden_s)
            return self._error(ticket, code, message_id=record.id)
        text = CONCURRENT_TEXT if stroke.name == "concurrent" else None
        return self._error(ticket, code, text)

    def _job(self, ticket: Ticket, account: Account, request: JobRequest, now: float) -> Answer:
        fmt, charset = request.fmt, request.charset
        try:
            if request.action is Action.ADD:
                job = jobs.add(self.sends, account, request, now, ticket.mirror)
                ticket.record = job.record
                cost = money(job.record.cost) if request.send is not None and request.send.cost else None
                return Answer(write_added(job.id, cost, fmt, charset))
            if request.action is Action.GET_ALL:
                known = [jobs.told(job, now) for job in account.jobs.values()]
                return Answer(write_jobs(known, fmt, charset))
            job = jobs.act(account, request, now)
        except FormError as wrong:
            text = CANNOT_SAVE if isinstance(wrong, jobs.NotSaved) else None
            return self._error(ticket, wrong.error, text)
        if request.action is Action.GET:
            return Answer(write_job(jobs.told(job, now), fmt, charset))
        return Answer(write_done(fmt, charset))

    # --- telling ----------------------------------------------------------------------------------------------

    def _statuses(self, ticket: Ticket, account: Account, request: StatusRequest, now: float) -> Answer:
        if request.is_delete:
            are_gone = [account.delete(*pair) for pair in request.pairs]
            return Answer(write_done(request.fmt, request.charset)) if all(are_gone) else self._error(ticket, 5)
        rows = [self.statuses.told(account, *pair, now, ticket.mirror) for pair in request.pairs]
        return Answer(write_statuses(rows, request.is_multiple, request.detail, request.fmt, request.charset))

    def _history(self, ticket: Ticket, account: Account, request: HistoryRequest, now: float) -> Answer:
        since, until = _begins(request.start, 0), _begins(request.end, 1)
        rows = self.statuses.page(account, request, since, until, now, ticket.mirror)
        if not rows:
            return self._error(ticket, HISTORY_EMPTY, NOTHING)
        return Answer(write_history(rows, request.charset, request.fmt))

    def _answers(self, ticket: Ticket, request: AnswersRequest, now: float) -> Answer:
        since = now - 3600 * request.hours
        found = [
            one
            for one in self.incoming
            if (one.id > request.after_id if request.after_id else one.received_at >= since)
        ]
        if not found:
            return self._error(ticket, HISTORY_EMPTY, NOTHING)
        return Answer(write_answers(found, request.fmt, request.charset))

    def comes_in(self, phone: str, text: str, to_phone: str, now: float) -> Incoming:
        """A message that somebody sends to the account."""
        told = Incoming(
            id=len(self.incoming) + 1,
            received_at=int(now),
            phone=phone,
            text=text,
            to_phone=to_phone,
            sent_at=int(now),
        )
        self.incoming.append(told)
        return told

    def _error(self, ticket: Ticket, code: int, text: str | None = None, message_id: int | str | None = None) -> Answer:
        if text is None and ticket.command == "status":
            text = error_text(code)
        self.count_error(ticket.command, code)
        form = ticket.form
        return Answer(write_error(code, text, message_id, form.fmt, form.charset), code=code)


def _read_request(command: str, form: Form) -> Request:
    if command in ("send", "price"):
        return SendRequest.read(form)
    if command in ("history", "answers"):
        return read_get(form)
    return _READERS[command](form)


_READERS: dict[str, Callable[[Form], Request]] = {
    "status": StatusRequest.read,
    "balance": BalanceRequest.read,
    "jobs": JobRequest.read,
    "info": InfoRequest.read,
}


def _hidden_s(ticket: Ticket) -> float:
    """For how long a send does not show, by misfortune."""
    return ticket.stroke.seconds if ticket.stroke is not None and ticket.stroke.name == "invisible" else 0.0


@lru_cache(maxsize=64)
def _passwords(password: str) -> tuple[str, str, str]:
    """A password and the hashes of it that old libraries send (gateway manual, authentication)."""
    written = password.encode()
    return password, hashlib.md5(written).hexdigest(), hashlib.sha1(written).hexdigest()


def _same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "replace"))


def _begins(day: date | None, later: int) -> float:
    """The Unix time at which the day so many days behind this one begins; of none, the end of all time."""
    if day is None:
        return float("inf") if later else 0.0
    return datetime.combine(day + timedelta(days=later), time(), MOSCOW).timestamp()


def check_phones(phones: object) -> list[str]:
    """A list of phones as digits; raises BadInput."""
    if not isinstance(phones, list) or not all(isinstance(phone, str | int) for phone in phones):
        raise BadInput("a list of phones is wanted")
    return [shown(str(phone)) for phone in phones]
