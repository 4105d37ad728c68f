"""Answers of the gateway as the client reads them: bytes to values.

The readers never raise: an answer that is not exactly as the manual promises proves nothing and is read so
(`Outcome.UNKNOWN`, or a row that is neither found nor absent). Samples (PROTOCOL B.6, D.4, D.6, E, C.3):

    {"id": 63, "cnt": 1, "cost": "3.8", "balance": "286.55"}
    {"error": "invalid number", "error_code": 7, "id": 34}
    [{"status": 25, "last_timestamp": 1679060876, "flag": 0, "err": 248, "id": 32, "phone": "77059648729"}]
    [{"status": -3, "id": 138, "phone": "89995190557"}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from smsq.worker.domain.fact import Fact
from smsq.worker.domain.recipient import Recipient, answered
from smsq.worker.gateway import comments
from smsq.worker.gateway.http.json_values import code_of, count_of, error_of, is_id, object_of, rows_of
from smsq.worker.gateway.money import amount, price
from smsq.worker.gateway.numbers import (
    CONCURRENT_DELAY_S,
    HISTORY_EMPTY,
    NO_MONEY,
    NOT_FOUND,
    SEND_ERRORS,
    is_concurrent,
    status_of,
)
from smsq.worker.gateway.outcomes import (
    AnswersPage,
    HistoryAnswer,
    HistoryRow,
    Outcome,
    Reply,
    SendAnswer,
    StatusAnswer,
)
from smsq.worker.gateway.results import network_of, read_code, read_result

MAX_SEND_REPLY = 256 * 1024  # bytes; a send's answer is short, a longer one is not the gateway's
Pair = tuple[int, Recipient]  # gateway id and who it is for: by these the gateway knows a message
MAX_ERROR = 10**6  # a delivery error has fewer digits; the manual names none above 255


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAnswer:
    """A price for all phones together; both None if `error` or `sentence` says why not."""

    cost: Decimal | None
    parts: int | None
    error: int | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceAnswer:
    """What is left on the account (may be negative with credit); None if `sentence` says why not."""

    balance: Decimal | None
    currency: str = ""
    credit: Decimal | None = None
    error: int | None = None
    sentence: str = ""


def read_send(http_status: int, body: bytes, gateway_id: int, phones: int) -> SendAnswer:
    """What the answer to a send of `phones` phones under `gateway_id` proves.

    `cnt` counts parts, so it covers every phone only when it is at least their number. Numbers may come as
    strings of digits (PROTOCOL B.6); anything else that differs from the manual is UNKNOWN.
    """
    if len(body) > MAX_SEND_REPLY:
        return _unknown("the answer is too long to be the gateway's")
    answer, trouble = object_of(http_status, body)
    if answer is None:
        return _unknown(trouble)
    if "error_code" in answer or "error" in answer:
        return _send_error(answer, gateway_id, phones)
    if not is_id(answer.get("id"), gateway_id):
        return _unknown("the answer carries another id than ours")
    parts = count_of(answer.get("cnt"))
    if parts is None or parts < 1:
        return _unknown("the answer carries no count of parts")
    covers = parts >= phones
    return SendAnswer(
        outcome=Outcome.ACCEPTED if covers else Outcome.ACCEPTED_IN_PART,
        sentence="accepted" if covers else f"accepted, but {parts} parts cannot cover {phones} phones",
        parts=parts,
        cost=price(answer.get("cost")),
        balance=amount(answer.get("balance")),
        spoken=read_code(answer.get("code")),
    )


def _send_error(answer: dict[str, object], gateway_id: int, phones: int) -> SendAnswer:
    """An error object of a send; one that also looks like a success, or names another id, proves nothing."""
    code = count_of(answer.get("error_code"))
    text = answer.get("error", "")
    if code is None or not isinstance(text, str) or "cnt" in answer:
        return _unknown("an error and a success in one answer, or an error without its code")
    if "id" in answer and not is_id(answer["id"], gateway_id):
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
    answer, trouble = object_of(http_status, body)
    if answer is None:
        return PriceAnswer(cost=None, parts=None, sentence=trouble)
    error = error_of(answer)
    if error is not None:
        return PriceAnswer(cost=None, parts=None, error=error[0], sentence=error[1])
    cost, parts = price(answer.get("cost")), count_of(answer.get("cnt"))
    if cost is None or parts is None:
        return PriceAnswer(cost=None, parts=None, sentence="the answer carries no price")
    return PriceAnswer(cost=cost, parts=parts)


def read_balance(http_status: int, body: bytes) -> BalanceAnswer:
    """The answer to a balance request."""
    answer, trouble = object_of(http_status, body)
    if answer is None:
        return BalanceAnswer(balance=None, sentence=trouble)
    error = error_of(answer)
    if error is not None:
        return BalanceAnswer(balance=None, error=error[0], sentence=error[1])
    balance, currency = amount(answer.get("balance")), answer.get("currency")
    if balance is None:
        return BalanceAnswer(balance=None, sentence="the answer carries no balance")
    credit = amount(answer.get("credit"))
    return BalanceAnswer(balance=balance, currency=currency if isinstance(currency, str) else "", credit=credit)


def read_statuses(http_status: int, body: bytes, pairs: Sequence[Pair]) -> StatusAnswer:
    """What the answer proves about the (gateway id, recipient) pairs that were asked for.

    Rows are matched by id and recipient, never by position. Only a well-formed -3 is absence, and only
    if no other row of the answer found the same pair.
    """
    answer, error, trouble = rows_of(http_status, body)
    if answer is None:
        return StatusAnswer(error=error, sentence=trouble)
    rows = answer.rows
    asked = set(pairs)
    lone = next(iter(asked)) if len(asked) == 1 and len(rows) == 1 and not answer.broken else None
    facts: list[Fact] = []
    absent: dict[Pair, None] = {}
    no_money: dict[Pair, None] = {}
    for row in rows:
        pair = _pair(row, lone)
        if pair is None or pair not in asked or "error" in row or "error_code" in row:
            continue
        if _is_not_found(row.get("status")):
            absent[pair] = None
        elif code_of(row.get("status")) == NO_MONEY:
            no_money[pair] = None
        elif (one := _fact(row, pair)) is not None:
            # Asked for this very message, the gateway tells what a probe found, or there is nothing.
            facts.append(one if one.result is not None else replace(one, result={}))
    known = {(one.gateway_id, one.recipient) for one in facts}
    return StatusAnswer(
        facts=facts,
        absent=[pair for pair in absent if pair not in known and pair not in no_money],
        no_money=[pair for pair in no_money if pair not in known],
        sentence="" if facts or absent or no_money else "the answer speaks of none of the messages asked for",
    )


def _is_not_found(status: object) -> bool:
    """Whether a status is exactly -3, as a number or, since the gateway quotes numbers now and then, as its digits."""
    return status == str(NOT_FOUND) if isinstance(status, str) else type(status) is int and status == NOT_FOUND


def _pair(row: dict[str, object], lone: Pair | None) -> Pair | None:
    """The pair that a row is about; without an id, the only pair asked for.

    A single answer has no id, and with `all` the phone (PROTOCOL D.4), which must be the one asked for.
    """
    if "id" not in row and ("phone" not in row or (lone and answered(row["phone"]) == lone[1])):
        return lone
    gateway_id, recipient = count_of(row.get("id")), answered(row.get("phone"))
    return (gateway_id, recipient) if gateway_id is not None and recipient is not None else None


def _fact(row: dict[str, object], pair: Pair) -> Fact | None:
    """The fact of a row that proves acceptance, else None; malformed details are left out, the proof stays."""
    code = code_of(row.get("status"))
    status = status_of(code) if code is not None else None
    if status is None:
        return None
    at, err = count_of(row.get("last_timestamp")) or 0, count_of(row.get("err")) or 0
    return Fact(
        gateway_id=pair[0],
        recipient=pair[1],
        status=status,
        error_code=err if err < MAX_ERROR else 0,
        parts=count_of(row.get("sms_cnt")) or 0,
        cost=price(row.get("cost")),
        at=at if at < 2**32 else 0,
        result=read_result(row),
        network=network_of(row),
        has_error=count_of(row.get("err")) is not None,
    )


def _said_pair(row: Mapping[str, object]) -> Pair | None:
    """The pair that a row's comment names, of a message that left by a wire without our ids (`comments.py`)."""
    try:
        gateway_id = comments.id_of_row(row)
    except ValueError:
        return None
    recipient = answered(row.get("phone")) if gateway_id is not None else None
    return None if gateway_id is None or recipient is None else (gateway_id, recipient)


