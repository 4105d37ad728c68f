"""Questions about messages, and the rows that answer them (PROTOCOL D).

    id=123&phone=79990000000                 1,1286524541,0
    id=123,&phone=79990000000,               1,1286524541,0,123,79990000000
    id=7&phone=79232510066 (a look-up)       1,1476794052,0,250023012345678,79232510066,250,02,Russia,MegaFon,,

The libraries cut fmt 1 at commas, so what a message has stands in fixed places: 3 fields, with `all` 9 or 12 and the
text at their end, which is joined again if it has commas. A look-up has eight fields more behind the third; its sender
is the word HLR, and stands at 14 or 17, which is how they know it (PROTOCOL D.4, D.5, I.1.8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from smsq.worker.gateway.http.server.form import Form, FormError, id_of, number_of
from smsq.worker.gateway.http.server.records import shown
from smsq.worker.gateway.http.server.shapes import (
    amount,
    cells,
    date,
    elements,
    encoded,
    one_line,
    rows,
    sentence,
    to_json,
    xml,
)
from smsq.worker.gateway.login import Login
from smsq.worker.gateway.numbers import NOT_FOUND, STATUS_CODES, STATUS_ERRORS

LOOKED_UP = ("imsi", "msc", "mcc", "mnc", "cn", "net", "rcn", "rnet")  # of a look-up, in the order of fmt 1
LOOK_UP = 4  # type number of a look-up (PROTOCOL D.10)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """A status request: `pairs` are (id, recipient as answers show it); `is_multiple` asks for a list in the answer."""

    login: Login
    pairs: list[tuple[int | str, str]]
    is_multiple: bool
    detail: int
    fmt: int
    charset: str
    is_delete: bool

    @classmethod
    def read(cls, form: Form) -> Self:
        """Raises FormError 1 if ids and recipients do not pair up. A comma anywhere in `id` asks for a list."""
        ids = [id_of(item) for item in form.get("id").split(",") if item.strip()]
        recipients = [shown(item) for item in form.get("phone").split(",") if item.strip()]
        if not ids or len(ids) != len(recipients):
            raise FormError(1, "ids and phones do not pair up")
        pairs = [(one, recipient) for one, recipient in zip(ids, recipients, strict=True) if one is not None]
        if len(pairs) != len(ids):
            raise FormError(1, "0 is no id")
        return cls(
            login=form.login,
            pairs=pairs,
            is_multiple="," in form.get("id"),
            detail=number_of(form, "all", 2),
            fmt=number_of(form, "fmt", 3),
            charset=form.charset,
            is_delete=form.is_on("del"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message as the gateway tells of it, in status answers and history; times are Unix seconds.

    `result` holds the fields of a look-up or a ping by the gateway's names, or the `code` of a call.
    """

    gateway_id: int | str
    phone: str  # or another recipient
    code: int
    at: int = 0
    err: int = 0
    flag: int = 0
    sent_at: int = 0
    cost: Decimal = Decimal(0)
    parts: int = 1
    sender: str = ""
    text: str = ""
    comment: str = ""
    int_id: int = 0
    type: int | None = 0  # PROTOCOL D.10; None if the manual gives the channel no number
    result: Mapping[str, str] | None = None
    mccmnc: str = ""
    country: str = ""
    operator: str = ""
    region: str = ""
    format: int = 0  # of history: 8 is mail

    @property
    def is_known(self) -> bool:
        """Whether there is such a message."""
        return self.code != NOT_FOUND

    @property
    def name(self) -> str:
        """Its status in words."""
        return STATUS_CODES[self.code].name if self.code in STATUS_CODES else f"status {self.code}"

    @property
    def last_date(self) -> str:
        """When its status changed, or else when it was sent: a client stumbles over an empty date."""
        return date(self.at or self.sent_at)

    @property
    def where(self) -> dict[str, object]:
        """Whose number it is."""
        return {"country": self.country, "operator": self.operator, "region": self.region}

    @property
    def kind(self) -> dict[str, object]:
        """Its type, if it has a number."""
        return {} if self.type is None else {"type": self.type}


def write_statuses(
    told: Sequence[Told], is_multiple: bool, detail: int = 0, fmt: int = 3, charset: str = "utf-8"
) -> bytes:
    """Statuses of the messages asked for; a list if the request's id had a comma, else one. `detail` is its `all`."""
    if fmt == 1:
        return encoded("\n".join([_cells(row, is_multiple, detail) for row in told]), charset)
    if fmt == 0:
        return encoded("\n".join([sentence(_words(row, is_multiple, detail)) for row in told]), charset)
    answers = [_fields(row, is_multiple, detail) for row in told]
    if is_multiple:
        return rows(answers, fmt, charset)
    return to_json(answers[0], charset) if fmt == 3 else xml(f"<sms>{elements(answers[0])}</sms>", charset)


def error_text(code: int) -> str | None:
    """The words of a status error, where they differ from those of a send; for `write_error`."""
    return STATUS_ERRORS[code].text if code in STATUS_ERRORS else None


def _cells(row: Told, is_multiple: bool, detail: int) -> str:
    """One row of fmt 1. An unknown message has as many fields: the libraries reach for them without a look."""
    is_look_up = row.type == LOOK_UP
    fields: list[object] = [row.code, row.at, row.err]
    if is_look_up:
        result = row.result or {}
        fields += [result.get(name, "") for name in LOOKED_UP]
    if not detail:
        fields += [row.gateway_id, row.phone] if is_multiple else []
        return cells([*fields, ""])[:-1]
    fields += [row.sent_at, row.phone, amount(row.cost)]
    if detail > 1:
        fields += row.where.values()
    fields += ["HLR" if is_look_up else row.sender, row.name]
    if is_multiple:
        return f"{cells([*fields, ''])}{one_line(row.text)},{row.gateway_id}"
    return f"{cells([*fields, ''])}{row.text}"


def _words(row: Told, is_multiple: bool, detail: int) -> dict[str, object]:
    """One row of fmt 0, by its names there."""
    fields = _fields(row, is_multiple, detail)
    told: dict[str, object] = {"Status": fields.pop("status")}
    if "last_date" in fields:
        told["check_time"] = fields.pop("last_date")
    unsaid = {"last_timestamp", "send_timestamp", "flag"}
    return told | {name: value for name, value in fields.items() if name not in unsaid}


def _fields(row: Told, is_multiple: bool, detail: int) -> dict[str, object]:
    """One answer of fmt 2 and 3. An unknown message has no dates rather than empty ones."""
    answer: dict[str, object] = {"status": row.code}
    if row.is_known:
        answer |= {"last_date": row.last_date, "last_timestamp": row.at, "flag": row.flag, "err": row.err}
        answer |= row.result or {}
        if detail:
            answer |= {
                "send_date": date(row.sent_at or row.at),
                "send_timestamp": row.sent_at,
                "phone": row.phone,
                "cost": amount(row.cost),
                "sender_id": "HLR" if row.type == LOOK_UP else row.sender,
                "status_name": row.name,
                "message": row.text,
                "comment": row.comment,
                **row.kind,
            }
        if detail > 1:
            answer |= {**row.where, "mccmnc": row.mccmnc, "operator_orig": row.operator, "sms_cnt": row.parts}
    elif detail:
        answer |= {"status_name": row.name}
    if is_multiple:
        answer |= {"id": row.gateway_id, "phone": row.phone}
    return answer
