"""Answers of the gateway: bytes to values for the client, values to bytes for whoever answers.

The readers never raise: an answer that is not exactly what the manual promises proves nothing, and says so
(`Outcome.UNKNOWN`, or a row that is neither found nor absent). Samples (PROTOCOL B.6, D.4, D.6, E, C.3):

    {"id": 63, "cnt": 1, "cost": "3.8", "balance": "286.55"}
    {"error": "invalid number", "error_code": 7, "id": 34}
    [{"status": 25, "last_timestamp": 1679060876, "flag": 0, "err": 248, "id": 32, "phone": "77059648729"}]
    [{"status": -3, "id": 138, "phone": "89995190557"}]
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from worker.domain.status import Status
from worker.gateway.codes import (
    CONCURRENT_DELAY_S,
    HISTORY_EMPTY,
    NO_MONEY,
    NOT_FOUND,
    SEND_ERRORS,
    Outcome,
    is_concurrent,
    status_of,
)
from worker.gateway.told import (
    Told,
    write_balance,
    write_error,
    write_history,
    write_price,
    write_send_ok,
    write_statuses,
)

__all__ = [
    "BalanceAnswer",
    "Found",
    "HistoryAnswer",
    "HistoryRow",
    "Outcome",
    "PriceAnswer",
    "SendAnswer",
    "StatusAnswer",
    "Told",
    "read_balance",
    "read_history",
    "read_price",
    "read_send",
    "read_statuses",
    "write_balance",
    "write_error",
    "write_history",
    "write_price",
    "write_send_ok",
    "write_statuses",
]

MAX_SEND_REPLY = 256 * 1024  # bytes; a send's answer is short, a longer one is not the gateway's
MAX_NUMBER = 18  # digits; more is no number of the gateway's
_AMOUNT = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?")
MAX_COST = Decimal(400_000)  # what a receipt can hold; a price above it is no price


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAnswer:
    """What an answer to a send proves.

    `parts` counts the parts of all phones together, 0 where unknown; `cost` is for all of them.
    `delay_s` is how long the login should rest where `outcome` is LATER.
    """

    outcome: Outcome
    sentence: str
    code: int | None = None
    parts: int = 0
    cost: Decimal | None = None
    balance: Decimal | None = None
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAnswer:
    """A price for all phones together; both None where `error` or `sentence` says why not."""

    cost: Decimal | None
    parts: int | None
    error: int | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceAnswer:
    """What is left on the account (may be negative with credit); None where `sentence` says why not."""

    balance: Decimal | None
    currency: str = ""
    credit: Decimal | None = None
    error: int | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One message that the gateway has: proof of acceptance, with what became of it.

    `code` is the gateway's own status; `at` its Unix time, 0 where nothing happened yet; `err` 0…255.
    """

    gateway_id: int
    phone: int
    status: Status
    code: int
    err: int = 0
    at: int = 0
    cost: Decimal | None = None
    parts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAnswer:
    """What an answer proves about the pairs that were asked for; a pair in no list was not answered.

    `no_money` holds pairs at status 24, which proves neither acceptance nor absence.
    """

    found: list[Found] = field(default_factory=list)
    absent: list[tuple[int, int]] = field(default_factory=list)
    no_money: list[tuple[int, int]] = field(default_factory=list)
    error: int | None = None
    sentence: str = ""

    @property
    def is_well_formed(self) -> bool:
        """Whether the gateway itself spoke: rows about our pairs, or one of its error codes."""
        return self.error is not None or self.is_about_messages

    @property
    def is_about_messages(self) -> bool:
        """Whether it said something of one of our pairs."""
        return bool(self.found or self.absent or self.no_money)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One message of the account's history; `int_id` is the gateway's own, global number for it."""

    gateway_id: int
    phone: int
    found: Found | None  # None where its status proves no acceptance (24)
    int_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryAnswer:
    """A page of history. `count` is how many rows the page had, ours or not; `last_int_id` leads to the next."""

    rows: list[HistoryRow] = field(default_factory=list)
    count: int = 0
    last_int_id: int | None = None
    error: int | None = None
    sentence: str = ""


def read_send(http_status: int, body: bytes, gateway_id: int, phones: int) -> SendAnswer:
    """What the answer to a send of `phones` phones under `gateway_id` proves.

    `cnt` counts parts, so it covers every phone only when it is at least their number. Numbers may come as
    strings of digits (PROTOCOL B.6); anything else that differs from the manual is UNKNOWN.
    """
    if len(body) > MAX_SEND_REPLY:
        return _unknown("the answer is too long to be the gateway's")
    answer, trouble = _object(http_status, body)
    if answer is None:
        return _unknown(trouble)
    if "error_code" in answer or "error" in answer:
        return _send_error(answer, gateway_id, phones)
    if not _is_id(answer.get("id"), gateway_id):
        return _unknown("the answer carries another id than ours")
    parts = _count(answer.get("cnt"))
    if parts is None or parts < 1:
        return _unknown("the answer carries no count of parts")
    covers = parts >= phones
    return SendAnswer(
        outcome=Outcome.ACCEPTED if covers else Outcome.ACCEPTED_IN_PART,
        sentence="accepted" if covers else f"accepted, but {parts} parts cannot cover {phones} phones",
        parts=parts,
        cost=_price(answer.get("cost")),
        balance=_money(answer.get("balance")),
    )


def _send_error(answer: dict[str, object], gateway_id: int, phones: int) -> SendAnswer:
    """An error object of a send; one that also looks like a success, or names another id, proves nothing."""
    code = _count(answer.get("error_code"))
    text = answer.get("error", "")
    if code is None or not isinstance(text, str) or "cnt" in answer:
        return _unknown("an error and a success in one answer, or an error without its code")
    if "id" in answer and not _is_id(answer["id"], gateway_id):
        return _unknown("the error carries another id than ours", code)
    row = SEND_ERRORS.get(code)
    if row is None:
        return _unknown(f"error {code} is in no table", code)
    if code == 9 and is_concurrent(text):
        sentence = "too many requests at once"
        return SendAnswer(outcome=Outcome.LATER, sentence=sentence, code=code, delay_s=CONCURRENT_DELAY_S)
    outcome = row.outcome_many if row.outcome_many is not None and phones > 1 else row.outcome
    return SendAnswer(outcome=outcome, sentence=row.meaning, code=code, delay_s=row.delay_s)


def _unknown(sentence: str, code: int | None = None) -> SendAnswer:
    return SendAnswer(outcome=Outcome.UNKNOWN, sentence=sentence, code=code)


def read_price(http_status: int, body: bytes) -> PriceAnswer:
    """The answer to a price request."""
    answer, trouble = _object(http_status, body)
    if answer is None:
        return PriceAnswer(cost=None, parts=None, sentence=trouble)
    error = _error(answer)
    if error is not None:
        return PriceAnswer(cost=None, parts=None, error=error[0], sentence=error[1])
    cost, parts = _price(answer.get("cost")), _count(answer.get("cnt"))
    if cost is None or parts is None:
        return PriceAnswer(cost=None, parts=None, sentence="the answer carries no price")
    return PriceAnswer(cost=cost, parts=parts)


def read_balance(http_status: int, body: bytes) -> BalanceAnswer:
    """The answer to a balance request."""
    answer, trouble = _object(http_status, body)
    if answer is None:
        return BalanceAnswer(balance=None, sentence=trouble)
    error = _error(answer)
    if error is not None:
        return BalanceAnswer(balance=None, error=error[0], sentence=error[1])
    balance, currency = _money(answer.get("balance")), answer.get("currency")
    if balance is None:
        return BalanceAnswer(balance=None, sentence="the answer carries no balance")
    credit = _money(answer.get("credit"))
    return BalanceAnswer(balance=balance, currency=currency if isinstance(currency, str) else "", credit=credit)


def read_statuses(http_status: int, body: bytes, pairs: Sequence[tuple[int, int]]) -> StatusAnswer:
    """What the answer proves about the (gateway id, phone) pairs that were asked for.

    Rows are matched by id and digits, never by position. Only a well-formed -3 is absence, and only
    where no other row of the answer found the same pair.
    """
    rows, error, trouble = _rows(http_status, body)
    if rows is None:
        return StatusAnswer(error=error, sentence=trouble)
    asked = set(pairs)
    lone = next(iter(asked)) if len(asked) == 1 and len(rows) == 1 else None
    found: list[Found] = []
    absent: dict[tuple[int, int], None] = {}
    no_money: dict[tuple[int, int], None] = {}
    for row in rows:
        pair = _pair(row, lone)
        if pair is None or pair not in asked or "error" in row or "error_code" in row:
            continue
        if type(row.get("status")) is int and row["status"] == NOT_FOUND:
            absent[pair] = None
        elif _code(row.get("status")) == NO_MONEY:
            no_money[pair] = None
        elif (one := _found(row, pair)) is not None:
            found.append(one)
    known = {(one.gateway_id, one.phone) for one in found}
    return StatusAnswer(
        found=found,
        absent=[pair for pair in absent if pair not in known and pair not in no_money],
        no_money=[pair for pair in no_money if pair not in known],
        sentence="" if found or absent or no_money else "the answer speaks of none of the messages asked for",
    )


def _pair(row: dict[str, object], lone: tuple[int, int] | None) -> tuple[int, int] | None:
    """Whom a row speaks of; without an id, of the only pair asked for.

    A single answer has no id, and with `all` the phone (PROTOCOL D.4); it must be the one that was asked for.
    """
    if "id" not in row and ("phone" not in row or (lone and _phone(row["phone"]) == lone[1])):
        return lone
    gateway_id, phone = _count(row.get("id")), _phone(row.get("phone"))
    return (gateway_id, phone) if gateway_id is not None and phone is not None else None


def _found(row: dict[str, object], pair: tuple[int, int]) -> Found | None:
    """A row that proves acceptance, or None; details that are malformed are left out, the proof stays."""
    code = _code(row.get("status"))
    status = status_of(code) if code is not None else None
    if code is None or status is None:
        return None
    at, err = _count(row.get("last_timestamp")) or 0, _count(row.get("err")) or 0
    return Found(
        gateway_id=pair[0],
        phone=pair[1],
        status=status,
        code=code,
        err=min(err, 255),
        at=at if at < 2**32 else 0,
        cost=_price(row.get("cost")),
        parts=_count(row.get("sms_cnt")),
    )


def read_history(http_status: int, body: bytes) -> HistoryAnswer:
    """A page of history. Rows that are not ours to understand (string ids, e-mail) are counted and left out."""
    rows, error, trouble = _rows(http_status, body)
    if rows is None:
        is_empty = error == HISTORY_EMPTY
        return HistoryAnswer(error=None if is_empty else error, sentence="" if is_empty else trouble)
    ours: list[HistoryRow] = []
    last: int | None = None
    for row in rows:
        int_id = _count(row.get("int_id"))
        last = int_id if int_id is not None else last
        pair = _pair(row, None)
        if int_id is None or pair is None or _code(row.get("status")) in (None, NOT_FOUND):
            continue
        ours.append(HistoryRow(gateway_id=pair[0], phone=pair[1], found=_found(row, pair), int_id=int_id))
    return HistoryAnswer(rows=ours, count=len(rows), last_int_id=last)


# --- what all readers share ----------------------------------------------------------------------------------


def _json(http_status: int, body: bytes) -> tuple[object, str]:
    """The JSON value of an answer, or (None, why there is none)."""
    if http_status != 200:
        return None, f"the answer has HTTP status {http_status}"
    if not body.strip():
        return None, "the answer is empty"
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_no), ""
    except (ValueError, RecursionError, InvalidOperation):
        return None, "the answer is not well-formed JSON"


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object whose keys all differ: of two values for one key neither can be trusted."""
    answer = dict(pairs)
    if len(answer) != len(pairs):
        raise ValueError
    return answer


