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
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.http import (
    BALANCE_PATH,
    HISTORY_PATH,
    SEND_PATH,
    STATUS_PATH,
    records,
    server_forms,
    server_replies,
)
from smsq.worker.gateway.http.server_forms import (
    CHARSETS,
    DEFAULT_CHARSET,
    FormError,
    HistoryRequest,
    SendRequest,
    StatusRequest,
)
from smsq.worker.gateway.numbers import CONCURRENT_TEXT, STATUS_ERRORS
from smsq.worker.sandbox.handset import Handsets, is_number
from smsq.worker.sandbox.limits import AddressBlocks
from smsq.worker.sandbox.misfortunes import Misfortunes, Stage, Stroke
from smsq.worker.sandbox.parts import parts_of
from smsq.worker.sandbox.profile import Profile
from smsq.worker.sandbox.state import Account, Record, money
from smsq.worker.sandbox.statuses import REFUSED_STATUS, MessageStatuses

PATHS = {
    SEND_PATH: "send",
    "/rest/send/": "send",
    STATUS_PATH: "status",
    BALANCE_PATH: "balance",
    HISTORY_PATH: "history",
}
QUESTIONS_KEPT = 10_000  # of the log of who was asked about, in order: mirror, ids

Request = SendRequest | StatusRequest | HistoryRequest


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
    fields: dict[str, str] = field(repr=False)
    stroke: Stroke | None = None
    account: Account | None = None
    request: Request | None = None
    pool: str = ""  # which of the log-in's places it occupies
    answer: Answer | None = None
    record: Record | None = None
    is_pushed: bool = True  # whether its statuses go to the handler URL


