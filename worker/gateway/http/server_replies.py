"""The gateway's side of an answer: values to bytes, as the manual prints them.

Written for the sandbox and the front door; the client's half is `client_replies.py`. The golden texts in the tests
hold both halves to the manual, so that they cannot agree on a mistake.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from smsq.worker.gateway.dates import MOSCOW
from smsq.worker.gateway.numbers import SEND_ERRORS, STATUS_CODES


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message as the gateway tells of it, in status answers and history; times are Unix seconds."""

    gateway_id: int | str
    phone: str
    code: int
    at: int = 0
    err: int = 0
    flag: int = 0
    sent_at: int = 0
    cost: Decimal = Decimal(0)
    parts: int = 1
    sender: str = ""
    text: str = ""
    int_id: int = 0
    type: int | None = 0  # PROTOCOL D.10; None if the manual gives the channel no number


def write_send_ok(
    gateway_id: int | str, parts: int, cost: Decimal | None = None, balance: Decimal | None = None, fmt: int = 3
) -> bytes:
    """An accepted send; `cost` if the request had cost=2 or 3, `balance` if it had 3."""
    money = [amount for amount in (cost, balance) if amount is not None]
    if fmt == 3:
        answer: dict[str, object] = {"id": gateway_id, "cnt": parts}
        answer.update({name: _amount(value) for name, value in zip(("cost", "balance"), money, strict=False)})
        return _json(answer)
    if fmt == 2:
        tags = [("id", gateway_id), ("cnt", parts), *zip(("cost", "balance"), map(_amount, money), strict=False)]
        return _xml("result", tags)
    if fmt == 1:
        return ",".join([str(gateway_id), str(parts), *map(_amount, money)]).encode()
    more = "".join([f", COST - {_amount(cost)}"]) if cost is not None else ""
    return f"OK - {parts} SMS, ID - {gateway_id}{more}".encode()


def write_price(cost: Decimal, parts: int, fmt: int = 3) -> bytes:
    """A price for all phones together."""
    if fmt == 3:
        return _json({"cost": _amount(cost), "cnt": parts})
    if fmt == 2:
        return _xml("result", [("cost", _amount(cost)), ("cnt", parts)])
    return (f"{_amount(cost)},{parts}" if fmt == 1 else f"{_amount(cost)} ({parts} SMS)").encode()


def write_error(code: int, text: str | None = None, gateway_id: int | str | None = None, fmt: int = 3) -> bytes:
    """A request error; `text` defaults to the gateway's own words, `gateway_id` belongs to 3, 6, 7 and 8 of a send."""
    if text is None:
        text = SEND_ERRORS[code].text if code in SEND_ERRORS else "unknown error"
    has_id = gateway_id is not None
    if fmt == 3:
        return _json({"error": text, "error_code": code, **({"id": gateway_id} if has_id else {})})
    if fmt == 2:
        return _xml("result", [("error", text), ("error_code", code), *([("id", gateway_id)] if has_id else [])])
    if fmt == 1:
        return f"{gateway_id if has_id else 0},-{code}".encode()
    return (f"ERROR = {code} ({text})" + (f", ID - {gateway_id}" if has_id else "")).encode()


def write_balance(balance: Decimal, currency: str | None = None, credit: Decimal | None = None, fmt: int = 3) -> bytes:
    """The account's balance; `currency` if the request had cur=1, `credit` if the account has one."""
    fields: list[tuple[str, object]] = [("balance", _amount(balance))]
    if credit is not None:
        fields.append(("credit", _amount(credit)))
    if currency is not None:
        fields.append(("currency", currency))
    if fmt == 3:
        return _json(dict(fields))
    if fmt == 2:
        return "".join([f"<{name}>{_escape(value)}</{name}>" for name, value in fields]).encode()
    return " ".join([str(value) for name, value in fields if name != "currency" or fmt == 0]).encode()


def write_statuses(
    rows: Sequence[Told], is_multiple: bool, detail: int = 0, fmt: int = 3, charset: str = "utf-8"
) -> bytes:
    """Statuses of the messages asked for; a list if the request's id had a comma, else one object.

    fmt 3 for every `detail` (the gateway's `all`), fmt 1 for `detail` 0; ValueError for the others.
    """
    if fmt == 1 and not detail:
        lines = [f"{row.code},{row.at},{row.err}" + (f",{row.gateway_id},{row.phone}" * is_multiple) for row in rows]
        return "\n".join(lines).encode(charset, "replace")
    if fmt != 3:
        raise ValueError(f"status answers with fmt={fmt} and all={detail} are not written")
    answers = [_status(row, is_multiple, detail) for row in rows]
    return _json(answers if is_multiple else answers[0], charset)


def write_history(rows: Sequence[Told], charset: str = "utf-8") -> bytes:
    """A page of history, fmt 3; the rows as given, which is how `prev_id` pages through them."""
    return _json([_past(row) for row in rows], charset)


def _status(row: Told, is_multiple: bool, detail: int) -> dict[str, object]:
    answer: dict[str, object] = {"status": row.code}
    if row.code != -3:
        answer |= {
            "last_date": _date(row.at),
            "last_timestamp": row.at,
            "flag": row.flag,
            "err": row.err,
        }
        if detail:
            answer |= {
                "send_date": _date(row.sent_at),
                "send_timestamp": row.sent_at,
                "phone": row.phone,
                "cost": _amount(row.cost),
                "sender_id": row.sender,
                "status_name": _name(row.code),
                "message": row.text,
                "comment": "",
                **_type(row),
            }
        if detail > 1:
            answer |= {"country": "", "operator": "", "region": "", "mccmnc": "", "sms_cnt": row.parts}
    if is_multiple:
        answer |= {"id": row.gateway_id, "phone": row.phone}
    return answer


def _past(row: Told) -> dict[str, object]:
    return {
        "status": row.code,
        "last_date": _date(row.at),
        "last_timestamp": row.at,
        "err": row.err,
        "send_date": _date(row.sent_at),
        "send_timestamp": row.sent_at,
        "phone": row.phone,
        "cost": _amount(row.cost),
        "sender_id": row.sender,
        "status_name": _name(row.code),
        "message": row.text,
        "mccmnc": "",
        "country": "",
        "operator": "",
        "region": "",
        **_type(row),
        "id": row.gateway_id,
        "int_id": row.int_id,
        "sms_cnt": row.parts,
        "format": 0,
        "crc": "",
    }


def _type(row: Told) -> dict[str, object]:
    return {} if row.type is None else {"type": row.type}


def _name(code: int) -> str:
    return STATUS_CODES[code].name if code in STATUS_CODES else ""


def _date(at: int) -> str:
    return datetime.fromtimestamp(at, MOSCOW).strftime("%d.%m.%Y %H:%M:%S") if at else ""


def _amount(money: Decimal) -> str:
    """Money in plain digits, never with an exponent."""
    return f"{money:f}"


def _json(answer: object, charset: str = "utf-8") -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode(charset, "replace")


def _xml(root: str, tags: Sequence[tuple[str, object]]) -> bytes:
    inner = "".join([f"<{name}>{_escape(value)}</{name}>" for name, value in tags])
    return f"<{root}>{inner}</{root}>".encode()


def _escape(value: object) -> str:
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
