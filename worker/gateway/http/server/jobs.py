"""Mailings: jobs.php (PROTOCOL C.2).

    add=1&name=Spring&phones=79991234567&mes=Hi&cost=1      OK, ID - 1234567, COST - 3.8
    cancel=1&id=1234567                                     OK

What `get` and `get_all` answer is not documented: these shapes are our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Self

from smsq.worker.gateway.http.server.form import Form, FormError, id_of, number_of
from smsq.worker.gateway.http.server.send import SendRequest
from smsq.worker.gateway.http.server.shapes import Row, amount, date, encoded, rows, sentence, tree
from smsq.worker.gateway.login import Login

CANNOT_SAVE = "cannot save the record"  # error 3 of these requests, which is no want of money


class Action(Enum):
    """What is asked of a mailing; the value is the field that says so."""

    ADD = "add"
    GET = "get"
    GET_ALL = "get_all"
    CANCEL = "cancel"
    DELETE = "del"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One action: `id` for all but ADD and GET_ALL, `name` and `send` for ADD."""

    login: Login
    action: Action
    id: int = 0
    name: str = ""
    send: SendRequest | None = None
    fmt: int
    charset: str

    @classmethod
    def read(cls, form: Form) -> Self:
        """Raises FormError 1 for none or several actions, a missing id or name, and as a send does."""
        actions = [action for action in Action if form.is_on(action.value)]
        if len(actions) != 1:
            raise FormError(1, f"one of {', '.join(action.value for action in Action)} is 1")
        action, send, name, number = actions[0], None, form.get("name").strip(), 0
        if action is Action.ADD:
            send = SendRequest.read(form)
            if not name:
                raise FormError(1, "a mailing has a name")
        elif action is not Action.GET_ALL:
            given = id_of(form.get("id"))
            if not isinstance(given, int):
                raise FormError(1, "a mailing has a number")
            number = given
        return cls(
            login=form.login,
            action=action,
            id=number,
            name=name,
            send=send,
            fmt=number_of(form, "fmt", 3),
            charset=form.charset,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTold:
    """A mailing as it stands; times are Unix seconds."""

    id: int
    name: str
    status: str
    created_at: int
    starts_at: int
    messages: int
    sent: int
    cost: Decimal
    text: str = ""

    def row(self) -> Row:
        """As an answer has it."""
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "add_date": date(self.created_at),
            "send_date": date(self.starts_at or self.created_at),
            "cnt": self.messages,
            "sent": self.sent,
            "cost": amount(self.cost),
            "message": self.text,
        }


def write_added(job_id: int, cost: Decimal | None = None, fmt: int = 3, charset: str = "utf-8") -> bytes:
    """A mailing that was made; `cost` if the request asked for it."""
    told: dict[str, object] = {"id": job_id}
    if cost is not None:
        told["cost"] = amount(cost)
    if fmt >= 2:
        return tree(told, fmt, charset)
    if fmt == 1:
        return encoded(",".join(map(str, told.values())), charset)
    return encoded(f"OK, ID - {job_id}" + ("" if cost is None else f", COST - {amount(cost)}"), charset)


def write_job(job: JobTold, fmt: int = 3, charset: str = "utf-8") -> bytes:
    """One mailing."""
    if fmt >= 2:
        return tree(job.row(), fmt, charset)
    return encoded(sentence(job.row()), charset) if fmt == 0 else rows([job.row()], fmt, charset)


def write_jobs(jobs: Sequence[JobTold], fmt: int = 3, charset: str = "utf-8") -> bytes:
    """All mailings; no body may be empty, so that none is a word."""
    if not jobs and fmt < 2:
        return b"OK" if fmt == 0 else b"0"
    return rows([job.row() for job in jobs], fmt, charset, item="job")