class Gateway:
    """The state that all mirrors share. Not thread-safe: it belongs to the server's loop."""

    def __init__(self, profile: Profile, misfortunes: Misfortunes | None = None) -> None:
        self.profile = profile
        self.handsets = Handsets(profile)
        self.misfortunes = misfortunes or Misfortunes(profile.seed, profile.arrival_s)
        self.on_accept: Callable[[Record, bool], None] = lambda record, is_early: None
        self.statuses = MessageStatuses(profile, self.handsets)
        self.reset()

    def reset(self) -> None:
        """Forget every message, limit and count; accounts as at the start."""
        self.limits_broken: dict[str, int] = {}
        self.requests: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self.questions: deque[tuple[int, list[int | str]]] = deque(maxlen=QUESTIONS_KEPT)
        self.guarded = 0
        self.address_blocks = AddressBlocks(self.profile, self.limits_broken)
        self.accounts = {self.profile.login: self._account(self.profile.login, self.profile.password)}

    def add_account(self, login: str, password: str) -> None:
        """One more log-in."""
        self.accounts[login] = self._account(login, password)

    def _account(self, login: str, password: str) -> Account:
        return Account(login, password, self.profile, self.limits_broken)

    # --- letting a request in ---------------------------------------------------------------------------------

    def begin(self, mirror: int, peer: str, path: str, query: str, body: bytes, now: float) -> Ticket | None:
        """Let a request in; None if the path is none of the gateway's."""
        command = PATHS.get(path)
        if command is None:
            return None
        fields = _rest_fields(body) if path == "/rest/send/" else server_forms.read(body, query)
        if command == "send" and fields.get("cost") == "1":
            command = "price"
        self.count_request(command)
        ticket = Ticket(command=command, mirror=mirror, peer=peer, fields=fields)
        if self.address_blocks.is_banned(peer, now):
            self._turn_away(ticket, 4, now)
        elif (account := self._who(fields)) is None:
            self.address_blocks.bad_login(peer, now)
            self._turn_away(ticket, 2, now)
        else:
            ticket.account = account
            self._admit(ticket, account, now)
        return ticket

    def count_request(self, command: str) -> None:
        """One more request of this kind came."""
        self.requests[command] = self.requests.get(command, 0) + 1

    def _who(self, fields: dict[str, str]) -> Account | None:
        who = server_forms.credentials(fields)
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
            ticket.request = _read_request(command, ticket.fields)
        except FormError as wrong:
            self._turn_away(ticket, wrong.error, now)
            return
        pool = {"send": "sends", "price": "sends", "balance": "sends", "status": "asks"}.get(command, "")
        if pool:
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
            is_allowed = limits.price(_content(ticket.fields), now)
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
            return (
                self._price(account, request)
                if ticket.command == "price"
                else self._send(ticket, account, request, now)
            )
        if isinstance(request, StatusRequest):
            return self._statuses(ticket, account, request, now)
        if isinstance(request, HistoryRequest):
            return self._history(ticket, account, request, now)
        currency = self.profile.currency if ticket.fields.get("cur") == "1" else None
        return Answer(server_replies.write_balance(money(account.balance), currency, fmt=_fmt(ticket.fields)))

    def _price(self, account: Account, request: SendRequest) -> Answer:
        parts, cost = _measure(account, request)
        return Answer(server_replies.write_price(money(cost), parts, fmt=request.fmt))

    def _send(self, ticket: Ticket, account: Account, request: SendRequest, now: float) -> Answer:
        """Accept a send, or refuse it in the gateway's order of checks."""
        content = _content(ticket.fields)
        if account.limits.guard.has(content, now):
            self.guarded += 1
            return self._error(ticket, 9)
        refusal = self._judge(request)
        if refusal is not None:
            code, refused = refusal
            self.address_blocks.error(ticket.peer, now)
            return self._refuse(ticket, account, request, code, refused, now)
        parts, cost = _measure(account, request)
        if cost > account.balance:
            return self._refuse(ticket, account, request, 3, request.messages, now)
        account.limits.guard.note(content, now)
        account.charge(cost)
        record = self._keep(ticket, account, request, request.messages, now, parts=parts, cost=cost)
        ticket.record = record
        if ticket.is_pushed:
            self.on_accept(record, ticket.stroke is not None and ticket.stroke.name == "early_callback")
        spent = money(cost) if request.cost in (2, 3) else None
        left = money(account.balance) if request.cost == 3 else None
        return Answer(server_replies.write_send_ok(record.id, parts, spent, left, fmt=request.fmt))

    def _judge(self, request: SendRequest) -> tuple[int, list[tuple[str, str]]] | None:
        """The error that refuses this send and the messages it is about; None if it may go."""
        profile, messages = self.profile, request.messages
        if profile.senders and request.sender and request.sender not in profile.senders:
            return 6, messages
        if profile.denied_text:
            denied = [message for message in messages if profile.denied_text in message[1]]
            if denied:
                return 6, denied
        wrong = [message for message in messages if not is_number(message[0])]
        if wrong and (profile.is_strict or len(wrong) == len(messages)):
            return 7, wrong
        if profile.dead_prefixes:
            dead = [message for message in messages if message[0].startswith(profile.dead_prefixes)]
            if dead and (profile.is_strict or len(dead) == len(messages)):
                return 8, dead
        return None

    def _refuse(
        self,
        ticket: Ticket,
        account: Account,
        request: SendRequest,
        code: int,
        refused: list[tuple[str, str]],
        now: float,
    ) -> Answer:
        """Refuse with error 3, 6, 7 or 8: an id is used up, and only the messages at fault are kept under it."""
        record = self._keep(ticket, account, request, refused, now, status=REFUSED_STATUS[code][0])
        return self._error(ticket, code, message_id=record.id)

    def _keep(
        self, ticket: Ticket, account: Account, request: SendRequest, messages: list[tuple[str, str]], now: float,
        *, parts: int = 0, cost: int = 0, status: int = 0,
    ) -> Record:  # fmt: skip
        hidden = ticket.stroke.seconds if ticket.stroke is not None and ticket.stroke.name == "invisible" else 0.0
        record = Record(
            id=request.id if request.id is not None else account.draw_id(),
            at=now,
            messages=messages,
            first_int_id=account.take_int_ids(len(messages)),
            parts=parts,
            cost=cost,
            sender=request.sender or "",
            mirror=ticket.mirror,
            channel=request.channel,
            hidden_s=hidden,
            code=status,
        )
        account.add(record)
        return record

    def _refuse_on_purpose(self, ticket: Ticket, account: Account, stroke: Stroke, now: float) -> Answer:
        code, request = stroke.kind.code, ticket.request
        if code in REFUSED_STATUS and isinstance(request, SendRequest) and ticket.command == "send":
            return self._refuse(ticket, account, request, code, request.messages, now)
        text = CONCURRENT_TEXT if stroke.name == "concurrent" else None
        return self._error(ticket, code, text)

    # --- telling ----------------------------------------------------------------------------------------------

    def _statuses(self, ticket: Ticket, account: Account, request: StatusRequest, now: float) -> Answer:
        rows = [self.statuses.told(account, *pair, now, ticket.mirror) for pair in request.pairs]
        try:
            return Answer(
                server_replies.write_statuses(rows, request.is_multiple, request.detail, request.fmt, request.charset)
            )
        except ValueError:
            return self._error(ticket, 1)

    def _history(self, ticket: Ticket, account: Account, request: HistoryRequest, now: float) -> Answer:
        try:
            since, until = _day(request.start, 0.0), _day(request.end, float("inf"), is_end=True)
        except ValueError:
            return self._error(ticket, 1)
        rows = self.statuses.page(account, request, since, until, now, ticket.mirror)
        if not rows:
            return self._error(ticket, 3, "no messages found")
        charset = CHARSETS.get(ticket.fields.get("charset", "").lower(), CHARSETS[DEFAULT_CHARSET])
        return Answer(server_replies.write_history(rows, charset))

    def _error(self, ticket: Ticket, code: int, text: str | None = None, message_id: int | str | None = None) -> Answer:
        if text is None and ticket.command == "status" and code in STATUS_ERRORS:
            text = STATUS_ERRORS[code].text
        name = f"{ticket.command}:{code}"
        self.errors[name] = self.errors.get(name, 0) + 1
        return Answer(server_replies.write_error(code, text, message_id, fmt=_fmt(ticket.fields)), code=code)


