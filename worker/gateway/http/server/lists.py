"""Lists of get.php: the history of what was sent, and what people answered (PROTOCOL C.3).

    get_messages=1&start=01.11.2026&end=02.11.2026&cnt=1000&prev_id=900
    get_answers=1&hour=24

A list without rows is error 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Day  # noqa: N812
from datetime import datetime

from smsq.worker.gateway.http.server.form import Form, FormError, number_of
from smsq.worker.gateway.http.server.records import recipients, shown
from smsq.worker.gateway.http.server.shapes import Row, amount, date, rows, write_error
from smsq.worker.gateway.http.server.statuses import Told
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.numbers import HISTORY_EMPTY

NOTHING = "no messages found"
MOST_ROWS = 1000
LONGEST_H = 168  # of incoming messages: clients ask for no more


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """A request for a page of sent messages, from one day to another, both included; None for an open end."""

    login: Login
    start: Day | None
    end: Day | None
    prev_id: int
    count: int
    recipients: tuple[str, ...]  # as answers show them; empty for all
    is_mail: bool | None  # None for all kinds
    fmt: int
    charset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersRequest:
    """A request for incoming messages: those behind an id, or of the last hours."""

    login: Login
    after_id: int
    hours: int
    fmt: int
    charset: str


def read_get(form: Form) -> HistoryRequest | AnswersRequest:
    """Which list is asked for; raises FormError 1 for another, or for a wrong parameter."""
    if form.is_on("get_messages"):
        return _history(form)
    if form.is_on("get_answers"):
        return _answers(form)
    raise FormError(1, "get_messages=1 and get_answers=1 are served")


def _history(form: Form) -> HistoryRequest:
    asked = [*recipients(form.get("phone")), *recipients(form.get("email"))]
    kind = number_of(form, "format", 13) if form.get("format").strip() else None
    return HistoryRequest(
        login=form.login,
        start=_day(form.get("start")),
        end=_day(form.get("end")),
        prev_id=number_of(form, "prev_id", 2**63 - 1),
        count=min(number_of(form, "cnt", 2**31) or MOST_ROWS, MOST_ROWS),
        recipients=tuple(map(shown, asked)),
        is_mail=None if kind is None else kind == 8,
        fmt=number_of(form, "fmt", 3),
        charset=form.charset,
    )


def _answers(form: Form) -> AnswersRequest:
    return AnswersRequest(
        login=form.login,
        after_id=number_of(form, "after_id", 2**63 - 1),
        hours=min(number_of(form, "hour", 2**31) or 24, LONGEST_H),
        fmt=number_of(form, "fmt", 3),
        charset=form.charset,
    )


def _day(written: str) -> Day | None:
    """A day as `dd.mm.yyyy`, None for nothing."""
    if not written.strip():
        return None
    try:
        return datetime.strptime(written.strip(), "%d.%m.%Y").date()  # noqa: DTZ007  (a day has no zone)
    except ValueError:
        raise FormError(1, "a day is dd.mm.yyyy") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message that came in; times are Unix seconds."""

    id: int
    received_at: int
    phone: str
    text: str
    to_phone: str
    sent_at: int

    def row(self) -> Row:
        """As an answer has it."""
        return {
            "id": self.id,
            "received": date(self.received_at),
            "phone": self.phone,
            "message": self.text,
            "to_phone": self.to_phone,
            "sent": date(self.sent_at or self.received_at),
        }


def write_history(told: Sequence[Told], charset: str = "utf-8", fmt: int = 3) -> bytes:
    """A page of history; the rows as given, which is how `prev_id` pages through them."""
    if not told:
        return write_nothing(fmt, charset)
    return rows([_past(row) for row in told], fmt, charset)


def write_answers(told: Sequence[Incoming], fmt: int = 3, charset: str = "utf-8") -> bytes:
    """Incoming messages; fmt 0 is one `key = value` line each."""
    return rows([one.row() for one in told], fmt, charset) if told else write_nothing(fmt, charset)


def write_nothing(fmt: int = 3, charset: str = "utf-8") -> bytes:
    """The answer for a list without rows."""
    return write_error(HISTORY_EMPTY, NOTHING, fmt=fmt, charset=charset)


def _past(row: Told) -> Row:
    return {
        "status": row.code,
        "last_date": row.last_date,
        "last_timestamp": row.at,
        "err": row.err,
        "send_date": date(row.sent_at or row.at),
        "send_timestamp": row.sent_at,
        "phone": row.phone,
        "cost": amount(row.cost),
        "sender_id": row.sender,
        "status_name": row.name,
        "message": row.text,
        **({"comment": row.comment} if row.comment else {}),
        "mccmnc": row.mccmnc,
        "country": row.country,
        "operator": row.operator,
        "region": row.region,
        **row.kind,
        "id": row.gateway_id,
        "int_id": row.int_id,
        "sms_cnt": row.parts,
        "format": row.format,
        "crc": "",
    }