def _no(constant: str) -> object:
    raise ValueError


def _object(http_status: int, body: bytes) -> tuple[dict[str, object] | None, str]:
    """The JSON object of an answer, or (None, why there is none)."""
    value, trouble = _json(http_status, body)
    if isinstance(value, dict):
        return value, ""
    return None, trouble or "the answer is no JSON object"


def _rows(http_status: int, body: bytes) -> tuple[list[dict[str, object]] | None, int | None, str]:
    """The rows of a list answer (a lone object is a list of one), or (None, error code, why there are none)."""
    value, trouble = _json(http_status, body)
    if isinstance(value, dict):
        error = _error(value)
        return (None, *error) if error is not None else ([value], None, "")
    if isinstance(value, list):
        return [row for row in value if isinstance(row, dict)], None, ""
    return None, None, trouble or "the answer is neither object nor list"


def _error(answer: dict[str, object]) -> tuple[int | None, str] | None:
    """The error that an object reports: its code (None where malformed) and a sentence; None where it reports none."""
    if "error_code" not in answer and "error" not in answer:
        return None
    code = _count(answer.get("error_code"))
    return code, f"the gateway answers error {code}" if code is not None else "an error without its code"


def _is_id(value: object, gateway_id: int) -> bool:
    """Whether a value is our id: the number itself or exactly its digits."""
    return (type(value) is int and value == gateway_id) or (isinstance(value, str) and value == str(gateway_id))


def _count(value: object) -> int | None:
    """A whole number from 0, written as number or digits; None for anything else, `true` and 1.0 included."""
    if type(value) is int:
        return value if 0 <= value < 10**MAX_NUMBER else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_NUMBER:
        return int(value)
    return None


def _code(value: object) -> int | None:
    """A status code, which may be negative; None for what is none."""
    if type(value) is int:
        return value if abs(value) < 10**6 else None
    if isinstance(value, str):
        size = _count(value.removeprefix("-"))
        if size is not None and size < 10**6:
            return -size if value.startswith("-") else size
    return None


def _phone(value: object) -> int | None:
    """A phone from its digits; a plus does no harm."""
    return _count(value.removeprefix("+") if isinstance(value, str) else value)


def _money(value: object) -> Decimal | None:
    """Money as the gateway writes it, string or number; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if isinstance(value, int) and abs(value) >= 10**12:
        return None
    written = str(value)
    return Decimal(written) if _AMOUNT.fullmatch(written) else None


def _price(value: object) -> Decimal | None:
    """Money that is a price: not negative, and no more than a receipt can hold."""
    money = _money(value)
    return money if money is not None and 0 <= money <= MAX_COST else None