def _read_request(command: str, fields: dict[str, str]) -> Request | None:
    if command in ("send", "price"):
        return SendRequest.read(fields)
    if command == "status":
        return StatusRequest.read(fields)
    return HistoryRequest.read(fields) if command == "history" else None


def _rest_fields(body: bytes) -> dict[str, str]:
    """The fields of a JSON send; nothing if it is no JSON object."""
    try:
        told = msgspec.json.decode(body, type=dict[str, str | int | float])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return {"charset": "utf-8", "fmt": "3", **{name: str(value) for name, value in told.items()}}


def _measure(account: Account, request: SendRequest) -> tuple[int, int]:
    """Parts and price, in units, of all messages together."""
    total = cost = 0
    part = account.prices.part
    known: dict[str, int] = {}
    for phone, text in request.messages:
        parts = known.get(text)
        if parts is None:
            parts = known[text] = parts_of(text, request.channel)
        total += parts
        cost += parts * part(phone, request.channel)
    return total, cost


def _content(fields: dict[str, str]) -> int:
    """What makes two requests the same one: phones, texts and sender, whatever the id (P.L.1 is open)."""
    return hash(tuple([fields.get(name) for name in ("phones", "mes", "list", "sender")]))


@lru_cache(maxsize=64)
def _passwords(password: str) -> tuple[str, str, str]:
    """A password and the hashes of it that old libraries send (gateway manual, authentication)."""
    written = password.encode()
    return password, hashlib.md5(written).hexdigest(), hashlib.sha1(written).hexdigest()


def _same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "replace"))


def _fmt(fields: dict[str, str]) -> int:
    return int(fields["fmt"]) if fields.get("fmt") in ("0", "1", "2", "3") else 0


def _day(written: str, default: float, *, is_end: bool = False) -> float:
    """The Unix time at which a day begins, or ends; raises ValueError if it is not a day."""
    if not written:
        return default
    day = datetime.strptime(written, "%d.%m.%Y").replace(tzinfo=MOSCOW)
    return (day + timedelta(days=1) if is_end else day).timestamp()


def check_phones(phones: object) -> list[str]:
    """A list of phones as digits; raises BadInput."""
    if not isinstance(phones, list) or not all(isinstance(phone, str | int) for phone in phones):
        raise BadInput("a list of phones is wanted")
    return [records.digits(str(phone)) for phone in phones]
