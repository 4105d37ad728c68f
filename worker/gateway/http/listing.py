"""A page of history read as evidence of absence: a message that is on no page of a list was not accepted.

`client_replies.read_history` takes from a page what it can. Here an overlooked row would mean that its message never
arrived, so anything unreadable makes the page no evidence: broken bytes, repeated keys, a malformed id or phone that
might be ours, numbers that do not run in one direction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from smsq.worker.domain.fact import MISSING_PART
from smsq.worker.domain.recipient import Recipient, answered
from smsq.worker.gateway import comments
from smsq.worker.gateway.numbers import HISTORY_EMPTY, UNDELIVERABLE

_FOREIGN_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")  # of another program; ours are numbers (PROTOCOL B.1)
_NUMBER = re.compile(r"[0-9]{1,18}")
_PHONE = re.compile(r"\+?([0-9]{5,18})")

Pair = tuple[int, Recipient]  # gateway id and who it is for


class _Spoilt(Exception):
    """Something on the page cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPage:
    """One page; `trouble` says why it proves nothing, '' if it was read whole.

    A page without rows is the end of its list: how many rows a page may have is not relied on. `unsaid` has the
    recipients of rows without a comment of ours, each with when the youngest was sent; None if it cannot be read.
    """

    shown: Sequence[Pair] = field(default=(), repr=False)  # whatever their status
    unsaid: Mapping[Recipient | None, int] = field(default_factory=dict, repr=False)
    count: int = 0
    first_int_id: int = 0
    last_int_id: int = 0
    newest: int = 0  # when the youngest of its messages was sent, in Unix seconds
    error: int | None = None  # the code, if the gateway answers with one
    trouble: str = ""

    @property
    def is_descending(self) -> bool:
        """Whether newer messages come before older ones; a single row does not tell."""
        return self.first_int_id > self.last_int_id


def read_page(http_status: int, body: bytes) -> ListedPage:
    """A page of history, or why it is no evidence; never raises."""
    if http_status != 200:
        return ListedPage(trouble=f"the answer has HTTP status {http_status}")
    try:
        told = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no)
    except (ValueError, RecursionError, _Spoilt):
        return ListedPage(trouble="the answer is not well-formed JSON")
    if isinstance(told, dict):
        code = told.get("error_code")
        if type(code) is int and code == HISTORY_EMPTY and "error" in told:
            return ListedPage()
        return ListedPage(error=code if type(code) is int else None, trouble="the answer is no list")
    if not isinstance(told, list):
        return ListedPage(trouble="the answer is no list")
    try:
        return _page(told)
    except _Spoilt as spoilt:
        return ListedPage(trouble=str(spoilt))


def _page(rows: list[object]) -> ListedPage:
    shown: list[Pair] = []
    unsaid: dict[Recipient | None, int] = {}
    int_ids: list[int] = []
    newest = 0
    for row in rows:
        if not isinstance(row, dict):
            raise _Spoilt("a row is no object")
        int_ids.append(_number(row.get("int_id"), "int_id"))
        sent_at = _number(row.get("send_timestamp"), "send_timestamp")
        newest = max(newest, sent_at)
        pair = _pair(row)
        if pair is not None:
            shown.append(pair)
        if (said := _said_pair(row)) is not None:
            if not _is_incomplete(row):
                shown.append(said)
        elif not _is_incomplete(row):
            recipient = answered(row.get("phone"))
            unsaid[recipient] = max(unsaid.get(recipient, 0), sent_at)
    steps = [after - before for before, after in pairwise(int_ids)]
    if not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        raise _Spoilt("its rows do not run in one direction")
    if not rows:
        return ListedPage()
    return ListedPage(
        shown=shown,
        unsaid=unsaid,
        count=len(rows),
        first_int_id=int_ids[0],
        last_int_id=int_ids[-1],
        newest=newest,
    )


def _pair(row: dict[str, object]) -> Pair | None:
    """The pair that a row is about; None if it is certainly another program's."""
    gateway_id, phone = row.get("id"), row.get("phone")
    if isinstance(gateway_id, str) and _NUMBER.fullmatch(gateway_id) is None:
        if _FOREIGN_ID.fullmatch(gateway_id) is None:
            raise _Spoilt("an id cannot be read")
        return None
    number = _number(gateway_id, "id")
    if isinstance(phone, str) and ("@" in phone or phone.startswith("#")):
        address = answered(phone)
        if address is None:
            raise _Spoilt("an address cannot be read")
        return number, address
    digits = _PHONE.fullmatch(phone) if isinstance(phone, str) else None
    if digits is not None:
        return number, int(digits[1])
    return number, _number(phone, "phone")


def _is_incomplete(row: dict[str, object]) -> bool:
    """Whether a message ended because a part of it never came: no phone got it, and it may go again (PROTOCOL D.9)."""
    return row.get("status") == UNDELIVERABLE and row.get("err") == MISSING_PART


def _said_pair(row: dict[str, object]) -> Pair | None:
    """The pair that a row's comment names: a message that left by a wire without our ids is shown by that alone."""
    try:
        gateway_id = comments.id_of_row(row)
    except ValueError:
        raise _Spoilt("a comment cannot be read") from None
    if gateway_id is None:
        return None
    recipient = answered(row.get("phone"))
    if recipient is None:
        raise _Spoilt("the recipient of a message of ours cannot be read")
    return gateway_id, recipient


def _number(value: object, name: str) -> int:
    if type(value) is int and 0 <= value < 10**18:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    raise _Spoilt(f"its {name} cannot be read")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise _Spoilt("a key stands twice")
    return told


def _no(constant: str) -> object:
    raise _Spoilt(constant)
