"""What the sandbox received, with texts, the newest first, so that a person can see the code that just came.

A text may be shown here and nowhere else: the sandbox is a gateway on this machine, and nothing in it reached anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from heapq import merge
from typing import Any

from smsq.worker.domain.errors import BadInput
from smsq.worker.gateway.numbers import STATUS_CODES
from smsq.worker.sandbox.gateway import Gateway
from smsq.worker.sandbox.state import Account, Record, money

FEW, MOST = 50, 1000  # messages in one answer: by default, and at most
FIELDS = frozenset({"phone", "limit", "after"})
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)


def newest(gateway: Gateway, now: float, told: dict[str, str]) -> list[dict[str, Any]]:
    """Messages, the newest first; `told` may hold a `phone`, a `limit`, and `after`, the `n` of one that is known.

    Raises BadInput. What was refused is told too: its status says so, and it was never on its way.
    """
    if strange := sorted(set(told) - FIELDS):
        raise BadInput(f"messages are asked for by {', '.join(sorted(FIELDS))}, not {strange[0]!r}")
    phone = re.sub(r"\D", "", told.get("phone", ""))
    if told.get("phone", "").strip() and not phone:
        raise BadInput("a phone is digits, with or without a +")
    limit, after = _whole(told, "limit", FEW), _whole(told, "after", 0)
    shown: list[dict[str, Any]] = []
    for record, place, account in _backwards(gateway, phone, after):
        if len(shown) >= min(limit, MOST):
            break
        shown.append(_shown(gateway, account, record, place, now))
    return shown


def last(gateway: Gateway) -> int:
    """The `n` of the newest message, 0 if there is none."""
    return next((record.first_int_id + place for record, place, _ in _backwards(gateway)), 0)


def _backwards(gateway: Gateway, phone: str = "", after: int = 0) -> Iterator[tuple[Record, int, Account]]:
    """Every message of every account, the newest first; `n` counts within an account."""
    ways = [_of_account(account, phone, after) for account in gateway.accounts.values()]
    return ways[0] if len(ways) == 1 else merge(*ways, key=lambda each: -each[0].at)


def _of_account(account: Account, phone: str, after: int) -> Iterator[tuple[Record, int, Account]]:
    for record in reversed(account.records):
        if record.first_int_id + len(record.messages) - 1 <= after:
            return
        for place in range(len(record.messages) - 1, max(-1, after - record.first_int_id), -1):
            if not phone or record.messages[place][0] == phone:
                yield record, place, account


def _shown(gateway: Gateway, account: Account, record: Record, place: int, now: float) -> dict[str, Any]:
    phone, text = record.messages[place]
    code = gateway.statuses.standing(record, phone, now).code
    shown: dict[str, Any] = {
        "n": record.first_int_id + place,
        "at": round(record.at, 3),
        "phone": phone,
        "text": text,
        "channel": record.channel,
        "sender": record.sender,
        "status": STATUS_CODES[code].name,
        "is_accepted": not record.code,
        "parts": record.parts_at(place),
        "cost": str(money(record.cost_at(place))),
        "id": record.id,
        "mirror": record.mirror,
    }
    if comment := record.comments.get(place):
        shown["comment"] = comment
    if record.extra:
        shown["fields"] = dict(record.extra)
    if record.files:
        shown["files"] = [{"name": file.name, "size": file.size, "digest": file.digest} for file in record.files]
    return shown


def _whole(told: dict[str, str], name: str, default: int) -> int:
    written = told.get(name, "")
    if written and _WHOLE.fullmatch(written) is None:
        raise BadInput(f"{name} is a whole number, not {written!r}")
    return int(written) if written else default