def read_history(http_status: int, body: bytes) -> HistoryAnswer:
    """A page of history. Rows of other programs (string ids) are counted and left out."""
    answer, error, trouble = rows_of(http_status, body)
    if answer is None:
        is_empty = error == HISTORY_EMPTY
        return HistoryAnswer(error=None if is_empty else error, sentence="" if is_empty else trouble)
    ours: list[HistoryRow] = []
    last: int | None = None
    for row in answer.rows:
        int_id = count_of(row.get("int_id"))
        last = int_id if int_id is not None else last
        pair = _said_pair(row) or _pair(row, None)
        if int_id is None or pair is None or code_of(row.get("status")) in (None, NOT_FOUND):
            continue
        region = row.get("region")
        ours.append(
            HistoryRow(
                gateway_id=pair[0],
                recipient=pair[1],
                fact=_fact(row, pair),
                int_id=int_id,
                region=region if isinstance(region, str) else "",
            )
        )
    return HistoryAnswer(rows=ours, count=len(answer.rows) + answer.broken, last_int_id=last, broken=answer.broken)


def read_answers(http_status: int, body: bytes) -> AnswersPage:
    """Incoming messages; a row without an id, a phone or a text is left out."""
    answer, error, trouble = rows_of(http_status, body)
    if answer is None:
        is_empty = error == HISTORY_EMPTY
        return AnswersPage(error=None if is_empty else error, sentence="" if is_empty else trouble)
    replies = []
    for row in answer.rows:
        number, sender, text = count_of(row.get("id")), answered(row.get("phone")), row.get("message")
        if number is not None and sender is not None and isinstance(text, str):
            replies.append(Reply(id=number, recipient=sender, text=text))
    return AnswersPage(replies=replies, last_id=max((each.id for each in replies), default=0))
